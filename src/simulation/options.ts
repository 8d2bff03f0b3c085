import type { Decision, Installation, Observation, Rollout, RolloutSpec, RolloutStatus, RouteWeights } from '../rollout/index.ts';
import type { Truth } from './truth.ts';

/** 2026-11-21T14:00:00Z, a Saturday; worlds begin then unless they say otherwise. */
export const START_MS = Date.UTC(2026, 10, 21, 14);
export const OBJECT = 'weather/forecast';

export type WorldOptions = {
  readonly spec: RolloutSpec;
  readonly namespace?: string;
  readonly name?: string;
  readonly startMs?: number;
  /** What a process before this one stored. */
  readonly status?: RolloutStatus;
  /** Weights by object name, in the order in which they are raised. */
  readonly objects?: Readonly<Record<string, RouteWeights>>;
  readonly subsets?: readonly string[];
  readonly pods?: Readonly<Record<string, number>>;
  readonly installation?: Installation;
  readonly authors?: readonly string[];
  readonly truth?: Partial<Truth>;
  /** Lose all memory before or after the n-th write (1-based) of anything. */
  readonly crash?: { readonly write: number; readonly when: 'before' | 'after' };
  /** Sees every decision with what it was made from. */
  readonly onDecision?: (rollout: Rollout, observation: Observation, decision: Decision, nowMs: number) => void;
};
