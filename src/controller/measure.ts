import { type Action, type Measurement, type Plan, type PlanGate, providerOf } from '../rollout/index.ts';
import { ofCopies } from './copies.ts';
import type { Memory } from './memory.ts';
import { turnTo } from './memory.ts';
import { readNormal } from './normal.ts';
import { createPlainReader } from './plainReadings.ts';
import type { GateCaller, Providers, RenderTemplate, TrafficProvider } from './ports.ts';
import type { Sides, Subject } from './subject.ts';
import { addTraffic, isLatency, measurementOf, needStable, type ProviderSums, seedSums, slowerThan } from './sums.ts';

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

  const readerOf = ({ source }: PlanGate): TrafficProvider | undefined => {
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
      const provider = gates[0] && readerOf(gates[0]);
      if (provider === undefined) throw new Error(`provider ${name} is not configured any more`);
      const traffic = await provider.readTraffic(
        {
          host,
          stable,
          canary,
          onlyCanary: !needStable(gates),
          ...(action.copies === undefined ? {} : { copies: true }),
          fromMs: sums.untilMs,
          toMs: action.atMs,
          slowerThanMs: slowerThan(gates),
          withoutDurations: !gates.some(isLatency),
        },
        abort.signal,
      );
      if (memory.step !== action.step) return;
      addTraffic(sums, traffic, gates, action.compares);
      memory.sums.set(name, sums);
      if (traffic.scrapeDistanceMs !== undefined) memory.scrapeDistanceMs.set(name, traffic.scrapeDistanceMs);
      for (const gate of gates) {
        const measurement = measurementOf(gate, sums, action.atMs, countsOfAll(memory));
        keep(gate, action.copies === undefined ? measurement : ofCopies(measurement, gate, sums, canary.version));
      }
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

  const measureReference: Measurer['measureReference'] = (subject, action, done) =>
    once(subject.memory, 'reference', done, async () => {
      const { atMs, stable: stableVersion } = action;
      try {
        const normal = await Promise.all(
          action.providers.map(async key => [key, await readNormal(byKey(providers, key), subject, atMs, abort.signal)] as const),
        );
        subject.memory.reference = { kind: 'measured', atMs, stableVersion, normal: Object.fromEntries(normal) };
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
          { host, stable, canary, fromMs: action.fromMs, toMs: action.atMs, slowerThanMs: [], withoutDurations: true },
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

/** A provider by its key, like `prometheus/default`. */
const byKey = (providers: Providers, key: string): TrafficProvider => {
  const [kind, name = ''] = key.split('/');
  const known = kind === 'zipkin' ? providers.zipkin : providers.prometheus;
  const provider = Object.hasOwn(known, name) ? known[name] : undefined;
  if (provider === undefined) throw new Error(`provider ${key} is not configured any more`);
  return provider;
};

/** What a provider that counts every request has read in this step; spans are a sample of them. */
const countsOfAll = ({ sums }: Memory): ProviderSums | undefined => [...sums].find(([key]) => key.startsWith('prometheus/'))?.[1];

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Gates that are read together have one provider; those that are judged plainly are read by themselves. */
const providerName = ({ source, judge }: PlanGate): string | undefined => {
  if (source.kind === 'query' || source.kind === 'webhook' || judge === 'plain') return undefined;
  return providerOf(source);
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
