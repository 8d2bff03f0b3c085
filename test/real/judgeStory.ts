import { parse } from 'yaml';
import type { Bed } from './bed/bed.ts';
import type { KubernetesObject } from './bed/kubernetes.ts';
import type { Load } from './bed/load.ts';
import type { Behaviour } from './bed/programs/behaviour.ts';
import { type DestinationRule, openStory, type Status, type Story, type VirtualService } from './story.ts';

interface Plot {
  readonly weight: number;
  /** Default: longer than any story that ends by a verdict; `{}`: until a person promotes. */
  readonly pause?: { readonly duration?: string };
  /** None: the gates that a Rollout without any gets. */
  readonly gates?: readonly unknown[];
  /** Between two measurements. Default: `1s`. */
  readonly interval?: string;
  /** Requests per second. */
  readonly rate?: number;
  /** More of them, which are not traced: Zipkin keeps all traces in memory. */
  readonly untraced?: number;
  readonly stable?: Behaviour;
  readonly canary?: Behaviour;
  /** Pods of each version. */
  readonly replicas?: number;
  /** No request comes from before the rollout on. */
  readonly isSilent?: boolean;
}

interface End {
  readonly status: JudgedStatus;
  /** How the route was split, one entry for each change. */
  readonly splits: readonly string[];
  /** What a rollout has no business with, before and after. */
  readonly rest: readonly [before: unknown, after: unknown];
}

interface Gate {
  readonly name: string;
  readonly verdict: string;
  readonly samples?: number;
  readonly failures?: number;
  readonly evidence?: number;
  readonly alpha?: number;
  readonly baseline?: { readonly evidence: number; readonly alpha: number };
}

interface JudgedStatus extends Status {
  readonly gates?: readonly Gate[];
}

/** A rollout from v1 to v2 under live traffic. */
interface JudgeStory {
  readonly story: Story;
  readonly reaches: (what: string, is: (status: JudgedStatus) => boolean) => Promise<JudgedStatus>;
  /** What a version really answered: all, and those with a status of 500 or above. */
  readonly answers: (version: string) => Promise<{ readonly requests: number; readonly errors: number }>;
  /** Waits until so many more requests came to a version. */
  readonly more: (version: string, requests: number) => Promise<void>;
  /** Waits for the end, prints how long it took, and closes the story. */
  readonly ends: (what: string, is: (status: JudgedStatus) => boolean) => Promise<End>;
  readonly close: () => Promise<void>;
}

/** Requests decide when a story ends, and a busy machine sends few: whoever waits for them is patient. */
const PATIENCE_MS = 170_000;
const RATE = 30;
/** Requests before each rollout, which tell what is normal. */
const BEFORE = 150;

/** Errors: a limit, and a comparison with stable. */
export const ERRORS = { name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 }, baseline: {} };

export const isStable = ({ phase, stableVersion }: Status): boolean => phase === 'Healthy' && stableVersion === 'v2';
export const isRolledBack = ({ phase }: Status): boolean => phase === 'RolledBack';
export const gateOf = ({ gates = [] }: JudgedStatus, name: string): Gate | undefined => gates.find(gate => gate.name === name);

/** Lets v1 be adopted under load, and begins a rollout to v2, in a namespace of its own. */
export async function playStory(bed: Bed, namespace: string, plot: Plot): Promise<JudgeStory> {
  const apply = async (_file: string, text: string) => {
    const rollout = parse(text);
    if (plot.gates === undefined) delete rollout.spec.analysis.gates;
    await bed.kubernetes.apply(rollout);
  };
  const { weight, pause = { duration: '10m' }, gates, interval = '1s', rate = RATE, untraced = 0, replicas = 1 } = plot;
  const behave = (version: string, behaviour: Behaviour) => bed.pods.behave({ namespace, app: 'forecast', version }, behaviour);
  await behave('v2', plot.canary ?? {});
  const story = await openStory(bed, apply, {
    namespace,
    canary: { steps: [{ setWeight: weight, pause }] },
    ...(gates === undefined ? {} : { gates }),
    ratePerSecond: rate,
    interval,
    versions: ['v1', 'v2'],
    replicas,
  });
  await behave('v1', plot.stable ?? {});
  const host = story.world.host;
  const headerSets = [{ 'x-b3-sampled': '0' }];
  const others = untraced === 0 ? [] : [bed.startLoad({ host, ratePerSecond: untraced, headerSets })];
  await bed.until(`requests of ${namespace}`, async () => (await story.load.summary()).requests >= BEFORE, PATIENCE_MS);
  if (plot.isSilent) await story.load.stop();
  const untouched = await restOf(bed, story);
  const answers: JudgeStory['answers'] = async version => {
    const counts = (await bed.pods.counts(namespace)).filter(count => count.version === version);
    const all = counts.flatMap(({ byStatus }) => Object.entries(byStatus));
    const sum = (some: typeof all) => some.reduce((total, [, count]) => total + count, 0);
    return { requests: sum(all), errors: sum(all.filter(([status]) => Number(status) >= 500)) };
  };
  const reaches: JudgeStory['reaches'] = async (what, is) => (await story.until(what, is, PATIENCE_MS)) as JudgedStatus;
  const close = async () => {
    await Promise.all([story.close(), ...others.map(load => load.close())]);
  };
  await story.commit('v2');
  return {
    story,
    reaches,
    answers,
    more: async (version, requests) => {
      const wanted = (await answers(version)).requests + requests;
      const isEnough = async () => (await answers(version)).requests >= wanted;
      await bed.until(`${wanted} requests to ${version} of ${namespace}`, isEnough, PATIENCE_MS);
    },
    ends: async (what, is) => {
      const status = await reaches(what, is);
      await story.untilSeen();
      console.info(`${namespace}: ${await timesOf(story, [story.load, ...others], status)}; ${status.message}`);
      const splits = story.splits().map(({ weights }) => weights);
      const rest = [untouched, await restOf(bed, story)] as const;
      // what is told to its end must not slow down the others
      await close();
      return { status, splits, rest };
    },
    close,
  };
}

/** When its weights were written, in seconds since the first raise, and how many of the clients' requests failed. */
async function timesOf(story: Story, loads: readonly Load[], { history = [] }: Status): Promise<string> {
  const [, raised, ...later] = story.splits();
  const since = (atMs: number) => ((atMs - (raised?.atMs ?? Number.NaN)) / 1_000).toFixed(1);
  const failures = await Promise.all(loads.map(load => load.failures(raised === undefined ? {} : { fromMs: raised.atMs })));
  const [first] = failures.flat().sort((a, b) => a.startMs - b.startMs);
  const summaries = await Promise.all(loads.map(load => load.summary()));
  const [requests, failed] = (['requests', 'failed'] as const).map(key => summaries.reduce((sum, one) => sum + one[key], 0));
  const writes = later.map(({ weights, atMs }) => `${weights} at ${since(atMs)} s`).join(', ');
  const toldFirst = first === undefined ? '' : `, the first at ${since(first.startMs)} s`;
  return `${writes}; ${history.at(-1)?.action}; ${failed} of ${requests} requests failed${toldFirst}`;
}

/** All of the application without what a rollout writes: the route's two destinations, the subset of v2, and annotations. */
async function restOf(bed: Bed, { world }: Story): Promise<unknown> {
  const { namespace } = world;
  const { metadata, spec } = await bed.kubernetes.get<VirtualService>(world.virtualService);
  const rule = await bed.kubernetes.get<DestinationRule>(world.destinationRule);
  type Listed = { readonly items: readonly (KubernetesObject & { readonly spec: unknown })[] };
  const core = ['pods', 'services'].map(plural => `/api/v1/namespaces/${namespace}/${plural}`);
  const istio = ['gateways', 'serviceentries'].map(plural => `/apis/networking.istio.io/v1/namespaces/${namespace}/${plural}`);
  const others = [...core, ...istio, `/apis/apps/v1/namespaces/${namespace}/deployments`].map(async path =>
    (await bed.kubernetes.get<Listed>(path)).items.map(item => [item.metadata['name'], item.metadata['labels'], item.spec]),
  );
  return {
    routing: { labels: metadata['labels'], spec: { ...spec, http: spec.http.map(route => ({ ...route, route: [] })) } },
    subsets: { labels: rule.metadata['labels'], spec: { ...rule.spec, subsets: rule.spec.subsets.slice(0, 1) } },
    others: await Promise.all(others),
  };
}
