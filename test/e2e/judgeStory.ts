import type { RolloutStatus } from '../../src/rollout/index.ts';
import type { Fault } from '../../src/sandbox/faults.ts';
import { workloadOf } from './app.ts';
import type { App, World } from './world.ts';

/** Requests decide when a story ends, and a busy machine sends few: whoever waits for them is patient. */
const PATIENCE_MS = 240_000;
const LOOK_EVERY_MS = 100;
/** Few, as many stories share a process: latency is to tell of the version and not of the machine. */
const RATE = 20;
const HEALTHY: Fault = { errorRate: 0, status: 500, latencyMs: 0, notReady: false, down: false };

type Plot = {
  /** What the Rollout says besides its version. */
  readonly spec: object;
  /** Requests per second. */
  readonly rate?: number;
  /** What is wrong with the stable version. */
  readonly stable?: Partial<Fault>;
  /** What is wrong with the new version. */
  readonly canary?: Partial<Fault>;
  /** Pods of the new version. */
  readonly pods?: number;
  /** Requests before the rollout, which tell what is normal. */
  readonly before?: number;
};

type End = {
  readonly status: RolloutStatus;
  /** What the new version got, one entry for each change. */
  readonly weights: readonly number[];
  /** What a rollout has no business with, before and after. */
  readonly rest: readonly [before: unknown, after: unknown];
};

/** A rollout from v1 to v2 under live traffic. */
type JudgeStory = {
  readonly app: App;
  /** Names of the pods of v2. */
  readonly pods: readonly string[];
  /** What a version really answered. */
  answers(version: string): { readonly requests: number; readonly errors: number };
  /** The status, once it fits. */
  reaches(is: (status: RolloutStatus) => boolean, what: string): Promise<RolloutStatus>;
  /** Waits until so many more requests came to a version. */
  more(version: string, requests: number): Promise<void>;
  /** Waits for the end and prints how long it took. */
  ends(is: (status: RolloutStatus) => boolean, what: string): Promise<End>;
};

/** One step; the default lasts longer than any story that ends by a verdict, and `{}` until a person promotes it. */
export const step = (weight: number, pause: { readonly duration?: string } = { duration: '10m' }) => ({
  strategy: { canary: { steps: [{ setWeight: weight, pause }] } },
});
export const ofGates = (...gates: readonly object[]) => ({ analysis: { interval: '1s', gates } });
/** The gates that a Rollout without any gets. */
export const BY_DEFAULT = { analysis: { interval: '1s' } };
/** Errors: a limit, and a comparison with stable. */
export const ERRORS = { name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 }, baseline: {} };

export const isStable = ({ phase, stableVersion }: RolloutStatus): boolean => phase === 'Healthy' && stableVersion === 'v2';
export const isRolledBack = ({ phase }: RolloutStatus): boolean => phase === 'RolledBack';
export const gateOf = ({ gates = [] }: RolloutStatus, name: string) => gates.find(gate => gate.name === name);

/** Begins a rollout to v2 in a namespace of its own. */
export const playStory = async (world: World, namespace: string, plot: Plot): Promise<JudgeStory> => {
  const { setFault, stats } = world.sandbox.control;
  setFault(workloadOf(namespace, 'v1'), { ...HEALTHY, ...plot.stable });
  setFault(workloadOf(namespace, 'v2'), { ...HEALTHY, ...plot.canary });
  const app = await world.app(namespace, { rate: plot.rate ?? RATE });
  const pods = await scaled(world, namespace, plot.pods ?? 1);
  const { before = 0 } = plot;
  await patiently(() => app.load.stats().requests >= before, `${before} requests to ${namespace}`);
  const untouched = await restOf(world, namespace);
  const followed = app.follow('v2');
  // an earlier attempt of the test has left its counts
  const earlier = stats().workloads;
  await app.roll('v2', plot.spec);
  const answers: JudgeStory['answers'] = version => {
    const name = workloadOf(namespace, version);
    const [now = NOTHING, then = NOTHING] = [stats().workloads[name], earlier[name]];
    return { requests: now.requests - then.requests, errors: now.errors - then.errors };
  };
  const reaches: JudgeStory['reaches'] = async (is, what) => {
    let last: RolloutStatus | undefined;
    const look = async () => {
      last = await app.status();
      return last !== undefined && is(last);
    };
    const state = () => `; the status says ${last?.phase}/${last?.reason}: ${last?.message}`;
    await patiently(look, `${what} of ${namespace}`, state);
    if (last === undefined) throw new Error(`${namespace}: no status`);
    return last;
  };
  return {
    app,
    pods,
    answers,
    reaches,
    more: async (version, requests) => {
      const wanted = answers(version).requests + requests;
      await patiently(() => answers(version).requests >= wanted, `${wanted} requests to ${version} of ${namespace}`);
    },
    ends: async (is, what) => {
      const status = await reaches(is, what);
      console.info(`${namespace}: ${timesOf(status)}; ${status.message}`);
      return { status, weights: await followed(), rest: [untouched, await restOf(world, namespace)] };
    },
  };
};

const NOTHING = { requests: 0, errors: 0 };

const patiently = async (look: () => boolean | Promise<boolean>, what: string, state = () => ''): Promise<void> => {
  const endMs = performance.now() + PATIENCE_MS;
  while (!(await look())) {
    if (performance.now() > endMs) throw new Error(`waiting for ${what}: nothing after ${PATIENCE_MS} ms${state()}`);
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS));
  }
};

/** When its steps and its end came, in seconds since it began. */
const timesOf = ({ history = [] }: RolloutStatus): string => {
  const beganMs = Date.parse(history[0]?.at ?? '');
  return history.map(({ at, action }) => `${action} ${((Date.parse(at) - beganMs) / 1_000).toFixed(1)} s`).join(', ');
};

const scaled = async ({ api }: World, namespace: string, count: number): Promise<readonly string[]> => {
  const workload = workloadOf(namespace, 'v2');
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${workload}`;
  await api.patch(path, 'merge', { spec: { replicas: count } });
  await patiently(async () => (await api.get(path)).body.status?.readyReplicas === count, `${count} pods of ${workload}`);
  const { items } = (await api.get(`/api/v1/namespaces/${namespace}/pods`)).body;
  const names: readonly string[] = items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  return names.filter(name => name.startsWith(workload));
};

/** All of an application without what a rollout writes: the route's two destinations, the subset of v2, and annotations. */
const restOf = async ({ api }: World, namespace: string): Promise<unknown> => {
  const istio = `/apis/networking.istio.io/v1/namespaces/${namespace}`;
  const read = async (path: string) => (await api.get(path)).body;
  const { metadata, spec } = await read(`${istio}/virtualservices/forecast`);
  const rule = await read(`${istio}/destinationrules/forecast`);
  const core = ['pods', 'services'].map(plural => `/api/v1/namespaces/${namespace}/${plural}`);
  const others = [`${istio}/gateways`, `/apis/apps/v1/namespaces/${namespace}/deployments`, ...core];
  const wanted = others.map(async path =>
    (await read(path)).items.map((item: { metadata: Record<string, unknown>; spec: unknown }) => {
      const { name, labels, annotations } = item.metadata;
      return { name, labels, annotations, spec: item.spec };
    }),
  );
  return {
    routing: { labels: metadata.labels, spec: { ...spec, http: spec.http.map((route: object) => ({ ...route, route: [] })) } },
    subsets: { labels: rule.metadata.labels, spec: { ...rule.spec, subsets: rule.spec.subsets.slice(0, 1) } },
    others: await Promise.all(wanted),
  };
};
