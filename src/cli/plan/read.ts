import type { ParsedRollout } from '../../adapters/spec/parse.ts';
import { type Installation, type RolloutSpec, wantedGates } from '../../rollout/index.ts';
import { problemLine, readRolloutFile } from '../rolloutFile.ts';

/** The Rollout of a file, and the installation that it is planned for. */
export type Planned = {
  readonly rollout: ParsedRollout;
  readonly installation: Installation;
};

/** The only Rollout of a file; or everything that is wrong with it, with file and line. `undefined`: no configuration is known. */
export const readRollout = async (
  file: string,
  configured: Installation | undefined,
): Promise<Planned | { readonly problems: readonly string[] }> => {
  const read = await readRolloutFile(file);
  if ('problems' in read) return read;
  const { rollout, errorsFor } = read;
  const installation = configured ?? assumedInstallation(rollout.spec);
  const wrong = errorsFor(installation);
  if (wrong.length > 0) return { problems: wrong.map(problemLine) };
  return { rollout, installation };
};

/** Without a configuration there is what the Rollout names, and one Prometheus. */
const assumedInstallation = (spec: RolloutSpec): Installation => {
  const gates = wantedGates(spec).map(({ gate }) => gate);
  const named = (kind: 'prometheus' | 'zipkin'): readonly string[] =>
    gates.flatMap(gate => (gate[kind] === undefined ? [] : [gate[kind].provider ?? 'default']));
  return {
    prometheus: [...new Set(['default', ...named('prometheus')])],
    zipkin: [...new Set(named('zipkin'))],
    webhookGates: gates.flatMap(({ webhook }) => originOf(webhook?.url)),
  };
};

const originOf = (url: string | undefined): readonly string[] => {
  const example = url?.replaceAll(/\{\{[^{}]*\}\}/g, 'x');
  return example !== undefined && URL.canParse(example) ? [new URL(example).origin] : [];
};
