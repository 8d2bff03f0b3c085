import { type Logger, SystemError } from '../ports.ts';
import type { GitContent, GitRepository } from '../source-ports.ts';
import type { DesiredState } from './desired.ts';

export type Reading = {
  /** Looks whether the branch has moved, and reads it if so; the answer is what went wrong. */
  look(signal: AbortSignal): Promise<string | undefined>;
  /** What Git says as of the last look that went well, if there was one since `distrust`. */
  latest(): DesiredState | undefined;
  /** What is known may be old: another leader may have applied a newer commit meanwhile. The next look tells. */
  distrust(): void;
};

/** Follows a branch. A look that fails leaves everything as it was. */
export function createReading(repository: GitRepository, parse: (content: GitContent) => DesiredState, logger: Logger): Reading {
  let latest: DesiredState | undefined;
  let failure: string | undefined;
  let isTrusted = false;

  const failed = (error: unknown, signal: AbortSignal): string | undefined => {
    if (signal.aborted) return failure;
    const reason = error instanceof Error ? error.message : String(error);
    if (!(error instanceof SystemError)) logger.error({ err: error }, 'reading Git failed unexpectedly');
    else if (reason !== failure) logger.warn({ reason }, 'Git cannot be read; nothing is changed');
    return reason;
  };

  const look = async (signal: AbortSignal): Promise<string | undefined> => {
    try {
      const { oid } = await repository.poll(signal);
      if (oid !== latest?.oid) latest = parse(await repository.read(oid, signal));
      isTrusted = true;
      if (failure !== undefined) logger.info({ revision: latest.revision }, 'Git can be read again');
      failure = undefined;
    } catch (error) {
      failure = failed(error, signal);
    }
    return failure;
  };

  return {
    look,
    latest: () => (isTrusted ? latest : undefined),
    distrust: () => {
      isTrusted = false;
    },
  };
}
