import { setTimeout as wait } from 'node:timers/promises';
import { stringify } from 'yaml';
import { createRenderer } from '../../adapters/templates/render.ts';
import { installationOf } from '../../config/installation.ts';
import { ConfigError } from '../../config/load.ts';
import { SystemError } from '../../controller/ports.ts';
import type { Installation } from '../../rollout/index.ts';
import { placeOf } from '../cluster/cluster.ts';
import { readConfiguration } from '../configuration.ts';
import { type CliIo, EXIT } from '../io.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { detectsOf } from './detects.ts';
import { notesOf } from './notes.ts';
import { readOptions, type WrittenOptions } from './options.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { type Prepared, prepare } from './prepare.ts';
import { createPastProviders, type PastProviders, withUrls } from './providers.ts';
import { asObject, asText, type Findings } from './report.ts';
import { ProviderDown, walk } from './walk.ts';

/** Reads, judges and prints; answers with the exit code. */
export const analyze = async (io: CliIo, rollout: string | undefined, written: WrittenOptions): Promise<number> => {
  const asked = readOptions(rollout, written, Date.now());
  if ('problems' in asked) return refuse(io, asked.problems);
  let cluster: Cluster | undefined;
  try {
    const config = withUrls(readConfiguration(written.config, io.env, 'ignored'), asked);
    if (Object.keys({ ...config.providers.prometheus, ...config.providers.zipkin }).length === 0)
      return refuse(io, [NO_PROVIDER]);
    const isNamed = asked.rollout !== undefined && 'name' in asked.rollout;
    cluster = written.offline ? undefined : openCluster(placeOf(written, io.env), isNamed);
    const past = createPastProviders(config, asked.range);
    const installation = installationOf(config);
    const prepared = await prepare(asked, { installation, cluster, findWorkloads: past.findWorkloads });
    if ('problems' in prepared) return refuse(io, prepared.problems);
    const findings = await judge(prepared, { past, installation, cluster: cluster?.server });
    io.out(write(findings, written.output));
    return EXITS[findings.outcome.kind];
  } catch (error) {
    return failed(io, error);
  } finally {
    cluster?.close();
  }
};

const NO_PROVIDER =
  'no provider is known, expected --config with a file that has providers, or --prometheus or --zipkin with an address';

const EXITS = {
  passed: EXIT.done,
  undecided: EXIT.done,
  rolledBack: EXIT.no,
  paused: EXIT.no,
  providerFailed: EXIT.unreachable,
  noData: EXIT.unreachable,
} as const satisfies Record<Outcome['kind'], number>;

const refuse = (io: CliIo, problems: readonly string[]): number => {
  for (const problem of problems) io.err(`${problem}\n`);
  return EXIT.usage;
};

const failed = (io: CliIo, error: unknown): number => {
  if (error instanceof ConfigError) return refuse(io, [error.message]);
  if (!(error instanceof SystemError) && !(error instanceof ProviderDown)) throw error;
  const isKubernetes = error instanceof SystemError && error.system === 'kubernetes';
  io.err(`${error.message}${isKubernetes ? '; with a file, --offline asks no cluster' : ''}\n`);
  return EXIT.unreachable;
};

type Means = {
  readonly past: PastProviders;
  readonly installation: Installation;
  /** Where the cluster is that was asked. */
  readonly cluster: string | undefined;
};

const judge = async (prepared: Prepared, { past, installation, cluster }: Means): Promise<Findings> => {
  const { providers, setNow, asked, skipped } = past;
  const deps = {
    providers,
    installation,
    render: createRenderer(),
    now: () => Date.now(),
    setNow,
    wait: (ms: number) => wait(ms),
  };
  const walked = await walk(prepared.subjects, deps);
  const notes = notesOf({ prepared, walked, skipped, cluster });
  const { fromMs, toMs } = prepared.subjects.range;
  return { prepared, walked, outcome: outcomeOf(walked), notes, asked, detects: detectsOf(walked.gates, toMs - fromMs) };
};

const write = (findings: Findings, format: WrittenOptions['output']): string => {
  if (format === 'text') return asText(findings);
  const object: unknown = JSON.parse(JSON.stringify(asObject(findings)));
  return format === 'json' ? `${JSON.stringify(object, null, 2)}\n` : stringify(object);
};
