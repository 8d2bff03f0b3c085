import type { Block } from '../../../src/rollout/index.ts';
import type { Conditions } from './conditions.ts';
import { drawMs, shareUpTo } from './latency.ts';
import { createRandom, seedOf } from './random.ts';

/** Upper edges in ms of the buckets that are filled; Istio has more, of which these are those up to 10 s. */
export const EDGES_MS = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, Number.POSITIVE_INFINITY] as const;

/** What one version did in one tick. */
export type Side = {
  readonly requests: number;
  readonly errors: number;
  /** Requests by duration: more than the edge before, and at most this one. */
  readonly buckets: readonly number[];
  /** Sampled requests, ascending by start. */
  readonly calls: readonly (readonly [atMs: number, durationMs: number])[];
};

export type Tick = { readonly fromMs: number; readonly untilMs: number; readonly canary: Side; readonly stable: Side };

/** A service and its traffic. Times in ms since the first raise; the past is negative. */
export type World = {
  /** Requests in [fromMs, fromMs + tickMs), with so much of them sent to the new version, which was raised last at `raisedMs`. */
  tick(fromMs: number, weight: number, raisedMs: number): Tick;
  /** Minutes of the pods of stable before the first raise, when it had all traffic; `bad` counts errors, or requests above an edge. */
  blocks(fromMs: number, slowerThanMs?: number): readonly Block[];
};

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const AUTO_CORRELATION = 0.6;
const PAST_MINUTES = 45;
/** Spans of one version in one tick beyond this are left out by count: a test that has fewer sees less, never something else. */
const MOST_CALLS = 150;

const STREAM = { load: 1, errors: 2, latency: 3, incidents: 4, pods: 5, bursts: 100, ticks: 1_000, past: 2_000 } as const;
type Version = 'stable' | 'canary';

/** The same seed and conditions make the same traffic: a tick depends on its time and weight only, never on who has looked at it. */
export const createWorld = (conditions: Conditions, seed: number, tickMs: number): World => {
  const { requestsPerS, errorRate, shape, pods, day, wander, change, sampling } = conditions;
  const load = createWander(seedOf(seed, STREAM.load), wander.load);
  const errors = createWander(seedOf(seed, STREAM.errors), wander.errors);
  const latency = createWander(seedOf(seed, STREAM.latency), wander.latency);
  const incidents = drawIncidents(conditions, seedOf(seed, STREAM.incidents));
  const podsOf = { stable: createPods(conditions, seed, 'stable'), canary: createPods(conditions, seed, 'canary') };

  const shared = (atMs: number) => {
    const minute = Math.floor(atMs / MINUTE_MS);
    const incident = incidents.find(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs);
    return {
      perMs: (requestsPerS / 1_000) * dayFactor(day, atMs) * load(minute),
      errorFactor: errors(minute),
      extraErrors: incident?.errorRate ?? 0,
      slowness: latency(minute) * (incident?.slowness ?? 1),
    };
  };

  const errorShare = (version: Version, pod: number, atMs: number): number => {
    const { errorFactor, extraErrors } = shared(atMs);
    const own = version === 'canary' ? change : { errorRatio: 1, extraErrors: 0 };
    const base = errorRate * own.errorRatio * errorFactor * podsOf[version].errorFactor(pod, atMs);
    return Math.min(1, 1 - (1 - Math.min(1, base)) * (1 - extraErrors) * (1 - own.extraErrors));
  };

  const slownessOf = (version: Version, pod: number, atMs: number, raisedMs: number) => {
    const factor = shared(atMs).slowness * podsOf[version].latencyFactor(pod, atMs);
    if (version === 'stable') return { factor, lateShare: 0, lateMs: 0 };
    const { slowness } = change;
    const cold = conditions.coldStart === undefined ? 1 : 1 + (conditions.coldStart - 1) * 0.5 ** ((atMs - raisedMs) / 10_000);
    return { ...slowness, factor: factor * slowness.factor * cold };
  };

  const sideOf = (version: Version, fromMs: number, weight: number, raisedMs: number): Side => {
    const random = createRandom(seedOf(seed, STREAM.ticks, fromMs / 1_000, weight, version === 'stable' ? 0 : 1));
    const share = (version === 'canary' ? weight : 100 - weight) / 100;
    const middleMs = fromMs + tickMs / 2;
    const size = pods[version];
    const expected = (shared(middleMs).perMs * tickMs * share) / size;
    const calls: (readonly [number, number])[] = [];
    const buckets = EDGES_MS.map(() => 0);
    let requests = 0;
    let failed = 0;
    for (let pod = 0; pod < size && share > 0; pod++) {
      const count = random.poisson(expected);
      requests += count;
      failed += random.binomial(count, errorShare(version, pod, middleMs));
      const slowness = slownessOf(version, pod, middleMs, raisedMs);
      fill(buckets, count, edgeMs => shareUpTo(shape, slowness, edgeMs), random.binomial);
      const sampled = Math.min(Math.ceil(MOST_CALLS / size), random.binomial(count, sampling ?? 0));
      for (let i = 0; i < sampled; i++) calls.push([fromMs + tickMs * random.uniform(), drawMs(shape, slowness, random)]);
    }
    return { requests, errors: failed, buckets, calls: calls.sort(([a], [b]) => a - b) };
  };

  const known = new Map<string, Tick>();
  return {
    tick: (fromMs, weight, raisedMs) => {
      const key = `${fromMs} ${weight} ${raisedMs}`;
      const before = known.get(key);
      if (before !== undefined) return before;
      const canary = sideOf('canary', fromMs, weight, raisedMs);
      const stable = sideOf('stable', fromMs, weight, raisedMs);
      const tick = { fromMs, untilMs: fromMs + tickMs, canary, stable };
      known.set(key, tick);
      return tick;
    },
    blocks: (fromMs, slowerThanMs) => {
      const random = createRandom(seedOf(seed, STREAM.past, slowerThanMs ?? 0));
      const minutes = Array.from({ length: Math.floor(-fromMs / MINUTE_MS) }, (_, i) => fromMs + i * MINUTE_MS);
      return minutes.flatMap(atMs =>
        Array.from({ length: pods.stable }, (_, pod): Block => {
          const requests = random.poisson((shared(atMs).perMs * MINUTE_MS) / pods.stable);
          const share =
            slowerThanMs === undefined
              ? errorShare('stable', pod, atMs)
              : 1 - shareUpTo(shape, slownessOf('stable', pod, atMs, 0), slowerThanMs);
          return { pod: `stable-${pod}`, atMs: atMs + MINUTE_MS, requests, bad: random.binomial(requests, share) };
        }),
      );
    },
  };
};

const dayFactor = ({ amplitude, phase }: Conditions['day'], atMs: number): number =>
  1 + amplitude * Math.sin(2 * Math.PI * (atMs / DAY_MS + phase));

/** Around 1, minute by minute: the exponential of an AR(1) process, mean 1. */
const createWander = (seed: number, deviation: number): ((minute: number) => number) => {
  if (deviation === 0) return () => 1;
  const random = createRandom(seed);
  const fresh = Math.sqrt(1 - AUTO_CORRELATION ** 2);
  const values: number[] = [random.normal()];
  return minute => {
    const index = Math.max(0, minute + PAST_MINUTES);
    while (values.length <= index) values.push(AUTO_CORRELATION * (values.at(-1) ?? 0) + fresh * random.normal());
    return Math.exp(deviation * (values[index] ?? 0) - deviation ** 2 / 2);
  };
};

type Incident = { readonly fromMs: number; readonly untilMs: number; readonly errorRate: number; readonly slowness: number };

const HORIZON_MS = 6 * 3_600_000;

const drawIncidents = ({ incidentsPerHour, outageAtMs }: Conditions, seed: number): readonly Incident[] => {
  const random = createRandom(seed);
  const startMs = -PAST_MINUTES * MINUTE_MS;
  const count = random.poisson((incidentsPerHour * (HORIZON_MS - startMs)) / 3_600_000);
  const shared = Array.from({ length: count }, (): Incident => {
    const fromMs = startMs + (HORIZON_MS - startMs) * random.uniform();
    const untilMs = fromMs + 30_000 + 150_000 * random.uniform();
    return { fromMs, untilMs, errorRate: 0.02 * 10 ** random.uniform(), slowness: 1.5 };
  });
  const outage = { fromMs: outageAtMs ?? 0, untilMs: (outageAtMs ?? 0) + 5 * MINUTE_MS, errorRate: 0.2, slowness: 1 };
  return outageAtMs === undefined ? shared : [outage, ...shared];
};

const BAD_POD_RATIO = 10;
const BAD_POD_MS = 120_000;

const createPods = ({ pods, wander, burstShape, badPod }: Conditions, seed: number, version: Version) => {
  const side = version === 'stable' ? 0 : 1;
  const indices = Array.from({ length: pods[version] }, (_, pod) => pod);
  const own = indices.map(pod => createWander(seedOf(seed, STREAM.pods, side, pod, 1), wander.podErrors));
  const pace = indices.map(pod => createWander(seedOf(seed, STREAM.pods, side, pod, 2), wander.podLatency));
  const badFromMs = 300_000 * createRandom(seedOf(seed, STREAM.pods, side)).uniform();
  const isBad = (pod: number, atMs: number): boolean =>
    pod === 0 && badPod === version && (version === 'stable' || (badFromMs <= atMs && atMs < badFromMs + BAD_POD_MS));
  const burst = (pod: number, minute: number): number =>
    burstShape === undefined ? 1 : createRandom(seedOf(seed, STREAM.bursts, side, pod, minute)).gamma(burstShape) / burstShape;
  return {
    errorFactor: (pod: number, atMs: number): number => {
      const minute = Math.floor(atMs / MINUTE_MS);
      return (own[pod]?.(minute) ?? 1) * burst(pod, minute) * (isBad(pod, atMs) ? BAD_POD_RATIO : 1);
    },
    latencyFactor: (pod: number, atMs: number): number => pace[pod]?.(Math.floor(atMs / MINUTE_MS)) ?? 1,
  };
};

/** Multinomial: one binomial after another of those that are left. */
const fill = (
  buckets: number[],
  count: number,
  shareUpToEdge: (edgeMs: number) => number,
  binomial: (n: number, p: number) => number,
): void => {
  let left = count;
  let below = 0;
  for (let i = 0; i < EDGES_MS.length && left > 0; i++) {
    const upTo = i === EDGES_MS.length - 1 ? 1 : shareUpToEdge(EDGES_MS[i] ?? 0);
    const inside = binomial(left, below >= 1 ? 1 : Math.min(1, (upTo - below) / (1 - below)));
    buckets[i] = (buckets[i] ?? 0) + inside;
    left -= inside;
    below = upTo;
  }
};
