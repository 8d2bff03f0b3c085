import type { Logger } from '../../../src/controller/ports.ts';

export type Line = { readonly level: string; readonly message: string; readonly fields: object };

/** A logger that keeps its lines. */
export function createLines(): { readonly lines: Line[]; readonly logger: Logger } {
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => logger };
  return { lines, logger };
}
