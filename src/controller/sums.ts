import {
  addInterval,
  type BaselineInterval,
  type BaselineSums,
  type Cause,
  type Counts,
  decodeSums,
  type GateStatus,
  type Measurement,
  noSums,
  type PlanGate,
  type PodCounts,
  percentileOf,
} from '../rollout/index.ts';
import type { Traffic, VersionTraffic } from './ports.ts';

/** All that was read from one provider in one step, up to `untilMs`; what is not in the status is for people only. */
export type ProviderSums = {
  /** When the first reading of this process begins. */
  readonly sinceMs: number;
  untilMs: number;
  /** Time before `untilMs` that the provider left out, as there was too much in it. */
  skippedMs: number;
  /** Baselines add no interval that begins before this: an earlier process has added it already. */
  readonly comparedUntilMs: number;
  readonly gates: Map<string, GateSums>;
  readonly durations: Readonly<Record<Side, Map<number, number>>>;
  /** Requests of each side as this process saw them. */
  requests: Readonly<Record<Side, number>>;
  /** Copies that this process saw go without an answer. */
  unanswered: number;
  readonly causes: Map<string, number>;
  readonly pods: Map<string, { requests: number; failures: number }>;
};

type Side = 'stable' | 'canary';
type GateSums = {
  readonly canary: Counts;
  readonly stable: Counts;
  readonly latestStable?: Counts;
  readonly baseline?: BaselineSums;
};

export const isLatency = ({ source }: PlanGate): boolean =>
  source.kind === 'zipkin' || (source.kind === 'prometheus' && source.metric === 'latency');

/** Durations from which on a gate calls a request slow: its limit, then the edges of its baseline for each side. */
type Edges = { readonly limitMs: number; readonly stableMs: readonly number[]; readonly canaryMs: readonly number[] };

const edgesOf = ({ source, max, baseline }: PlanGate): Edges => {
  const stableMs = baseline?.edgesMs ?? [];
  // Spans have exact durations, so what is tolerated goes into the edge; the edges of buckets cannot be moved.
  const tolerance = source.kind === 'zipkin' ? (baseline?.tolerance ?? 1) : 1;
  return { limitMs: max ?? baseline?.limit ?? 0, stableMs, canaryMs: stableMs.map(edge => edge * tolerance) };
};

/** All durations that one reading for these gates has to count by, each once. */
export const slowerThan = (gates: readonly PlanGate[]): readonly number[] => [
  ...new Set(gates.filter(isLatency).flatMap(gate => Object.values(edgesOf(gate)).flat())),
];

/** Does any of them look at stable, too? */
export const needStable = (gates: readonly PlanGate[]): boolean =>
  gates.some(({ baseline, isDerived }) => baseline !== undefined || isDerived !== undefined);

/** Sums as an earlier process stored them, else empty ones from the step's start; baselines go on over the steps. */
export const seedSums = (gates: readonly PlanGate[], stored: readonly GateStatus[], sinceMs: number): ProviderSums => {
  const known = gates.map(gate => stored.find(({ name }) => name === gate.name));
  const untils = known.map(gate => (gate?.until === undefined ? undefined : Date.parse(gate.until)));
  const [first] = untils;
  const isWhole = first !== undefined && untils.every(until => until === first);
  const sums = gates.map((gate, i): readonly [string, GateSums] => {
    const before = known[i];
    const counts = { bad: before?.failures ?? 0, total: before?.samples ?? 0 };
    const baseline = seedBaseline(gate, before);
    return [
      gate.name,
      {
        canary: isWhole ? counts : NONE,
        stable: isWhole ? (before?.stable ?? NONE) : NONE,
        ...(baseline === undefined ? {} : { baseline }),
      },
    ];
  });
  const fromMs = isWhole ? first : sinceMs;
  return {
    sinceMs: fromMs,
    untilMs: fromMs,
    skippedMs: 0,
    comparedUntilMs: Math.max(sinceMs, ...untils.filter(until => until !== undefined)),
    gates: new Map(sums),
    durations: { stable: new Map(), canary: new Map() },
    requests: { stable: 0, canary: 0 },
    unanswered: 0,
    causes: new Map(),
    pods: new Map(),
  };
};

const NONE: Counts = { bad: 0, total: 0 };

const seedBaseline = (gate: PlanGate, stored: GateStatus | undefined): BaselineSums | undefined => {
  if (gate.baseline === undefined) return undefined;
  const text = stored?.baseline?.sums;
  return (text === undefined ? undefined : decodeSums(text, gate)) ?? noSums(gate);
};

/** Adds one reading; `compares`: the two sides answer the same kind of requests. */
export const addTraffic = (sums: ProviderSums, traffic: Traffic, gates: readonly PlanGate[], compares: boolean): void => {
  const isNew = sums.untilMs >= sums.comparedUntilMs;
  const slower = slowerThan(gates);
  for (const gate of gates) {
    const before = sums.gates.get(gate.name) ?? { canary: NONE, stable: NONE };
    const { baseline } = before;
    const latestStable = countsOf(gate, traffic, 'stable', slower);
    sums.gates.set(gate.name, {
      canary: plus(before.canary, countsOf(gate, traffic, 'canary', slower)),
      stable: plus(before.stable, latestStable),
      latestStable,
      ...(baseline === undefined
        ? {}
        : { baseline: compares && isNew ? addInterval(baseline, intervalOf(gate, traffic, slower), gate) : baseline }),
    });
  }
  sums.untilMs = Math.max(sums.untilMs, traffic.untilMs);
  sums.skippedMs += traffic.skippedMs ?? 0;
  addFigures(sums, traffic);
};

const plus = (a: Counts, b: Counts): Counts => ({ bad: a.bad + b.bad, total: a.total + b.total });

const countsOf = (gate: PlanGate, traffic: Traffic, side: Side, slower: readonly number[]): Counts => {
  if (gate.source.kind === 'unattributed') return { bad: traffic.host.unattributed, total: traffic.host.requests };
  const of = traffic[side];
  return isLatency(gate) ? slowOnes(of, edgesOf(gate).limitMs, slower) : { bad: of.errors, total: of.requests };
};

const slowOnes = ({ slow, timed }: VersionTraffic, edgeMs: number, slower: readonly number[]): Counts => ({
  bad: slow[slower.indexOf(edgeMs)] ?? 0,
  total: timed,
});

const intervalOf = (gate: PlanGate, traffic: Traffic, slower: readonly number[]): BaselineInterval => {
  const { stable, canary } = traffic;
  if (!isLatency(gate)) {
    return {
      shares: [
        { canary: { bad: canary.errors, total: canary.requests }, stable: { bad: stable.errors, total: stable.requests } },
      ],
    };
  }
  const { stableMs, canaryMs } = edgesOf(gate);
  const shares = stableMs.map((edgeMs, i) => ({
    canary: slowOnes(canary, canaryMs[i] ?? edgeMs, slower),
    stable: slowOnes(stable, edgeMs, slower),
  }));
  if (canary.calls === undefined || stable.calls === undefined) return { shares };
  return { shares, calls: { canary: canary.calls, stable: stable.calls } };
};

const addFigures = (sums: ProviderSums, { stable, canary }: Traffic): void => {
  sums.requests = { stable: sums.requests.stable + stable.requests, canary: sums.requests.canary + canary.requests };
  sums.unanswered += canary.unanswered ?? 0;
  for (const [side, of] of [['stable', stable] as const, ['canary', canary] as const]) {
    for (const [upToMs, count] of of.durations) {
      const edge = threeDigits(upToMs);
      sums.durations[side].set(edge, (sums.durations[side].get(edge) ?? 0) + count);
    }
  }
  for (const { what, count } of canary.causes ?? []) sums.causes.set(what, (sums.causes.get(what) ?? 0) + count);
  for (const { name, requests, failures } of canary.pods ?? []) {
    const pod = sums.pods.get(name) ?? { requests: 0, failures: 0 };
    sums.pods.set(name, { requests: pod.requests + requests, failures: pod.failures + failures });
  }
};

/** Durations for people need no more digits, and so the list stays short. */
const threeDigits = (ms: number): number => (Number.isFinite(ms) ? Number(ms.toPrecision(3)) : ms);

const MOST_CAUSES = 8;

/** What the core is told of one gate. `all`: sums of a provider that sees every request, where there is one. */
export const measurementOf = (gate: PlanGate, sums: ProviderSums, atMs: number, all: ProviderSums | undefined): Measurement => {
  const {
    canary: counts,
    stable,
    latestStable,
    baseline,
  }: GateSums = sums.gates.get(gate.name) ?? { canary: NONE, stable: NONE };
  const isHost = gate.source.kind === 'unattributed';
  const requests = sums.requests.stable + sums.requests.canary;
  const isCounted = gate.source.kind !== 'zipkin' && requests > 0;
  const value = percentileFor(gate, sums, 'canary');
  const stableValue = percentileFor(gate, sums, 'stable');
  const sampling = gate.source.kind === 'zipkin' ? samplingOf(sums, all) : undefined;
  return {
    kind: 'counts',
    atMs,
    untilMs: sums.untilMs,
    counts,
    ...(value === undefined ? {} : { value }),
    ...(isCounted ? { canaryPercent: (100 * sums.requests.canary) / requests, requests } : {}),
    ...(isHost || !needStable([gate]) ? {} : { stable }),
    ...(isHost || gate.isDerived === undefined || latestStable === undefined ? {} : { latestStable }),
    ...(stableValue === undefined ? {} : { stableValue }),
    ...(baseline === undefined ? {} : { baseline }),
    ...(isHost || isLatency(gate) ? {} : failuresOf(sums)),
    ...(sampling === undefined ? {} : { sampling }),
  };
};

/** Spans per request of the new version; the two providers have read up to different moments, so their rates are compared. */
const samplingOf = (spans: ProviderSums, all: ProviderSums | undefined): number | undefined => {
  const perMs = ({ requests, sinceMs, untilMs, skippedMs }: ProviderSums): number =>
    untilMs - skippedMs > sinceMs ? requests.canary / (untilMs - skippedMs - sinceMs) : 0;
  const requestsPerMs = all === undefined ? 0 : perMs(all);
  const spansPerMs = perMs(spans);
  return requestsPerMs > 0 && spansPerMs > 0 ? Math.min(1, Number((spansPerMs / requestsPerMs).toPrecision(3))) : undefined;
};

const percentileFor = ({ source }: PlanGate, { durations }: ProviderSums, side: Side): number | undefined =>
  'percentile' in source ? percentileOf([...durations[side]], source.percentile) : undefined;

const failuresOf = ({ causes, pods }: ProviderSums): { causes?: readonly Cause[]; pods?: readonly PodCounts[] } => {
  const ofCauses = [...causes].map(([what, count]) => ({ what, count })).sort((a, b) => b.count - a.count);
  const ofPods = [...pods].map(([name, figures]) => ({ name, ...figures })).sort((a, b) => b.failures - a.failures);
  return {
    ...(ofCauses.length === 0 ? {} : { causes: ofCauses.slice(0, MOST_CAUSES) }),
    ...(ofPods.length === 0 ? {} : { pods: ofPods.slice(0, MOST_CAUSES) }),
  };
};
