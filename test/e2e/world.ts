import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import { type Load, startLoad } from '../../src/sandbox/load.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { type ApiClient, apiClient, send, until } from '../sandbox/client.ts';
import { type AppOptions, appObjects, hostOf, rollout } from './app.ts';
import { type Running, start } from './running.ts';

type Controller = Running & {
  readonly address: string;
  /** Where webhooks are received, when the configuration expects some. */
  readonly hooks: string;
};

type ControllerOptions = {
  /** More of the configuration file. */
  readonly config?: object;
  readonly kubeconfigPath?: string;
  readonly namespaces?: readonly string[];
  /** More of the command line. */
  readonly args?: readonly string[];
};

/** One application with requests coming in, and its Rollout. */
export type App = {
  readonly namespace: string;
  readonly load: Load;
  /** Creates the Rollout. */
  roll(version: string, spec?: object): Promise<void>;
  /** Merges into the Rollout. */
  change(patch: object): Promise<void>;
  /** Sets the request annotation. */
  ask(request: object): Promise<void>;
  status(): Promise<RolloutStatus | undefined>;
  /** The status, once it fits. */
  reaches(fits: (status: RolloutStatus) => boolean, what: string, timeoutMs?: number): Promise<RolloutStatus>;
  /** Weights of the VirtualService by subset, or host where there is none. */
  weights(): Promise<Readonly<Record<string, number>>>;
  /** Every different share of a version that the VirtualService has had since, in order; ends with the returned function. */
  follow(version: string): () => Promise<readonly number[]>;
  /** What the API server knows as events of the Rollout: reasons, oldest first. */
  events(): Promise<readonly { reason: string; message: string; type: string }[]>;
};

export type World = {
  readonly sandbox: Sandbox;
  readonly api: ApiClient;
  readonly folder: string;
  /** An application whose pods are ready; `rate` in requests per second. What an earlier attempt of the test left in the namespace goes first. */
  app(namespace: string, options?: AppOptions & { readonly rate?: number }): Promise<App>;
  controller(options?: ControllerOptions): Promise<Controller>;
  close(): Promise<void>;
};

const DEFAULT_RATE = 24;
/** Every look is a request, and many wait at once. */
const LOOK_EVERY_MS = 50;

/** An empty sandbox with the CRD, in this process; controllers are child processes. */
export const openWorld = async (): Promise<World> => {
  const sandbox = await startSandbox({ scenario: 'empty', scrapeIntervalMs: 250, flushMs: 200 });
  const api = apiClient(sandbox);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
  const closers: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true }), () => sandbox.close()];
  const loads = new Map<string, Load>();
  const definition = await readFile(resolve(import.meta.dirname, '../../templates/crd/rollouts.sluice.dev.yaml'), 'utf8');
  await created(api, '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', parse(definition));
  return {
    sandbox,
    api,
    folder,
    app: async (namespace, options = {}) => {
      const earlier = loads.get(namespace);
      earlier?.close();
      if (earlier !== undefined) await cleared(api, namespace);
      for (const { path, body } of appObjects(namespace, options)) await created(api, path, body);
      await podsReady(api, namespace);
      await answers(sandbox.urls.gateway, namespace);
      const load = startLoad(sandbox.urls.gateway, { host: hostOf(namespace), path: '/api' }, options.rate ?? DEFAULT_RATE);
      loads.set(namespace, load);
      closers.push(() => load.close());
      return openApp(api, namespace, load);
    },
    controller: async (options = {}) => {
      const running = await startController(sandbox, folder, options);
      closers.push(() => running.stop());
      const { address, hooks } = await running.logged(({ msg }) => msg === 'ready');
      return { ...running, address: String(address), hooks: String(hooks) };
    },
    close: async () => {
      for (const closer of closers.splice(0).reverse()) await closer();
    },
  };
};

let configurations = 0;
/** A machine that stands still for some seconds is no outage. */
const PROVIDER_TIMEOUT = '20s';

const startController = async (sandbox: Sandbox, folder: string, options: ControllerOptions): Promise<Running> => {
  configurations += 1;
  const config = join(folder, `sluice-${configurations}.json`);
  const settings = {
    providers: {
      prometheus: { default: { url: sandbox.urls.prometheus, timeout: PROVIDER_TIMEOUT } },
      zipkin: { default: { url: sandbox.urls.zipkin, timeout: PROVIDER_TIMEOUT, lag: '500ms' } },
    },
    ...(options.namespaces === undefined ? {} : { watchNamespaces: options.namespaces }),
    ...options.config,
  };
  await writeFile(config, JSON.stringify(settings));
  const kubeconfig = options.kubeconfigPath ?? sandbox.kubeconfigPath;
  const addresses = ['--listen', '127.0.0.1:0', '--hooks-listen', '127.0.0.1:0'];
  const args = ['--config', config, '--kubeconfig', kubeconfig, ...addresses, '--leader-elect', 'false'];
  // a killed one leaves its folders behind; they go with the world
  return start(['controller', ...args, ...(options.args ?? [])], { env: { TMPDIR: folder } });
};

/** Creates an object; throws with the server's words when it is refused. */
export const created = async (api: ApiClient, path: string, body: object): Promise<void> => {
  const answer = await api.post(path, body);
  if (answer.code !== 201) throw new Error(`POST ${path}: ${answer.code} ${JSON.stringify(answer.body)}`);
};

/** Takes a namespace away with all that is in it. */
const cleared = async (api: ApiClient, namespace: string): Promise<void> => {
  const rollouts = `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/rollouts`;
  const { items } = (await api.get(rollouts)).body;
  for (const { metadata } of items) await api.patch(`${rollouts}/${metadata.name}`, 'merge', { metadata: { finalizers: null } });
  await api.remove(`/api/v1/namespaces/${namespace}`);
  const isGone = async () => ((await api.get(`/api/v1/namespaces/${namespace}`)).code === 404 ? true : undefined);
  await until(isGone, `the end of the namespace ${namespace}`);
};

const podsReady = (api: ApiClient, namespace: string): Promise<unknown> =>
  until(async () => {
    const { items } = (await api.get(`/apis/apps/v1/namespaces/${namespace}/deployments`)).body;
    const isReady = items.every(
      (item: { spec: { replicas: number }; status?: { readyReplicas?: number } }) =>
        item.status?.readyReplicas === item.spec.replicas,
    );
    return isReady ? true : undefined;
  }, `the pods in ${namespace}`);

/** Proxies learn routes a moment after they were written. */
const answers = (gateway: string, namespace: string): Promise<unknown> =>
  until(
    async () => {
      const { code } = await send(`${gateway}/api`, { headers: { host: hostOf(namespace) } });
      return code === 200 ? true : undefined;
    },
    `an answer of ${hostOf(namespace)}`,
  );

/** Waits until the version that runs is known as stable, and that has been told, which is later. */
export const adopted = async (app: App): Promise<void> => {
  await app.reaches(({ phase }) => phase === 'Healthy', 'adoption');
  await until(async () => (await app.events()).some(({ reason }) => reason === 'Adopted') || undefined, 'the event of it');
};

type Destination = { readonly destination: { readonly host: string; readonly subset?: string }; readonly weight?: number };
type VirtualService = { readonly spec: { readonly http: readonly { readonly route: readonly Destination[] }[] } };

const weightsOf = ({ spec }: VirtualService): Readonly<Record<string, number>> =>
  Object.fromEntries(
    (spec.http[0]?.route ?? []).map(({ destination, weight }) => [destination.subset ?? destination.host, weight ?? 100]),
  );

const openApp = (api: ApiClient, namespace: string, load: Load): App => {
  const rollouts = `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/rollouts`;
  const services = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices`;
  const status = async () => (await api.get(`${rollouts}/forecast`)).body.status as RolloutStatus | undefined;
  const change = async (patch: object) => {
    const answer = await api.patch(`${rollouts}/forecast`, 'merge', patch);
    if (answer.code !== 200) throw new Error(`patching the rollout: ${answer.code} ${JSON.stringify(answer.body)}`);
  };
  return {
    namespace,
    load,
    roll: (version, spec) => created(api, rollouts, rollout(namespace, version, spec)),
    change,
    ask: request => change({ metadata: { annotations: { 'sluice.dev/request': JSON.stringify(request) } } }),
    status,
    reaches: async (fits, what, timeoutMs) => {
      let last: RolloutStatus | undefined;
      const look = async () => {
        last = await status();
        return last !== undefined && fits(last) ? last : undefined;
      };
      return until(look, what, timeoutMs, LOOK_EVERY_MS).catch((error: Error) => {
        throw new Error(`${namespace}: ${error.message}; the status says ${last?.phase}/${last?.reason}: ${last?.message}`);
      });
    },
    weights: async () => weightsOf((await api.get(`${services}/forecast`)).body),
    follow: version => {
      let isOver = false;
      const watched = api.watch(`${services}?watch=1&fieldSelector=metadata.name%3Dforecast`, () => isOver);
      return async () => {
        isOver = true;
        await api.patch(`${services}/forecast`, 'merge', { metadata: { annotations: { 'test/end': 'yes' } } });
        const shares = (await watched).map(({ object }) => weightsOf(object)[version] ?? 0);
        return shares.filter((share, i) => share !== shares[i - 1]);
      };
    },
    events: async () => {
      const { items } = (await api.get(`/api/v1/namespaces/${namespace}/events`)).body;
      return items;
    },
  };
};
