import type { RolloutStatus } from '../rollout/index.ts';

/** What a rollout looked like from one moment on. */
export type Moment = {
  readonly atMs: number;
  readonly livedMs: number;
  readonly weight: number;
  readonly step: number;
  readonly steps: number;
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
};

export const momentOf = (status: RolloutStatus, atMs: number, livedMs: number): Moment => {
  const { phase, reason, message, step, traffic } = status;
  return {
    atMs,
    livedMs,
    weight: traffic?.weight ?? 0,
    step: step?.index ?? 0,
    steps: step?.count ?? 0,
    phase,
    reason,
    message,
  };
};

/** Do both say the same, whenever they were? */
export const isSameMoment = (a: Moment, b: Moment): boolean =>
  a.message === b.message &&
  a.reason === b.reason &&
  a.phase === b.phase &&
  a.weight === b.weight &&
  a.step === b.step &&
  a.steps === b.steps;
