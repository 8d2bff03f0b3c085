import { readFile, writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import type { Cast } from '../simulation/scenario/simulate.ts';
import { type CliIo, EXIT } from './io.ts';
import { formatted } from './terminal/output.ts';

type Options = { readonly scenario: string; readonly output: 'text' | 'json' | 'yaml'; readonly update?: boolean };

/**
 * `sluice simulate [FILE] --scenario S`: exit code 0 it was simulated, 1 the timeline is not the golden one of the scenario, 2 the
 * Rollout or the scenario cannot be used.
 */
export const createSimulateCommand = (io: CliIo): Command =>
  new Command('simulate')
    .description('let a scripted world happen to a Rollout, and print the timeline; no cluster is asked')
    .argument('[file]', 'the Rollout; without it that of the scenario')
    .requiredOption('--scenario <file>', 'what happens (docs/simulate.md says how to write it)')
    .addOption(
      new Option('-o, --output <format>', 'how the timeline is written').choices(['text', 'json', 'yaml']).default('text'),
    )
    .option('--update', 'write the timeline into the scenario, as its golden text')
    .action(async (file: string | undefined, options: Options) => {
      io.exit(await runSimulation(io, file, options));
    });

const runSimulation = async (io: CliIo, file: string | undefined, options: Options): Promise<number> => {
  const [{ readScenario, withTimeline }, { simulate }, { timelineText }, { rolloutSpecSchema }] = await Promise.all([
    import('../simulation/scenario/scenario.ts'),
    import('../simulation/scenario/simulate.ts'),
    import('../simulation/scenario/narration.ts'),
    import('../adapters/spec/schema.ts'),
  ]);
  const written = await readText(options.scenario);
  if ('problems' in written) return refuse(io, written.problems);
  const schemas = { spec: rolloutSpecSchema, change: rolloutSpecSchema.partial() };
  const read = readScenario(written.text, options.scenario, schemas);
  if ('problems' in read) return refuse(io, read.problems);
  const { scenario } = read;
  const late = (scenario.events ?? []).findIndex(({ at }) => at > scenario.for);
  if (late >= 0) return refuse(io, [`${options.scenario}: events[${late}].at: is after the end (for), so it would never happen`]);
  const cast = await castOf(file, options.scenario, scenario.rollout);
  if ('problems' in cast) return refuse(io, cast.problems);

  const simulated = attempt(() => simulate(scenario, cast));
  if ('problem' in simulated) return refuse(io, [`${options.scenario}: cannot be simulated: ${simulated.problem}`]);
  const { world, entries } = simulated.value;
  const timeline = timelineText(entries);
  const isGolden = file !== undefined || scenario.timeline === undefined || scenario.timeline === timeline;
  const { status } = world;
  if (options.output !== 'text') {
    const end = { phase: status?.phase, reason: status?.reason, stable: status?.stableVersion };
    const { about, rules } = scenario;
    io.out(await formatted({ about, rules, isGolden, end, timeline: entries }, options.output));
  } else io.out(timeline);
  if (options.update) {
    const problem = await problemOf(writeFile(options.scenario, withTimeline(written.text, timeline)));
    return problem === undefined ? EXIT.done : refuse(io, [`writing ${options.scenario}: ${problem}`]);
  }
  if (isGolden) return EXIT.done;
  const { differences } = await import('../simulation/scenario/differences.ts');
  io.err(`the timeline is not the golden one of ${options.scenario} (- expected, + simulated):\n`);
  io.err(differences(scenario.timeline ?? '', timeline));
  return EXIT.no;
};

/** The Rollout of the file, else that of the scenario. */
const castOf = async (
  file: string | undefined,
  scenario: string,
  spec: Cast['spec'] | undefined,
): Promise<Cast | { readonly problems: readonly string[] }> => {
  if (file === undefined) {
    return spec === undefined
      ? { problems: [`${scenario}:1:1: rollout: is missing; name a file with a Rollout, or write its spec here`] }
      : { spec };
  }
  const { parseRollouts } = await import('../adapters/spec/parse.ts');
  const written = await readText(file);
  if ('problems' in written) return written;
  const { rollouts, problems } = parseRollouts(written.text, file);
  if (problems.length > 0) {
    return {
      problems: problems.map(({ line, column, path, message, suggestion }) => {
        const where = path === '' ? '' : `${path}: `;
        return `${file}:${line}:${column}: ${where}${message}${suggestion === undefined ? '' : ` (${suggestion})`}`;
      }),
    };
  }
  const [rollout, ...more] = rollouts;
  if (rollout === undefined || more.length > 0) return { problems: [`${file}: has ${rollouts.length} Rollouts, expected one`] };
  const { namespace, name } = rollout.metadata;
  return { spec: rollout.spec, namespace, name };
};

const readText = async (file: string): Promise<{ readonly text: string } | { readonly problems: readonly string[] }> => {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file)) };
  } catch (error) {
    return { problems: [`reading ${file}: ${reasonOf(error)}`] };
  }
};

/** An event may name what its world does not have. */
const attempt = <T>(run: () => T): { readonly value: T } | { readonly problem: string } => {
  try {
    return { value: run() };
  } catch (error) {
    return { problem: reasonOf(error) };
  }
};

const problemOf = (done: Promise<void>): Promise<string | undefined> => done.then(() => undefined, reasonOf);

const reasonOf = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EISDIR') return 'is a folder, expected a file';
  if (code === 'EACCES') return 'not allowed';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8 text';
  return error instanceof Error ? error.message : String(error);
};

const refuse = (io: CliIo, problems: readonly string[]): number => {
  for (const problem of problems) io.err(`${problem}\n`);
  return EXIT.usage;
};
