import { stringify } from 'yaml';
import type { Bed } from './bed/bed.ts';
import { run } from './bed/command.ts';
import type { GitRepository } from './bed/git.ts';
import type { KubernetesObject } from './bed/kubernetes.ts';
import type { Load } from './bed/load.ts';
import { createWorld, type World } from './bed/world.ts';
import { type Sighting, watchObjects } from './watchObjects.ts';

/** The parts of a Rollout's status that stories look at. */
export interface Status {
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
  readonly stableVersion?: string;
  readonly canaryVersion?: string;
  readonly revision?: string;
  readonly step?: { readonly index: number; readonly startedAt?: string };
  readonly traffic?: { readonly weight: number };
  readonly lastRequest?: { readonly id: string; readonly verb: string; readonly outcome: string };
  readonly history?: readonly {
    readonly at: string;
    readonly action: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

export interface RolloutObject extends KubernetesObject {
  readonly status?: Status;
}

interface Route {
  readonly destination: { readonly host: string; readonly subset?: string };
  readonly weight?: number;
}

export interface VirtualService extends KubernetesObject {
  readonly spec: { readonly http: readonly { readonly name?: string; readonly route: readonly Route[] }[] };
}

export interface DestinationRule extends KubernetesObject {
  readonly spec: { readonly subsets: readonly { readonly name: string }[] };
}

/** A state of the steered route: `v1:50 v2:50`, versions with weight 0 left out, and when its position says that it was decided. */
export interface Split {
  readonly weights: string;
  readonly atMs: number;
  readonly decidedAtMs: number;
  readonly resourceVersion: number;
}

export interface StoryOptions {
  readonly namespace: string;
  /** `strategy.canary` of the Rollout. */
  readonly canary: unknown;
  readonly gates?: readonly unknown[];
  readonly router?: unknown;
  readonly ratePerSecond?: number;
  /** Between two measurements. Default: `2s`. */
  readonly interval?: string;
  /** Versions that have Pods. Default: v1, v2 and v3. */
  readonly versions?: readonly string[];
  /** Pods of each version. Default: 2. */
  readonly replicas?: number;
}

/** One application, its Rollout in Git, clients that never stop asking, and a record of all that happens to its objects. */
export interface Story {
  readonly world: World;
  readonly load: Load;
  /** Writes the version to Git, as a team does, and other steps with it if they are given. */
  readonly commit: (version: string, canary?: unknown) => Promise<void>;
  readonly status: () => Promise<Status | undefined>;
  /** Waits for a status; throws with the last one seen. */
  readonly until: (what: string, is: (status: Status) => boolean, timeoutMs?: number) => Promise<Status>;
  /** How the steered route was split, one entry for each change of the weights. */
  readonly splits: () => readonly Split[];
  /** Waits until the steered route was split like this. */
  readonly untilSplit: (weights: string, timeoutMs?: number) => Promise<Split>;
  /** Waits until the watches have told of the objects as they are now. */
  readonly untilSeen: () => Promise<void>;
  readonly meshes: readonly Sighting<VirtualService>[];
  readonly rules: readonly Sighting<DestinationRule>[];
  readonly statuses: readonly Sighting<RolloutObject>[];
  readonly kubectl: (...args: readonly string[]) => Promise<string>;
  readonly close: () => Promise<void>;
}

/** No version is slow because this machine stands still for some seconds. */
export const EVER_MS = 60_000;

/** Two gates that a healthy version passes within a few seconds of traffic. */
export const GATES = [
  { name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 } },
  { name: 'p99', zipkin: { percentile: 99 }, threshold: { max: EVER_MS } },
];

const NAME = 'forecast';
/** The first process of a namespace starts with it, and many may start at a time. */
const ADOPTED_MS = 180_000;
/** Only what never comes is missed. */
const PATIENCE_MS = 150_000;

function rolloutOf({ namespace, canary, gates, router, interval }: StoryOptions, version: string): string {
  const analysis = { interval: interval ?? '2s', gates: gates ?? GATES };
  return stringify({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { name: NAME, namespace },
    spec: { version, ...(router === undefined ? {} : { router }), strategy: { canary }, analysis },
  });
}

/** How one state of a VirtualService splits the steered route. */
export function splitOf({ atMs, object }: Sighting<VirtualService>): Split {
  const steered = object.spec.http.find(({ name }) => name === 'primary');
  const weights = (steered?.route ?? [])
    .filter(({ weight = 100 }) => weight > 0)
    .map(({ destination, weight = 100 }) => `${destination.subset}:${weight}`)
    .sort()
    .join(' ');
  const { annotations, resourceVersion } = object.metadata as {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
  };
  const positions = Object.values(JSON.parse(annotations?.['sluice.dev/position'] ?? '{}') as Record<string, { time: string }>);
  const decidedAtMs = Date.parse(positions[0]?.time ?? '');
  return { weights, atMs, decidedAtMs, resourceVersion: Number(resourceVersion) };
}

/** One Git for several stories: commits go one after the other. */
export function createFleet(repository: GitRepository): (file: string, text: string) => Promise<void> {
  let turn: Promise<unknown> = Promise.resolve();
  return (file, text) => {
    const commit = () => repository.commit({ [`rollouts/${file}`]: text }, `change ${file}`);
    const mine = turn.then(commit, commit);
    turn = mine;
    return mine.then(() => undefined);
  };
}

/** Makes the application with all traffic on v1, starts the clients, and lets the controller adopt it. */
export async function openStory(bed: Bed, push: ReturnType<typeof createFleet>, options: StoryOptions): Promise<Story> {
  const { namespace } = options;
  const { versions, replicas } = options;
  const world = await createWorld(bed, {
    namespace,
    ...(versions === undefined ? {} : { versions }),
    ...(replicas === undefined ? {} : { replicas }),
  });
  const path = `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/rollouts`;
  const parentOf = (object: string) => object.slice(0, object.lastIndexOf('/'));
  const mesh = await watchObjects<VirtualService>(bed, parentOf(world.virtualService));
  const rules = await watchObjects<DestinationRule>(bed, parentOf(world.destinationRule));
  const rollouts = await watchObjects<RolloutObject>(bed, path);
  const load = bed.startLoad({ host: world.host, ratePerSecond: options.ratePerSecond ?? 50 });

  const status = async () => (await bed.kubernetes.get<RolloutObject>(`${path}/${NAME}`)).status;
  const splits = () =>
    mesh.sightings.map(splitOf).filter((split, index, all) => index === 0 || split.weights !== all[index - 1]?.weights);
  const story: Story = {
    world,
    load,
    meshes: mesh.sightings,
    rules: rules.sightings,
    statuses: rollouts.sightings,
    splits,
    status,
    commit: (version, canary = options.canary) => push(`${namespace}.yaml`, rolloutOf({ ...options, canary }, version)),
    until: async (what, is, timeoutMs = PATIENCE_MS) => {
      let last: Status | undefined;
      const ask = async () => {
        last = await status();
        return last !== undefined && is(last);
      };
      await bed.until(what, ask, timeoutMs).catch((error: Error) => {
        throw new Error(`${namespace}: ${error.message}; status ${last?.phase} ${last?.reason}: ${last?.message}`);
      });
      if (last === undefined) throw new Error(`${namespace}: no status`);
      return last;
    },
    untilSeen: async () => {
      const { items } = await bed.kubernetes.get<{ items: readonly RolloutObject[] }>(path);
      const virtualService = await bed.kubernetes.get<VirtualService>(world.virtualService);
      const versionOf = (object: KubernetesObject | undefined) => Number(object?.metadata['resourceVersion'] ?? 0);
      await bed.until(
        `the last news of ${namespace}`,
        async () =>
          versionOf(mesh.sightings.at(-1)?.object) >= versionOf(virtualService) &&
          versionOf(rollouts.sightings.at(-1)?.object) >= versionOf(items[0]),
      );
    },
    untilSplit: async (weights, timeoutMs = PATIENCE_MS) => {
      await bed.until(`weights ${weights} in ${namespace}`, async () => splits().at(-1)?.weights === weights, timeoutMs);
      const split = splits().at(-1);
      if (split === undefined) throw new Error(`${namespace}: no VirtualService`);
      return split;
    },
    kubectl: (...args) => run(bed.kubectl, ['--kubeconfig', bed.kubeconfig, '--namespace', namespace, ...args]),
    close: async () => {
      for (const watch of [mesh, rules, rollouts]) watch.stop();
      await load.close();
    },
  };
  await story.commit('v1');
  await story.until('adoption of v1', ({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v1', ADOPTED_MS);
  return story;
}

/** Proxies obey a new weight within about 0.1 s; requests before that belong to neither period. */
const OBEYED_AFTER_MS = 1_000;

/** Share of v2 that clients got in each period between two changes of the weights, in percent; NaN for a period without requests. */
export async function sharesSeen(story: Story, version: string): Promise<readonly number[]> {
  const splits = story.splits();
  return Promise.all(
    splits.map(async ({ atMs }, index) => {
      const toMs = splits[index + 1]?.atMs;
      const { requests, byVersion } = await story.load.summary({
        fromMs: atMs + (index === 0 ? 0 : OBEYED_AFTER_MS),
        ...(toMs === undefined ? {} : { toMs }),
      });
      return (100 * (byVersion[version] ?? 0)) / requests;
    }),
  );
}
