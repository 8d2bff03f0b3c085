import type { Bed } from '../bed/bed.ts';
import type { KubernetesObject } from '../bed/kubernetes.ts';
import type { Load } from '../bed/load.ts';
import type { RequestRecord, TimeRange } from '../bed/programs/loadRecords.ts';
import { createWorld, type World } from '../bed/world.ts';
import type { RolloutObject, Status, VirtualService } from '../story.ts';

/** Requests with this header are those of the one user whom header routes single out. */
export const JASON = { 'end-user': 'jason' } as const;
export const JASON_MATCH = { match: [{ headers: { 'end-user': { exact: 'jason' } } }] } as const;

/** Gate sums are read every so often at least. */
const INTERVAL = '1s';
const PATIENCE_MS = 300_000;
/** Proxies obey a new weight within about 0.1 s; requests before that belong to neither state. */
const OBEYED_AFTER_MS = 1_000;

export interface Scenery {
  readonly namespace: string;
  /** Versions that have Pods. Default: v1, v2 and v3. */
  readonly versions?: readonly string[];
  /** One VirtualService at the gateway and one in the mesh. */
  readonly isSplitInTwo?: boolean;
  /** More of the Rollout's spec. */
  readonly spec?: object;
}

/** An application and its Rollout, looked at by asking: watches end with the API server. */
export interface Subject {
  readonly world: World;
  /** The Rollout, as a team writes it. Tried until the API server takes it. */
  readonly want: (version: string, strategy: object) => Promise<void>;
  readonly status: () => Promise<Status | undefined>;
  readonly until: (what: string, is: (status: Status) => boolean) => Promise<Status>;
  /** Waits until this version is the stable one. */
  readonly untilStable: (version: string) => Promise<void>;
  /** Ends the pause of the step in which the rollout stands, and waits until the next one is obeyed. */
  readonly promote: () => Promise<void>;
  /** Waits until the step was entered and proxies had time to learn it. */
  readonly untilObeyed: (step: number) => Promise<void>;
}

const rolloutsIn = (namespace: string): string => `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/rollouts/forecast`;

/** The gateway's routes stay in the first object, and callers in the mesh get one of their own. */
async function splitInTwo(bed: Bed, world: World): Promise<void> {
  const { namespace, host } = world;
  await bed.kubernetes.patch(world.virtualService, { spec: { hosts: [host], gateways: ['weather-gateway'] } });
  const route = [{ destination: { host: 'forecast', subset: 'v1' }, weight: 100 }];
  await bed.kubernetes.apply({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'forecast-mesh', namespace },
    spec: { hosts: ['forecast'], http: [{ name: 'primary', route }] },
  });
}

/** Makes the application with all traffic on v1; the Rollout comes with the first `want`. */
export async function openSubject(bed: Bed, scenery: Scenery): Promise<Subject> {
  const { namespace, versions = ['v1', 'v2', 'v3'], isSplitInTwo = false, spec = {} } = scenery;
  const world = await createWorld(bed, { namespace, versions, replicas: 1 });
  if (isSplitInTwo) await splitInTwo(bed, world);
  const router = isSplitInTwo ? { router: { istio: { virtualServices: ['forecast-mesh', 'forecast'] } } } : {};
  const status = async () => (await bed.kubernetes.get<RolloutObject>(rolloutsIn(namespace))).status;
  const until = async (what: string, is: (status: Status) => boolean): Promise<Status> => {
    let last: Status | undefined;
    const ask = async () => {
      last = await status();
      return last !== undefined && is(last);
    };
    await bed.until(`${what} in ${namespace}`, ask, PATIENCE_MS).catch((error: Error) => {
      throw new Error(`${error.message}; status ${last?.phase} ${last?.reason}: ${last?.message}`);
    });
    if (last === undefined) throw new Error(`${namespace}: no status`);
    return last;
  };
  const want = async (version: string, strategy: object) => {
    const rollout: KubernetesObject = {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'Rollout',
      metadata: { name: 'forecast', namespace },
      spec: { version, strategy, ...router, analysis: { interval: INTERVAL, gates: [] }, ...spec },
    };
    const apply = async () => {
      await bed.kubernetes.apply(rollout);
      return true;
    };
    await bed.until(`the write of ${version} in ${namespace}`, apply, PATIENCE_MS);
  };
  const untilObeyed = async (step: number) => {
    const { step: entered } = await until(`step ${step}`, ({ step: at }) => at?.index === step && at.startedAt !== undefined);
    const obeyedMs = Date.parse(entered?.startedAt ?? '') + OBEYED_AFTER_MS;
    await bed.until('proxies to obey', async () => Date.now() > obeyedMs);
  };
  return {
    world,
    want,
    status,
    until,
    untilObeyed,
    untilStable: async version => {
      await until(`${version} to be stable`, ({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === version);
    },
    promote: async () => {
      const { revision, step } = await until('a pause', ({ phase }) => phase === 'Paused');
      const request = { id: `${revision}-${step?.index}`, verb: 'promote', revision, step: step?.index };
      const annotations = { 'sluice.dev/request': JSON.stringify(request) };
      await bed.kubernetes.patch(rolloutsIn(namespace), { metadata: { annotations } });
      await untilObeyed((step?.index ?? 0) + 1);
    },
  };
}

/** Requests that were not answered by the application: everything but 200, also what a proxy answers by itself. */
export async function notAnswered(load: Load, range: TimeRange = {}): Promise<number> {
  const { requests, byStatus } = await load.summary(range);
  return requests - (byStatus['200'] ?? 0);
}

/** Requests of the user with the header: every n-th, as the load sends its sets of headers one after the other. */
export const ofJason = (records: readonly RequestRecord[], sets: number): readonly RequestRecord[] =>
  records.filter(({ number }) => number % sets === 0);

/** How often the routes of a VirtualService were changed; annotations do not count. */
export async function changesOf(bed: Bed, path: string): Promise<number> {
  const { metadata } = await bed.kubernetes.get<VirtualService>(path);
  return Number(metadata['generation']) - 1;
}
