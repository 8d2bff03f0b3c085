import {
  type Action,
  type GateStatus,
  type Measurement,
  type Normal,
  type Plan,
  type PlanGate,
  percentileOf,
} from '../rollout/index.ts';
import type { Memory, ProviderSums } from './memory.ts';
import { turnTo } from './memory.ts';
import { createPlainReader } from './plainReadings.ts';
import type { GateCaller, Providers, RenderTemplate, Traffic, TrafficProvider } from './ports.ts';
import type { Sides, Subject } from './subject.ts';

type Measure = Extract<Action, { kind: 'measure' }>;
type MeasureReference = Extract<Action, { kind: 'measureReference' }>;
type MeasureShare = Extract<Action, { kind: 'measureShare' }>;

/** Carries out `measure` actions in the background; `done` is called whenever something new is in the memory. */
export type Measurer = {
  measure(subject: Subject, action: Measure, done: () => void): void;
  measureReference(subject: Sides, action: MeasureReference, done: () => void): void;
  measureShare(subject: Sides, action: MeasureShare, done: () => void): void;
  /** Gives up all readings under way. */
  stop(): void;
};

const REFERENCE_MS = 600_000;

export const createMeasurer = (deps: {
  readonly providers: Providers;
  readonly render: RenderTemplate;
  /** Absent: there are no webhook gates here. */
  readonly callGate?: GateCaller | undefined;
}): Measurer => {
  const { providers } = deps;
  const plain = createPlainReader(deps);
  const abort = new AbortController();

  /** One reading at a time for each provider and rollout. */
  const once = (memory: Memory, name: string, done: () => void, read: () => Promise<void>): void => {
    if (memory.inFlight.has(name)) return;
    memory.inFlight.add(name);
    void read().finally(() => {
      memory.inFlight.delete(name);
      if (!abort.signal.aborted) done();
    });
  };

  const providerOf = ({ source }: PlanGate): TrafficProvider | undefined => {
    if (source.kind === 'webhook') return undefined;
    return source.kind === 'zipkin' ? providers.zipkin[source.provider] : providers.prometheus[source.provider];
  };

  const readGates = async (subject: Subject, action: Measure, gates: readonly PlanGate[], name: string): Promise<void> => {
    const { memory, host, stable, canary, stored } = subject;
    const keep = (gate: PlanGate, measurement: Measurement): void => {
      if (memory.step === action.step) memory.measurements.set(gate.name, measurement);
    };
    try {
      const sums = memory.sums.get(name) ?? seedSums(gates, stored, action.sinceMs);
      const timed = gates.filter(isLatency);
      const provider = gates[0] && providerOf(gates[0]);
      if (provider === undefined) throw new Error(`provider ${name} is not configured any more`);
      const slowerThanMs = timed.map(gate => gate.max ?? 0);
      const traffic = await provider.readTraffic(
        { host, stable, canary, onlyCanary: true, fromMs: sums.untilMs, toMs: action.atMs, slowerThanMs },
        abort.signal,
      );
      if (memory.step !== action.step) return;
      addTraffic(sums, traffic, gates, timed);
      memory.sums.set(name, sums);
      for (const gate of gates) keep(gate, measurementOf(gate, sums, action.atMs));
    } catch (error) {
      for (const gate of gates) keep(gate, { kind: 'error', atMs: action.atMs, message: messageOf(error) });
    }
  };

  const readPlain = async (subject: Subject, action: Measure, gate: PlanGate): Promise<void> => {
    const { memory } = subject;
    const measurement = await plain.read(subject, action, gate, abort.signal);
    if (memory.step === action.step) memory.measurements.set(gate.name, measurement);
  };

  const measure: Measurer['measure'] = (subject, action, done) => {
    const { memory, plan } = subject;
    turnTo(memory, action.step);
    const due = plan.gates.filter(gate => action.gates.includes(gate.name));
    for (const gate of due.filter(gate => providerName(gate) === undefined)) {
      once(memory, `${action.step} ${gate.source.kind} ${gate.name}`, done, () => readPlain(subject, action, gate));
    }
    for (const [name, gates] of byProvider(due)) {
      once(memory, `${action.step} ${name}`, done, () => readGates(subject, action, allOf(plan, gates), name));
    }
  };

  const readNormal = async (subject: Sides, provider: TrafficProvider | undefined, atMs: number): Promise<Normal | undefined> => {
    if (provider === undefined) return undefined;
    const { host, stable, canary } = subject;
    const traffic = await provider.readTraffic(
      { host, stable, canary, fromMs: atMs - REFERENCE_MS, toMs: atMs, slowerThanMs: [] },
      abort.signal,
    );
    const stableP99Ms = percentileOf(traffic.stable.durations, 99);
    return {
      stable: { bad: traffic.stable.errors, total: traffic.stable.requests },
      unattributed: { bad: traffic.host.unattributed, total: traffic.host.requests },
      ...(stableP99Ms === undefined ? {} : { stableP99Ms }),
    };
  };

  const measureReference: Measurer['measureReference'] = (subject, action, done) =>
    once(subject.memory, 'reference', done, async () => {
      const { atMs, stable: stableVersion } = action;
      try {
        const [prometheus, zipkin] = await Promise.all([
          readNormal(subject, action.prometheus === undefined ? undefined : providers.prometheus[action.prometheus], atMs),
          readNormal(subject, action.zipkin === undefined ? undefined : providers.zipkin[action.zipkin], atMs),
        ]);
        subject.memory.reference = {
          kind: 'measured',
          atMs,
          stableVersion,
          ...(prometheus ? { prometheus } : {}),
          ...(zipkin ? { zipkin } : {}),
        };
      } catch (error) {
        subject.memory.reference = { kind: 'error', atMs, message: messageOf(error) };
      }
    });

  const measureShare: Measurer['measureShare'] = (subject, action, done) =>
    once(subject.memory, 'share', done, async () => {
      const { memory, host, stable, canary } = subject;
      const provider = Object.values(providers.prometheus)[0] ?? Object.values(providers.zipkin)[0];
      if (provider === undefined) return;
      try {
        const traffic = await provider.readTraffic(
          { host, stable, canary, fromMs: action.fromMs, toMs: action.atMs, slowerThanMs: [] },
          abort.signal,
        );
        const sides = { stable: traffic.stable.requests, canary: traffic.canary.requests };
        memory.share = { kind: 'measured', atMs: action.atMs, fromMs: action.fromMs, untilMs: traffic.untilMs, ...sides };
      } catch (error) {
        memory.share = { kind: 'error', atMs: action.atMs, message: messageOf(error) };
      }
    });

  return { measure, measureReference, measureShare, stop: () => abort.abort() };
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const isLatency = ({ source }: PlanGate): boolean =>
  source.kind === 'zipkin' || (source.kind === 'prometheus' && source.metric === 'latency');

/** Gates that are read together have one provider; a query and a webhook are read by themselves. */
const providerName = ({ source }: PlanGate): string | undefined => {
  if (source.kind === 'query' || source.kind === 'webhook') return undefined;
  return `${source.kind === 'zipkin' ? 'zipkin' : 'prometheus'}/${source.provider}`;
};

const byProvider = (gates: readonly PlanGate[]): ReadonlyMap<string, readonly PlanGate[]> => {
  const groups = new Map<string, readonly PlanGate[]>();
  for (const gate of gates) {
    const name = providerName(gate);
    if (name !== undefined) groups.set(name, [...(groups.get(name) ?? []), gate]);
  }
  return groups;
};

/** All gates of a provider share its sums, so they are always measured together. */
const allOf = (plan: Plan, gates: readonly PlanGate[]): readonly PlanGate[] => {
  const [first] = gates;
  const name = first && providerName(first);
  return plan.gates.filter(gate => name !== undefined && providerName(gate) === name);
};

/** Sums as an earlier process stored them, else empty ones from the step's start. */
const seedSums = (gates: readonly PlanGate[], stored: readonly GateStatus[], sinceMs: number): ProviderSums => {
  const known = gates.map(gate => stored.find(({ name }) => name === gate.name));
  const untils = known.map(gate => (gate?.until === undefined ? sinceMs : Date.parse(gate.until)));
  const isWhole = known.every(gate => gate?.until !== undefined) && new Set(untils).size === 1;
  const counts = gates.map((gate, i) => {
    const before = isWhole ? known[i] : undefined;
    return [gate.name, { bad: before?.failures ?? 0, total: before?.samples ?? 0 }] as const;
  });
  return {
    untilMs: isWhole ? (untils[0] ?? sinceMs) : sinceMs,
    counts: new Map(counts),
    durations: new Map(),
    requests: { stable: 0, canary: 0 },
  };
};

const addTraffic = (sums: ProviderSums, traffic: Traffic, gates: readonly PlanGate[], timed: readonly PlanGate[]): void => {
  sums.untilMs = Math.max(sums.untilMs, traffic.untilMs);
  sums.requests = {
    stable: sums.requests.stable + traffic.stable.requests,
    canary: sums.requests.canary + traffic.canary.requests,
  };
  for (const gate of gates) {
    const counts = sums.counts.get(gate.name) ?? { bad: 0, total: 0 };
    const { bad, total } = countsOf(gate, traffic, timed);
    sums.counts.set(gate.name, { bad: counts.bad + bad, total: counts.total + total });
  }
  for (const [upToMs, count] of traffic.canary.durations) {
    const edge = threeDigits(upToMs);
    sums.durations.set(edge, (sums.durations.get(edge) ?? 0) + count);
  }
};

const countsOf = (gate: PlanGate, traffic: Traffic, timed: readonly PlanGate[]): { bad: number; total: number } => {
  if (gate.source.kind === 'unattributed') return { bad: traffic.host.unattributed, total: traffic.host.requests };
  if (isLatency(gate)) return { bad: traffic.canary.slow[timed.indexOf(gate)] ?? 0, total: traffic.canary.timed };
  return { bad: traffic.canary.errors, total: traffic.canary.requests };
};

/** Durations for people need no more digits, and so the list stays short. */
const threeDigits = (ms: number): number => (Number.isFinite(ms) ? Number(ms.toPrecision(3)) : ms);

const measurementOf = (gate: PlanGate, sums: ProviderSums, atMs: number): Measurement => {
  const counts = sums.counts.get(gate.name) ?? { bad: 0, total: 0 };
  const value = 'percentile' in gate.source ? percentileOf([...sums.durations], gate.source.percentile) : undefined;
  const { stable, canary } = sums.requests;
  const hasBoth = gate.source.kind !== 'zipkin' && stable + canary > 0;
  return {
    kind: 'counts',
    atMs,
    untilMs: sums.untilMs,
    counts,
    ...(value === undefined ? {} : { value }),
    ...(hasBoth ? { canaryPercent: (100 * canary) / (stable + canary), requests: stable + canary } : {}),
  };
};
