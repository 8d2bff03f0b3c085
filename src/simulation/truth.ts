import {
  type Action,
  addInterval,
  type Counts,
  decodeSums,
  type GateStatus,
  type Measurement,
  type Normal,
  noSums,
  type PlanGate,
  providerOf as providerOfSource,
  type Reference,
  type ShareMeasurement,
} from '../rollout/index.ts';

/** What really happens in a world, as functions of time; providers report it as if it had been so since the step began. */
export type Truth = {
  /** Requests to the host per second, both versions together. */
  readonly requestsPerSecond: number;
  /** Share of failing requests of a version, 0..1. */
  readonly errors?: (version: string, ms: number) => number;
  /** Share of requests of a version slower than any limit, 0..1. */
  readonly slow?: (version: string, ms: number) => number;
  /** Share of all requests that reach no pod, 0..1. */
  readonly unattributed?: (ms: number) => number;
  /** Answer of custom queries; `undefined`: none. */
  readonly query?: (name: string, ms: number) => number | undefined;
  /** Answer of webhooks; `undefined`: pass. */
  readonly webhook?: (name: string, ms: number) => 'pass' | 'fail' | 'nodata' | undefined;
  /** Is the provider (like `prometheus/default`) away for this gate (or `reference`, `share`)? */
  readonly down?: (name: string, ms: number, provider: string) => boolean;
  /** Does the provider answer without knowing anything? */
  readonly empty?: (name: string, ms: number, provider: string) => boolean;
  /** How long providers take to answer. */
  readonly answerMs?: number | ((provider: string) => number);
  /** Share of all requests that the header routes of an object lead to the new version, 0..1; default 0.1. */
  readonly matching?: number;
  /** Part of the new version's intended share that arrives, 0..1. */
  readonly arriving?: (ms: number) => number;
  /** Share of requests that the proxies still send to the new version after everything was put back. */
  readonly disobeyedShare?: (ms: number) => number;
};

type Asked = {
  readonly gate: PlanGate;
  readonly fromMs: number;
  readonly atMs: number;
  readonly version: string;
  readonly stable: string;
  /** The two sides answer the same kind of requests. */
  readonly compares: boolean;
  /** The new version gets nothing but copies of requests. */
  readonly copies: boolean;
  /** What is known of the gate already; its baseline goes on from there. */
  readonly known: GateStatus | undefined;
  /** Share of the new version, 0..1. */
  readonly share: number;
};

/** The provider behind a gate, as people call it. */
export const providerOf = ({ source }: PlanGate): string => {
  if (source.kind === 'webhook') return 'webhook';
  return providerOfSource(source);
};

/** Providers whose answers belong to no gate. */
const TRAFFIC_PROVIDER = 'prometheus/default';

/** How long the providers take for this question, in ms. */
export const answerTimeMs = ({ answerMs }: Truth, provider: string = TRAFFIC_PROVIDER): number | undefined =>
  typeof answerMs === 'function' ? answerMs(provider) : answerMs;

/** The measurement that a faithful provider would give: cumulative over the step. */
export const measureGate = (truth: Truth, asked: Asked): Measurement => {
  const { gate, fromMs, atMs, version, share } = asked;
  const provider = providerOf(gate);
  if (truth.down?.(gate.name, atMs, provider)) return { kind: 'error', atMs, message: `${provider} answers 503` };
  const { source } = gate;
  // Istio's proxies trace no copies.
  const isUntraced = asked.copies && source.kind === 'zipkin';
  const isEmpty = isUntraced || (truth.empty?.(gate.name, atMs, provider) ?? false);
  if (source.kind === 'webhook') {
    return { kind: 'verdict', atMs, verdict: isEmpty ? 'nodata' : (truth.webhook?.(gate.name, atMs) ?? 'pass') };
  }
  if (source.kind === 'query') {
    const value = isEmpty ? undefined : truth.query?.(gate.name, atMs);
    if (value === undefined) return { kind: 'none', atMs, message: 'no series matches' };
    return { kind: 'value', atMs, value, windowMs: source.windowMs ?? 30_000 };
  }
  if (gate.judge === 'plain' && source.kind !== 'unattributed') return plainValue(truth, asked, isEmpty);
  const arriving = truth.arriving?.(atMs) ?? 1;
  const requests = isEmpty ? 0 : (truth.requestsPerSecond * Math.max(0, atMs - fromMs)) / 1_000;
  const total = Math.floor(requests * (source.kind === 'unattributed' ? 1 : share * arriving));
  const bad = Math.min(total, Math.round(total * badShareOf(truth, gate, version, atMs)));
  const counts = {
    kind: 'counts',
    atMs,
    untilMs: atMs,
    counts: { bad, total },
    ...(source.kind === 'unattributed' ? {} : ofStable(truth, asked, isEmpty)),
  } as const;
  return truth.arriving === undefined
    ? counts
    : { ...counts, canaryPercent: 100 * share * arriving, requests: Math.floor(requests) };
};

const PLAIN_WINDOW_MS = 60_000;
/** Durations of a version whose slow requests are many enough to be its percentile, and of one where they are not. */
const SLOW_MS = 10_000;
const FAST_MS = 100;

/** What a built-in measure shows of the last minute alone (judge: plain). */
const plainValue = (truth: Truth, { gate, atMs, version, share }: Asked, isEmpty: boolean): Measurement => {
  const samples = isEmpty ? 0 : Math.floor((truth.requestsPerSecond * share * PLAIN_WINDOW_MS) / 1_000);
  if (samples === 0) return { kind: 'none', atMs, message: 'no requests of the new version in the window' };
  const bad = badShareOf(truth, gate, version, atMs);
  const isSlow = 'percentile' in gate.source && bad > 1 - gate.source.percentile / 100;
  const value = 'percentile' in gate.source ? (isSlow ? SLOW_MS : FAST_MS) : 100 * (1 - bad);
  return { kind: 'value', atMs, value, samples, windowMs: PLAIN_WINDOW_MS };
};

/** Requests of one side in a time, and the bad ones among them. */
const countsOf = (truth: Truth, { gate, version, atMs }: Asked, durationMs: number, share: number): Counts => {
  const total = Math.floor((truth.requestsPerSecond * Math.max(0, durationMs) * share) / 1_000);
  return { bad: Math.min(total, Math.round(total * badShareOf(truth, gate, version, atMs))), total };
};

/** Stable's side of the step, and the baseline from where it was left. */
const ofStable = (truth: Truth, asked: Asked, isEmpty: boolean): Partial<Extract<Measurement, { kind: 'counts' }>> => {
  const { gate, fromMs, atMs, stable, share, known, compares } = asked;
  if (gate.baseline === undefined) return {};
  const flow = isEmpty ? { ...truth, requestsPerSecond: 0 } : truth;
  const sideOf = (sinceMs: number) => countsOf(flow, { ...asked, version: stable }, atMs - sinceMs, 1 - share);
  const text = known?.baseline?.sums;
  const sums = (text === undefined ? undefined : decodeSums(text, gate)) ?? noSums(gate);
  const sinceMs = Math.max(fromMs, known?.until === undefined ? fromMs : Date.parse(known.until));
  const canary = countsOf(flow, asked, atMs - sinceMs, share * (truth.arriving?.(atMs) ?? 1));
  const interval = { shares: sums.shares.map(() => ({ canary, stable: sideOf(sinceMs) })) };
  return {
    stable: sideOf(fromMs),
    ...(gate.isDerived === undefined ? {} : { latestStable: sideOf(sinceMs) }),
    baseline: compares ? addInterval(sums, interval, gate) : sums,
  };
};

const badShareOf = (truth: Truth, { source }: PlanGate, version: string, atMs: number): number => {
  if (source.kind === 'unattributed') return truth.unattributed?.(atMs) ?? 0;
  const isRate = source.kind === 'prometheus' && source.metric === 'success-rate';
  return (isRate ? truth.errors?.(version, atMs) : truth.slow?.(version, atMs)) ?? 0;
};

/** What was normal in the ten minutes before. */
export const measureReference = (
  truth: Truth,
  { atMs, stable, providers }: Extract<Action, { kind: 'measureReference' }>,
): Reference => {
  if (truth.down?.('reference', atMs, TRAFFIC_PROVIDER))
    return { kind: 'error', atMs, message: `reading ${TRAFFIC_PROVIDER}: 503` };
  const counts: Counts = { bad: 0, total: Math.round(600 * truth.requestsPerSecond) };
  const normal: Normal = {
    stable: counts,
    stableP90Ms: 50,
    stableP99Ms: 100,
    unattributed: counts,
    dispersion: { errors: 1, slow: 1, within: { errors: 1, slow: 1 }, pods: 3, minutes: 40 },
  };
  return { kind: 'measured', atMs, stableVersion: stable, normal: Object.fromEntries(providers.map(key => [key, normal])) };
};

/** Who gets requests once everything was put back. */
export const measureShare = (truth: Truth, { fromMs, atMs }: Extract<Action, { kind: 'measureShare' }>): ShareMeasurement => {
  if (truth.down?.('share', atMs, TRAFFIC_PROVIDER)) return { kind: 'error', atMs, message: `${TRAFFIC_PROVIDER} answers 503` };
  const isEmpty = truth.empty?.('share', atMs, TRAFFIC_PROVIDER) ?? false;
  const total = isEmpty ? 0 : Math.floor((truth.requestsPerSecond * (atMs - fromMs)) / 1_000);
  const canary = Math.floor(total * (truth.disobeyedShare?.(atMs) ?? 0));
  return { kind: 'measured', atMs, fromMs, untilMs: atMs, stable: total - canary, canary };
};
