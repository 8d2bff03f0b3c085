import * as fs from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import git from 'isomorphic-git';
import { parse } from 'yaml';
import { createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { type KubeObject, ROLLOUTS } from '../../adapters/kubernetes/resources.ts';
import type { RolloutStatus } from '../../rollout/index.ts';
import { sandboxProgram } from '../sandbox.ts';
import { startProgram } from './programs.ts';

/** Sandbox, controller and a Git repository, all of this machine, all gone at the end. */
export type DemoWorld = {
  readonly urls: {
    readonly app: string;
    readonly prometheus: string;
    readonly zipkin: string;
    readonly metrics: string;
    readonly control: string;
    /** Where people see messages and press buttons. */
    readonly inbox: string;
    /** Where Sluice takes answers of people. */
    readonly server: string;
    /** Where Sluice receives webhooks; absent when it expects none. */
    readonly hooks?: string;
  };
  readonly kubeconfig: string;
  readonly repository: string;
  /** For files of a story; goes with the demo. */
  readonly folder: string;
  /** Commits the story's Rollout with this version; answers with the commit, or nothing when Git says that already. */
  commit(version: string): Promise<string | undefined>;
  /** Makes a version answer with errors, as a share from 0 to 1. */
  breakVersion(version: string, errorRate: number): Promise<void>;
  status(): Promise<RolloutStatus | undefined>;
  /** Weights of the versions as they stand in the VirtualService. */
  weights(): Promise<Readonly<Record<string, number>>>;
  /** What the clients saw since the sandbox was started. */
  traffic(): Promise<{ readonly requests: number; readonly failed: number; readonly versions: Readonly<Record<string, number>> }>;
  close(): Promise<void>;
};

/** What differs from story to story. */
export type Setup = {
  /** The Rollout that is committed, below `rollouts`. */
  readonly rollout: string;
  readonly author: { readonly name: string; readonly email: string };
  /** More of the configuration file, YAML. */
  configuration?(place: Place, folder: string): Promise<string>;
};

/** Where the parts of the sandbox are, by name. */
export type Place = Readonly<Record<string, string>>;

const ROLLOUT = { namespace: 'weather', name: 'forecast' };
const VIRTUAL_SERVICES = { group: 'networking.istio.io', version: 'v1', plural: 'virtualservices', namespaced: true };
const DEFINITIONS = { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions', namespaced: false };

/** Files that come with the program, from source and from an installed package alike. */
const shipped = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const openDemoWorld = async (setup: Setup): Promise<DemoWorld> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-demo-'));
  const closers: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const kubeconfig = join(folder, 'kubeconfig');
    const sandbox = startProgram([sandboxProgram(), '--json', '--kubeconfig', kubeconfig], line => line['event'] === 'ready');
    closers.push(sandbox.stop);
    const place = await sandbox.ready;
    const client = createKubeClient({ kubeconfigPath: kubeconfig });
    closers.push(async () => client.close());
    await installDefinition(client);
    const repository = await createRepository(join(folder, 'fleet'), setup);
    await commitVersion(repository, 'v1', setup);
    const config = join(folder, 'sluice.yaml');
    await writeFile(config, `${configuration(repository, place)}${(await setup.configuration?.(place, folder)) ?? ''}`);
    const controller = startProgram(controllerArguments(config, kubeconfig), line => line['msg'] === 'ready');
    closers.push(controller.stop);
    return {
      urls: urlsOf(place, await controller.ready),
      kubeconfig,
      repository,
      folder,
      commit: version => commitVersion(repository, version, setup),
      breakVersion: (version, errorRate) => post(`${place['control']}/faults`, { workload: `forecast-${version}`, errorRate }),
      status: async () => (await find(client))?.['status'] as RolloutStatus | undefined,
      weights: () => readWeights(client),
      traffic: () => readTraffic(place['control'] ?? ''),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};

const controllerArguments = (config: string, kubeconfig: string): readonly string[] => {
  const addresses = ['--listen', '127.0.0.1:0', '--hooks-listen', '127.0.0.1:0'];
  const files = ['--config', config, '--kubeconfig', kubeconfig];
  return [process.argv[1] ?? '', 'controller', ...files, ...addresses, '--leader-elect', 'false'];
};

const urlsOf = (place: Place, { address = '', hooks }: Readonly<Record<string, string>>): DemoWorld['urls'] => ({
  app: place['app'] ?? '',
  prometheus: place['prometheus'] ?? '',
  zipkin: place['zipkin'] ?? '',
  control: place['control'] ?? '',
  inbox: place['chat'] ?? '',
  server: `http://${address}`,
  metrics: `http://${address}/metrics`,
  ...(hooks === undefined ? {} : { hooks: `http://${hooks}` }),
});

const installDefinition = async (client: KubeClient): Promise<void> => {
  const definition: KubeObject = parse(await readFile(shipped('templates/crd/rollouts.sluice.dev.yaml'), 'utf8'));
  await client.create(DEFINITIONS, definition);
};

const configuration = (repository: string, place: Place): string => `
sources:
  - name: fleet
    url: ${repository}
    branch: main
    path: rollouts
    namespaces: [weather]
    schedule: '*/1 * * * * *'
providers:
  prometheus: { default: { url: '${place['prometheus']}' } }
  zipkin: { default: { url: '${place['zipkin']}', lag: 2s } }
`;

const createRepository = async (dir: string, { author }: Setup): Promise<string> => {
  await mkdir(join(dir, 'rollouts'), { recursive: true });
  await git.init({ fs, dir, defaultBranch: 'main' });
  const settings = [
    ['user.name', author.name],
    ['user.email', author.email],
    ['commit.gpgsign', 'false'],
  ] as const;
  // so that people can commit there with git, whatever their own settings are
  for (const [path, value] of settings) await git.setConfig({ fs, dir, path, value });
  return dir;
};

const commitVersion = async (dir: string, version: string, { rollout, author }: Setup): Promise<string | undefined> => {
  const text = await readFile(shipped(`rollouts/${rollout}`), 'utf8');
  const filepath = 'rollouts/forecast.yaml';
  await writeFile(join(dir, filepath), text.replace(/^ {2}version: .*$/m, `  version: ${version}`));
  if ((await git.status({ fs, dir, filepath })) === 'unmodified') return undefined;
  await git.add({ fs, dir, filepath });
  return git.commit({ fs, dir, message: `forecast ${version}`, author });
};

const find = async (client: KubeClient): Promise<KubeObject | undefined> => {
  const { items } = await client.list(ROLLOUTS, { namespace: ROLLOUT.namespace });
  return items.find(({ metadata }) => metadata.name === ROLLOUT.name);
};

type Spec = {
  readonly http: readonly {
    readonly route: readonly { readonly destination: { readonly subset?: string }; readonly weight?: number }[];
  }[];
};

const readWeights = async (client: KubeClient): Promise<Readonly<Record<string, number>>> => {
  const object = await client.get(VIRTUAL_SERVICES, ROLLOUT);
  const [route] = (object['spec'] as Spec).http;
  return Object.fromEntries((route?.route ?? []).map(({ destination, weight }) => [destination.subset ?? '', weight ?? 100]));
};

const readTraffic = async (control: string): ReturnType<DemoWorld['traffic']> => {
  const answer = await fetch(`${control}/stats`);
  const { load } = (await answer.json()) as { readonly load: Awaited<ReturnType<DemoWorld['traffic']>> };
  return load;
};

export const post = async (url: string, body: object): Promise<void> => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`POST ${dirname(url)}: ${answer.status} ${await answer.text()}`);
};
