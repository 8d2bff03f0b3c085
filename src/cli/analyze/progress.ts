import type { Memory } from '../../controller/memory.ts';
import { type GateStatus, incomparable, judgeGate, type Plan, type PlanGate } from '../../rollout/index.ts';
import { recentPercent, type Share } from './share.ts';

/** How a gate of the plan went. */
export type JudgedGate = {
  readonly plan: PlanGate;
  /** After the last reading; a failure stands. */
  readonly state: GateStatus;
  readonly failed?: Moment;
};

/** A reading, and how many requests of the new version had been counted by then. */
export type Moment = { readonly atMs: number; readonly requests: number };

/** What has come of all readings. */
export type Judgement = {
  readonly gates: readonly JudgedGate[];
  /** Requests (spans, where only Zipkin was asked) of each version in the whole time. */
  readonly requests: Share;
  /** Calls of each version by provider of spans. */
  readonly spans: Readonly<Record<string, Share>>;
  /** When the new version was first seen to have requests. */
  readonly firstRequestMs?: number;
  /** When every gate passed for the first time. */
  readonly allPassedMs?: number;
};

/** Judges what was measured, reading by reading. */
export type Progress = {
  /** Takes in what the memory holds after the reading at `atMs`. */
  add(atMs: number, memory: Memory): void;
  /** Why the two versions cannot be compared by now; `undefined` when they can. */
  incomparable(): string | undefined;
  result(memory: Memory): Judgement;
};

type Frame = {
  /** When counting begins, in ms. */
  readonly sinceMs: number;
  readonly lengthMs: number;
  /** Why nothing can be compared in all of this time. */
  readonly incomparable: string | undefined;
};

/** A webhook cannot be asked about the past, and whoever only looks calls nobody. */
export const isAsked = ({ source }: PlanGate): boolean => source.kind !== 'webhook';

export const createProgress = (plan: Plan, frame: Frame): Progress => {
  const { sinceMs, lengthMs } = frame;
  const states = new Map<string, GateStatus>();
  const failures = new Map<string, Moment>();
  const shares: Share[] = [{ stable: 0, canary: 0 }];
  let firstRequestMs: number | undefined;
  let allPassedMs: number | undefined;
  const notComparable = (): string | undefined =>
    frame.incomparable ?? incomparable({ weight: Math.round(recentPercent(shares)) });
  const add = (atMs: number, memory: Memory): void => {
    const why = notComparable();
    const comparison = { sinceMs, pauseMs: lengthMs, ...(why === undefined ? {} : { incomparable: why }) };
    shares.push(countedShare(memory));
    const { canary } = shares.at(-1) ?? { canary: 0 };
    if (canary > 0) firstRequestMs ??= atMs;
    for (const gate of plan.gates.filter(isAsked)) {
      const state = judgeGate(gate, states.get(gate.name), memory.measurements.get(gate.name), comparison);
      states.set(gate.name, state);
      if (state.verdict === 'Fail' && !failures.has(gate.name)) failures.set(gate.name, { atMs, requests: canary });
    }
    if (canary > 0 && [...states.values()].every(isFine)) allPassedMs ??= atMs;
  };
  return {
    add,
    incomparable: notComparable,
    result: (memory: Memory) => ({
      gates: plan.gates.map(gate => judged(gate, states.get(gate.name), failures.get(gate.name))),
      requests: countedShare(memory),
      spans: spansOf(memory),
      ...(firstRequestMs === undefined ? {} : { firstRequestMs }),
      ...(allPassedMs === undefined ? {} : { allPassedMs }),
    }),
  };
};

const isFine = ({ verdict }: GateStatus): boolean => verdict === 'Pass' || verdict === 'NotApplicable';

const judged = (plan: PlanGate, state: GateStatus | undefined, failed: Moment | undefined): JudgedGate => ({
  plan,
  state: state ?? notAsked(plan),
  ...(failed === undefined ? {} : { failed }),
});

const notAsked = ({ name }: PlanGate): GateStatus => ({
  name,
  source: 'webhook',
  verdict: 'NotApplicable',
  message: `${name}: a webhook is not asked, as it cannot tell of the past`,
});

/** Requests so far: Prometheus sees all of them, spans are a sample. */
const countedShare = ({ sums }: Memory): Share => {
  const [, counted] = [...sums].find(([key]) => key.startsWith('prometheus/')) ?? [...sums][0] ?? [];
  return counted?.requests ?? { stable: 0, canary: 0 };
};

const spansOf = ({ sums }: Memory): Readonly<Record<string, Share>> =>
  Object.fromEntries([...sums].flatMap(([key, { requests }]) => (key.startsWith('zipkin/') ? [[key, requests]] : [])));
