import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const SOURCE = fileURLToPath(new URL('programs/', import.meta.url));

/** Programs of the bed that run beside its tests. */
type ProgramName = 'pods' | 'gitServer' | 'guard' | 'load';

const NAMES: readonly ProgramName[] = ['pods', 'gitServer', 'guard', 'load'];

/** Path of a compiled program of a bed. */
export function programOf(directory: string, name: ProgramName): string {
  return join(directory, 'programs', `${name}.js`);
}

/** Compiles the programs into the bed's directory: Node 20 runs no TypeScript. */
export async function compilePrograms(directory: string): Promise<void> {
  await build({
    entryPoints: NAMES.map(name => join(SOURCE, `${name}.ts`)),
    outdir: join(directory, 'programs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
  });
}
