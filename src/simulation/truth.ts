import type { Measurement, PlanGate } from '../rollout/index.ts';

/** What really happens in a world, as functions of time; providers report it. */
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
  /** Is the provider away for this gate (or `reference`, `share`)? */
  readonly down?: (name: string, ms: number) => boolean;
  /** How long providers take to answer. */
  readonly answerMs?: number;
  /** Share of requests that the proxies still send to the new version after everything was put back. */
  readonly disobeyedShare?: (ms: number) => number;
};

type Asked = {
  readonly gate: PlanGate;
  readonly fromMs: number;
  readonly atMs: number;
  readonly version: string;
  /** Share of the new version, 0..1. */
  readonly share: number;
};

/** The measurement that a faithful provider would give: cumulative over the step. */
export const measureGate = (truth: Truth, { gate, fromMs, atMs, version, share }: Asked): Measurement => {
  if (truth.down?.(gate.name, atMs)) return { kind: 'error', atMs, message: 'prometheus/default answers 503' };
  const { source } = gate;
  if (source.kind === 'query') {
    const value = truth.query?.(gate.name, atMs);
    if (value === undefined) return { kind: 'none', atMs, message: 'no series matches' };
    return { kind: 'value', atMs, value, windowMs: source.windowMs ?? 30_000 };
  }
  const seconds = Math.max(0, atMs - fromMs) / 1_000;
  const reached = source.kind === 'unattributed' ? 1 : share;
  const total = Math.floor(truth.requestsPerSecond * seconds * reached);
  const badShare =
    source.kind === 'unattributed'
      ? (truth.unattributed?.(atMs) ?? 0)
      : source.kind === 'prometheus' && source.metric === 'success-rate'
        ? (truth.errors?.(version, atMs) ?? 0)
        : (truth.slow?.(version, atMs) ?? 0);
  const bad = Math.min(total, Math.round(total * badShare));
  return { kind: 'counts', atMs, untilMs: atMs, counts: { bad, total } };
};
