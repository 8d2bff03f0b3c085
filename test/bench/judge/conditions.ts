import type { Shape, Slowness } from './latency.ts';
import type { Random } from './random.ts';

/** What the new version does differently. */
export type Change = {
  /** So many times stable's share of errors. */
  readonly errorRatio: number;
  /** Share of its requests that fails besides, 0..1. */
  readonly extraErrors: number;
  readonly slowness: Slowness;
};

export const UNCHANGED: Change = { errorRatio: 1, extraErrors: 0, slowness: { factor: 1, lateShare: 0, lateMs: 0 } };

export type Step = { readonly weight: number; readonly pauseMs: number };

/** One service on one day, and one release of it. */
export type Conditions = {
  /** To the host, averaged over the day. */
  readonly requestsPerS: number;
  readonly steps: readonly Step[];
  /** Stable's share of errors, 0..1. */
  readonly errorRate: number;
  readonly shape: Shape;
  readonly pods: { readonly stable: number; readonly canary: number };
  /** Of the daily cycle, 0..1, and where in it the release begins, 0..1. */
  readonly day: { readonly amplitude: number; readonly phase: number };
  /** Standard deviations of the logarithms of what wanders from minute to minute, auto-correlation 0.6. */
  readonly wander: {
    readonly load: number;
    readonly errors: number;
    readonly latency: number;
    readonly podErrors: number;
    readonly podLatency: number;
  };
  /** Errors of each pod vary from minute to minute by a gamma distribution of this shape; absent: they do not. */
  readonly burstShape?: number;
  /** Incidents that both versions share: how many an hour, with 2 to 20 % errors and times half as long again, 30 to 180 s each. */
  readonly incidentsPerHour: number;
  /** For five minutes of the release every fifth request fails, whichever version it goes to. */
  readonly outageAtMs?: number;
  /** One pod fails ten times as often: one of stable for the whole time, or one of the new version for two minutes. */
  readonly badPod?: 'stable' | 'canary';
  /** After each raise pods of the new version are so many times as slow, going down by half each 10 s. */
  readonly coldStart?: number;
  /** Share of requests with spans, 0..1; absent: there is no Zipkin. */
  readonly sampling?: number;
  readonly change: Change;
};

const CALM = { load: 0, errors: 0, latency: 0, podErrors: 0, podLatency: 0 };

/** Nothing wanders, nothing bursts: what a formula is about. */
export const calm = (given: Pick<Conditions, 'requestsPerS' | 'steps' | 'errorRate'> & Partial<Conditions>): Conditions => ({
  shape: { kind: 'log-normal', medianMs: 40, sigma: 0.6 },
  pods: { stable: 4, canary: 4 },
  day: { amplitude: 0, phase: 0 },
  wander: CALM,
  incidentsPerHour: 0,
  change: UNCHANGED,
  ...given,
});

const logUniform = (random: Random, from: number, to: number): number => from * (to / from) ** random.uniform();
const oneOf = <T>(random: Random, values: readonly [T, ...T[]]): T =>
  values[Math.floor(random.uniform() * values.length)] ?? values[0];

const MINUTE_MS = 60_000;
const timed = (pauseMs: number, ...weights: readonly number[]): readonly Step[] => weights.map(weight => ({ weight, pauseMs }));

const STRATEGIES: readonly [readonly Step[], ...(readonly Step[])[]] = [
  timed(5 * MINUTE_MS, 50),
  timed(5 * MINUTE_MS, 10, 50),
  timed(5 * MINUTE_MS, 5, 20, 50),
  timed(2.5 * MINUTE_MS, 25, 50),
  timed(10 * MINUTE_MS, 10, 30, 60),
];

const RATES_PER_S = [1 / 6, 1_000] as const;

const drawShape = (random: Random): Shape => {
  const medianMs = logUniform(random, 5, 150);
  const kind = oneOf<Shape['kind']>(random, ['log-normal', 'bimodal', 'heavy-tail']);
  switch (kind) {
    case 'log-normal':
      return { kind: 'log-normal', medianMs, sigma: 0.4 + 0.4 * random.uniform() };
    case 'bimodal':
      return { kind: 'bimodal', medianMs, slowShare: 0.05 + 0.25 * random.uniform(), slowRatio: 6 };
    case 'heavy-tail':
      return { kind: 'heavy-tail', medianMs, tailShare: 0.02 + 0.03 * random.uniform(), exponent: 1.5 };
  }
};

/** What makes data hard to judge; each by itself, in this share of the releases. */
const SHARES = { overLimit: 0.15, bursts: 0.3, incidents: 0.3, badPod: 0.15, better: 0.1, spans: 0.6 } as const;

/** A healthy release of a service drawn at random: the mixture of the benchmark. */
export const drawHealthy = (random: Random): Conditions => {
  const [slowest, fastest] = RATES_PER_S;
  const has = (share: number): boolean => random.uniform() < share;
  const steps = oneOf(random, STRATEGIES);
  const errorRate = has(SHARES.overLimit)
    ? 0.015 + 0.015 * random.uniform()
    : oneOf(random, [0, 0.0001, 0.0005, 0.001, 0.002, 0.005]);
  const size = 2 + Math.floor(4 * random.uniform());
  return {
    requestsPerS: logUniform(random, slowest, fastest),
    steps,
    errorRate,
    shape: drawShape(random),
    pods: { stable: size, canary: size },
    day: { amplitude: 0.7 * random.uniform(), phase: random.uniform() },
    wander: { load: 0.2, errors: 0.4, latency: 0.1, podErrors: 0.2, podLatency: 0.03 },
    ...(has(SHARES.bursts) ? { burstShape: oneOf(random, [1, 3]) } : {}),
    incidentsPerHour: has(SHARES.incidents) ? 1 : 0,
    ...(has(SHARES.badPod) ? { badPod: oneOf(random, ['stable', 'canary']) } : {}),
    ...(has(SHARES.spans) ? { sampling: logUniform(random, 0.01, 1) } : {}),
    change: has(SHARES.better) ? { ...UNCHANGED, errorRatio: 0.5, slowness: { ...UNCHANGED.slowness, factor: 0.8 } } : UNCHANGED,
  };
};

export const FAULTS = {
  'errors +2 %': { ...UNCHANGED, extraErrors: 0.02 },
  'errors +5 %': { ...UNCHANGED, extraErrors: 0.05 },
  'errors +20 %': { ...UNCHANGED, extraErrors: 0.2 },
  'only errors': { ...UNCHANGED, extraErrors: 1 },
  'latency x1.5': { ...UNCHANGED, slowness: { factor: 1.5, lateShare: 0, lateMs: 0 } },
  'latency x2': { ...UNCHANGED, slowness: { factor: 2, lateShare: 0, lateMs: 0 } },
  'latency x4': { ...UNCHANGED, slowness: { factor: 4, lateShare: 0, lateMs: 0 } },
  '5 % of requests +1 s': { ...UNCHANGED, slowness: { factor: 1, lateShare: 0.05, lateMs: 1_000 } },
} as const satisfies Readonly<Record<string, Change>>;

export type Fault = keyof typeof FAULTS;

/** The same services with a release that is bad, in two steps of 150 s, at 10 requests per second and more. */
export const drawBad = (random: Random, fault: Fault): Conditions => {
  const [, fastest] = RATES_PER_S;
  const healthy = drawHealthy(random);
  return {
    ...healthy,
    requestsPerS: logUniform(random, 10, fastest),
    steps: timed(2.5 * MINUTE_MS, oneOf(random, [10, 20, 30]), 50),
    change: FAULTS[fault],
  };
};
