import type { Bed } from '../bed/bed.ts';
import type { Split, Story, VirtualService } from '../story.ts';
import type { startPrometheusStandIn } from './prometheusStandIn.ts';

/** Half of the traffic, until something happens. */
export const HALF = { steps: [{ setWeight: 50, pause: { duration: '10m' } }] };
export const GATES = [{ name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 }, minSamples: 10 }];
/** Two versions take turns, so that each attempt is one of a version that is not the one rolled back last. */
export const versionOf = (attempt: number): string => (attempt % 2 === 0 ? 'v2' : 'v3');
export const halfOf = (version: string): string => `v1:50 ${version}:50`;
export const SAFE = 'v1:100';

/** Does something, and waits until the route is split like this after it began. `doneAtMs`: when it was answered. */
export async function splitAfter(
  { bed, story }: { readonly bed: Bed; readonly story: Story },
  weights: string,
  cause: () => unknown,
): Promise<Split & { readonly doneAtMs: number }> {
  const seen = story.splits().length;
  await cause();
  const doneAtMs = Date.now();
  const found = () =>
    story
      .splits()
      .slice(seen)
      .find(split => split.weights === weights);
  await bed.until(`weights ${weights} in ${story.world.namespace}`, async () => found() !== undefined);
  const split = found();
  if (split === undefined) throw new Error(`${story.world.namespace}: the split ${weights} is gone`);
  return { ...split, doneAtMs };
}

interface Entered {
  /** From the sight of the new spec in a watch to that of the first weight. */
  readonly firstWeightMs: number;
  readonly hadSubset: boolean;
}

/** Wants another version, and waits until it has half of the traffic. */
export async function enterHalf(bed: Bed, story: Story, version: string): Promise<Entered> {
  const hadSubset = story.rules.at(-1)?.object.spec.subsets.some(({ name }) => name === version) ?? false;
  const seen = story.statuses.length;
  const { atMs } = await splitAfter({ bed, story }, halfOf(version), () => story.commit(version));
  const isWanted = (spec: unknown) => (spec as { readonly version?: string }).version === version;
  const wanted = story.statuses.slice(seen).find(({ object }) => isWanted(object['spec']));
  if (wanted === undefined) throw new Error(`${story.world.namespace}: the watch has not told of ${version}`);
  return { firstWeightMs: atMs - wanted.atMs, hadSubset };
}

/** Raises the new version as a person would. */
export async function raiseByHand(bed: Bed, { world }: Story, version: string): Promise<void> {
  const { spec } = await bed.kubernetes.get<VirtualService>(world.virtualService);
  const weightOf = (subset: string | undefined) => (subset === version ? 80 : subset === 'v1' ? 20 : 0);
  const http = spec.http.map(rule => ({
    ...rule,
    route: rule.route.map(one => ({ ...one, weight: weightOf(one.destination.subset) })),
  }));
  await bed.kubernetes.patch(world.virtualService, { spec: { http } });
}

export interface Scene {
  readonly bed: Bed;
  readonly standIn: Awaited<ReturnType<typeof startPrometheusStandIn>>;
  readonly story: Story;
}

const PER_SECOND = 100;

/** What the stand-in tells while a version has half of the traffic, and while it has none. */
export function tellHealthy({ standIn, story }: Omit<Scene, 'bed'>, version?: string): void {
  const half = { v1: { perSecond: PER_SECOND }, ...(version === undefined ? {} : { [version]: { perSecond: PER_SECOND } }) };
  standIn.tell(story.world.namespace, half);
}

/** All requests of the new version fail: from the answer that says so to weight 0, in ms. */
export async function failVerdict({ bed, standIn, story }: Scene, version: string): Promise<number> {
  const { namespace } = story.world;
  tellHealthy({ standIn, story }, version);
  await story.until('a verdict', ({ message }) => / % >= 99 % on /.test(message));
  const failing = { v1: { perSecond: PER_SECOND }, [version]: { perSecond: PER_SECOND, failing: true } };
  const { atMs } = await splitAfter({ bed, story }, SAFE, () => standIn.tell(namespace, failing));
  const toldAtMs = standIn.failuresToldAtMs(namespace);
  if (toldAtMs === undefined) throw new Error(`${namespace}: traffic was put back before any failure was told`);
  await endAttempt({ standIn, story });
  return atMs - toldAtMs;
}

/** Waits until the attempt is over and the next one may begin. */
export async function endAttempt({ standIn, story }: Omit<Scene, 'bed'>): Promise<void> {
  tellHealthy({ standIn, story });
  await story.until('rollback', ({ phase }) => phase === 'RolledBack');
}
