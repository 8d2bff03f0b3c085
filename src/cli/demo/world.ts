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
  };
  readonly kubeconfig: string;
  readonly repository: string;
  /** Commits the demo's Rollout with this version; answers with the commit. */
  commit(version: string): Promise<string>;
  /** Makes a version answer with errors, as a share from 0 to 1. */
  breakVersion(version: string, errorRate: number): Promise<void>;
  status(): Promise<RolloutStatus | undefined>;
  /** Weights of the versions as they stand in the VirtualService. */
  weights(): Promise<Readonly<Record<string, number>>>;
  /** What the clients saw since the sandbox was started. */
  traffic(): Promise<{ readonly requests: number; readonly failed: number; readonly versions: Readonly<Record<string, number>> }>;
  close(): Promise<void>;
};

const ROLLOUT = { namespace: 'weather', name: 'forecast' };
const VIRTUAL_SERVICES = { group: 'networking.istio.io', version: 'v1', plural: 'virtualservices', namespaced: true };
const DEFINITIONS = { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions', namespaced: false };

/** Files that come with the program, from source and from an installed package alike. */
const shipped = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const openDemoWorld = async (): Promise<DemoWorld> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-demo-'));
  const closers: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const sandbox = startProgram(
      [sandboxProgram(), '--json', '--kubeconfig', join(folder, 'kubeconfig')],
      line => line['event'] === 'ready',
    );
    closers.push(sandbox.stop);
    const place = await sandbox.ready;
    const client = createKubeClient({ kubeconfigPath: place['kubeconfig'] ?? '' });
    closers.push(async () => client.close());
    await installDefinition(client);
    const repository = await createRepository(join(folder, 'fleet'));
    await commitVersion(repository, 'v1');
    const config = join(folder, 'sluice.yaml');
    await writeFile(config, configuration(repository, place));
    const args = [
      'controller',
      '--config',
      config,
      '--kubeconfig',
      place['kubeconfig'] ?? '',
      '--listen',
      '127.0.0.1:0',
      '--leader-elect',
      'false',
    ];
    const controller = startProgram([process.argv[1] ?? '', ...args], line => line['msg'] === 'ready');
    closers.push(controller.stop);
    const { address } = await controller.ready;
    return {
      urls: {
        app: place['app'] ?? '',
        prometheus: place['prometheus'] ?? '',
        zipkin: place['zipkin'] ?? '',
        control: place['control'] ?? '',
        metrics: `http://${address}/metrics`,
      },
      kubeconfig: place['kubeconfig'] ?? '',
      repository,
      commit: version => commitVersion(repository, version),
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

const installDefinition = async (client: KubeClient): Promise<void> => {
  const definition: KubeObject = parse(await readFile(shipped('templates/crd/rollouts.sluice.dev.yaml'), 'utf8'));
  await client.create(DEFINITIONS, definition);
};

const configuration = (repository: string, place: Readonly<Record<string, string>>): string => `
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

const createRepository = async (dir: string): Promise<string> => {
  await mkdir(join(dir, 'rollouts'), { recursive: true });
  await git.init({ fs, dir, defaultBranch: 'main' });
  return dir;
};

const commitVersion = async (dir: string, version: string): Promise<string> => {
  const text = await readFile(shipped('rollouts/forecast.yaml'), 'utf8');
  const filepath = 'rollouts/forecast.yaml';
  await writeFile(join(dir, filepath), text.replace(/^ {2}version: .*$/m, `  version: ${version}`));
  await git.add({ fs, dir, filepath });
  return git.commit({ fs, dir, message: `forecast ${version}`, author: { name: 'Alice', email: 'alice@example.com' } });
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

const post = async (url: string, body: object): Promise<void> => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`POST ${dirname(url)}: ${answer.status} ${await answer.text()}`);
};
