import type { Installation, RolloutSpec } from '../../rollout/index.ts';
import { problemLine, readRolloutFile } from '../rolloutFile.ts';

/** A Rollout as it stands in a file. */
export type WrittenRollout = { readonly name: string; readonly namespace?: string; readonly spec: RolloutSpec };

/** The only Rollout of a file, checked like `sluice validate` does; or everything that is wrong, with file and line. */
export const readWrittenRollout = async (
  file: string,
  installation: Installation,
): Promise<WrittenRollout | { readonly problems: readonly string[] }> => {
  const read = await readRolloutFile(file);
  if ('problems' in read) return read;
  const errors = read.errorsFor(installation);
  if (errors.length > 0) return { problems: errors.map(problemLine) };
  const { metadata, spec } = read.rollout;
  return { name: metadata.name, spec, ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }) };
};
