import { stringify } from 'yaml';
import { installationOf } from '../../config/installation.ts';
import { type Config, ConfigError } from '../../config/load.ts';
import { SystemError } from '../../controller/ports.ts';
import { withUrls } from '../analyze/providers.ts';
import { type Cluster, inCluster } from '../cluster/cluster.ts';
import { readConfiguration } from '../configuration.ts';
import { type CliIo, EXIT } from '../io.ts';
import { type Compared, isBlocked } from './compared.ts';
import { foresee } from './foresee.ts';
import { lookAtCluster } from './live.ts';
import { asMarkdown } from './markdown.ts';
import { type Measured, type MeasuredSides, measureNormal } from './measured.ts';
import { type Assumed, readOptions, type WrittenOptions } from './options.ts';
import { type Planned, readRollout } from './read.ts';
import { asObject, type Report, reportOf } from './report.ts';
import { asText } from './text.ts';
import { lookIntoGit } from './then.ts';

/** Tells what the Rollout of a file would do, and sets the exit code. */
export const plan = async (io: CliIo, file: string, written: WrittenOptions): Promise<void> => {
  const wanted = readOptions(written);
  if ('problems' in wanted) return refuse(io, wanted.problems);
  const config = configurationOf(io, written.config);
  if (config instanceof ConfigError) return refuse(io, [config.message]);
  const planned = await readRollout(file, config === undefined ? undefined : installationOf(config));
  if ('problems' in planned) return refuse(io, planned.problems);
  const job: Job = { io, written, planned, config, assumed: wanted.assumed, nowMs: Date.now() };
  const { against } = wanted;
  if (against.kind === 'nothing') return io.exit(tell(job, {}));
  if (against.kind === 'git') return await besideGit(job, file, against.ref);
  await inCluster(hinting(io), written, cluster => besideCluster(job, cluster));
};

type Job = {
  readonly io: CliIo;
  readonly written: WrittenOptions;
  readonly planned: Planned;
  readonly config: Config | undefined;
  readonly assumed: Assumed;
  readonly nowMs: number;
};

const besideGit = async (job: Job, file: string, ref: string | undefined): Promise<void> => {
  try {
    job.io.exit(tell(job, { compared: await lookIntoGit(file, ref, job.planned) }));
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    job.io.err(`${error.message}\n`);
    job.io.exit(EXIT.unreachable);
  }
};

const DEFAULT_NAMESPACE = 'sluice-system';

const besideCluster = async (job: Job, cluster: Cluster): Promise<number> => {
  const { planned, written, config, io } = job;
  const { namespace } = planned.rollout.metadata;
  if (written.namespace !== undefined && namespace !== undefined && written.namespace !== namespace) {
    io.err(`the file says namespace ${namespace}, and -n says ${written.namespace}; expected the same\n`);
    return EXIT.usage;
  }
  const { compared, sides } = await lookAtCluster(cluster, {
    ...planned,
    controllerNamespace: written.controllerNamespace ?? config?.leaderElection.namespace ?? DEFAULT_NAMESPACE,
    isDiffWanted: written.diff !== false,
    nowMs: job.nowMs,
  });
  const measured = sides === undefined ? undefined : await measure(job, sides);
  return tell(job, {
    compared: { ...compared, notes: [...compared.notes, ...notesOf(job, measured)] },
    ...(measured === undefined ? {} : { known: measured.known }),
    ...(namespace === undefined ? { namespace: cluster.namespace } : {}),
  });
};

/** With a provider; what a person has said about the traffic counts more. */
const measure = async (job: Job, sides: MeasuredSides): Promise<Measured | undefined> => {
  const { io, written, config, planned, nowMs } = job;
  if (config === undefined && written.prometheus === undefined) return undefined;
  const prometheus = written.prometheus === undefined ? {} : { default: written.prometheus };
  const providers = withUrls(config ?? readConfiguration(undefined, io.env, 'ignored'), { urls: { prometheus, zipkin: {} } });
  return await measureNormal(providers, config === undefined ? installationOf(providers) : planned.installation, sides, nowMs);
};

const notesOf = ({ assumed }: Job, measured: Measured | undefined): readonly string[] => {
  if (measured === undefined)
    return assumed.perSecond === undefined ? ['--prometheus or --config names what tells how many requests there are'] : [];
  return ['problem' in measured ? `what is normal could not be measured: ${measured.problem}` : measured.text];
};

type Seen = {
  readonly compared?: Compared;
  /** Where the file names none. */
  readonly namespace?: string;
  /** What was measured. */
  readonly known?: Partial<Assumed>;
};

const tell = (job: Job, { compared, namespace, known = {} }: Seen): number => {
  const { io, written, planned, config, nowMs } = job;
  const assumed = withMeasured(job, known);
  const foreseen = foresee(planned.rollout.spec, planned.installation, assumed);
  const report = reportOf(planned, foreseen, { assumed, isConfigured: config !== undefined, nowMs, compared, namespace });
  io.out(FORMATS[written.output](report));
  return compared !== undefined && isBlocked(compared) ? EXIT.no : EXIT.done;
};

/** What a person has said counts more. */
const withMeasured = ({ assumed, written }: Job, known: Partial<Assumed>): Assumed => ({
  ...assumed,
  ...known,
  ...(assumed.perSecond === undefined ? {} : { perSecond: assumed.perSecond }),
  ...(written.sampling === undefined ? {} : { sampling: assumed.sampling }),
  ...(assumed.stableErrors === undefined ? {} : { stableErrors: assumed.stableErrors }),
});

const FORMATS: Readonly<Record<WrittenOptions['output'], (report: Report) => string>> = {
  text: asText,
  markdown: asMarkdown,
  json: report => `${JSON.stringify(asObject(report), null, 2)}\n`,
  yaml: report => stringify(JSON.parse(JSON.stringify(asObject(report)))),
};

const configurationOf = (io: CliIo, path: string | undefined): Config | ConfigError | undefined => {
  if (path === undefined) return undefined;
  try {
    return readConfiguration(path, io.env, 'ignored');
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
};

/** Who has no cluster at hand can do without; whatever it is that cannot be read, nothing was told. */
const hinting = (io: CliIo): CliIo => {
  let hasFailed = false;
  return {
    ...io,
    err: text => {
      hasFailed = true;
      io.err(text.replace(/\n$/, '; --offline and --against git ask no cluster\n'));
    },
    exit: code => io.exit(hasFailed ? EXIT.unreachable : code),
  };
};

const refuse = (io: CliIo, problems: readonly string[]): void => {
  for (const problem of problems) io.err(`${problem}\n`);
  io.exit(EXIT.usage);
};
