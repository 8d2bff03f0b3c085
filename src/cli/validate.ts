import { Command, Option } from 'commander';
import type { CheckedFile, CheckedProblem, FileChecker } from '../adapters/spec/check.ts';
import { SystemError } from '../controller/ports.ts';
import { type ClusterOptions, placeOf } from './cluster/cluster.ts';
import { withNextStep } from './cluster/nextStep.ts';
import { type CliIo, EXIT } from './io.ts';
import { formatted } from './terminal/output.ts';
import { readInput } from './validate/files.ts';
import type { ClusterPlace } from './validate/findings.ts';
import { asObject, asText, isEmpty, isRefused, type Validated } from './validate/report.ts';

type Options = ClusterOptions & {
  readonly config?: string;
  readonly output: 'text' | 'json' | 'yaml';
  readonly cluster?: boolean;
};

/**
 * `sluice validate FILE...`: exit code 0 all is well (warnings are allowed), 1 something is invalid, 2 a file cannot be read,
 * 4 the cluster cannot be reached.
 */
export function createValidateCommand(io: CliIo): Command {
  return new Command('validate')
    .description('check Rollout files: schema, meaning, templates, PromQL syntax; with --cluster the mesh, too')
    .argument('<file...>', 'YAML files, or folders with such files')
    .option('--config <file>', 'configuration of the controller, to check the names of providers too')
    .option('--cluster', 'look for what would keep traffic from moving in a cluster; nothing is written')
    .option('--kubeconfig <file>', 'with --cluster; default: $KUBECONFIG, ~/.kube/config, then the service account of the pod')
    .option('--context <name>', 'with --cluster: context of the kubeconfig')
    .option('-n, --namespace <namespace>', 'with --cluster: of Rollouts whose file names none; default: that of the context')
    .addOption(new Option('-o, --output <format>', 'how problems are written').choices(['text', 'json', 'yaml']).default('text'))
    .action(async (paths: readonly string[], options: Options) => {
      try {
        io.exit(await validate(io, paths, options));
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        io.err(`${withNextStep(error)}\n`);
        io.exit(EXIT.unreachable);
      }
    });
}

/** Throws SystemError when the cluster does not answer. */
async function validate(io: CliIo, paths: readonly string[], options: Options): Promise<number> {
  const { cluster, kubeconfig, context, namespace, output } = options;
  if (!cluster && [kubeconfig, context, namespace].some(option => option !== undefined)) {
    io.err('--kubeconfig, --context and --namespace belong to --cluster\n');
    return EXIT.usage;
  }
  const check = await createChecker(io, options.config);
  if (check === undefined) return EXIT.usage;
  const inputs = await Promise.all(paths.map(readInput));
  const unreadable = inputs.flatMap(input => ('problem' in input ? [input.problem] : []));
  if (unreadable.length > 0) {
    for (const problem of unreadable) io.err(`${problem}\n`);
    return EXIT.usage;
  }
  const texts = inputs.flatMap(input => ('files' in input ? input.files : []));
  const checked = withoutTwins(texts.map(({ text, file }) => check(text, file)));
  const files = cluster
    ? await withFindings(checked, texts, { ...placeOf(options, io.env), ...(namespace === undefined ? {} : { namespace }) })
    : checked;
  io.out(output === 'text' ? asText(files) : await formatted(asObject(files), output));
  if (isEmpty(files)) io.err('no Rollout (apiVersion sluice.dev/v1alpha1, kind Rollout) was found\n');
  return isRefused(files) ? EXIT.no : EXIT.done;
}

async function withFindings(
  checked: readonly CheckedFile[],
  texts: readonly { readonly file: string; readonly text: string }[],
  where: ClusterPlace,
): Promise<readonly Validated[]> {
  const { findInCluster } = await import('./validate/findings.ts');
  const found = await findInCluster(texts, where);
  return checked.map(file => ({ ...file, findings: found.filter(finding => finding.file === file.file) }));
}

/** `undefined`: the configuration is invalid, which has been said. */
async function createChecker(io: CliIo, configPath: string | undefined): Promise<FileChecker | undefined> {
  const [{ createFileChecker }, { createRenderer, checkTemplate }] = await Promise.all([
    import('../adapters/spec/check.ts'),
    import('../adapters/templates/render.ts'),
  ]);
  const templates = { render: createRenderer(), check: checkTemplate };
  if (configPath === undefined) return createFileChecker(templates);
  const [{ ConfigError }, { installationOf }, { readConfiguration }] = await Promise.all([
    import('../config/load.ts'),
    import('../config/installation.ts'),
    import('./configuration.ts'),
  ]);
  try {
    return createFileChecker(templates, installationOf(readConfiguration(configPath, io.env, 'ignored')));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.err(`${error.message}\n`);
    return undefined;
  }
}

/** Adds a problem to each file that defines a Rollout which a file before it defines too. */
function withoutTwins(files: readonly CheckedFile[]): readonly CheckedFile[] {
  const seen = new Map<string, string>();
  return files.map(checked => {
    const twins: CheckedProblem[] = [];
    for (const name of checked.names) {
      const first = seen.get(name);
      if (first === undefined) seen.set(name, checked.file);
      else {
        const message = `the Rollout ${name} is already defined in ${first}`;
        twins.push({ file: checked.file, line: 1, column: 1, path: 'metadata.name', message, severity: 'error' });
      }
    }
    return twins.length === 0 ? checked : { ...checked, problems: [...twins, ...checked.problems] };
  });
}
