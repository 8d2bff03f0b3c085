import type { ClockJump, Measurement, Observation } from '../rollout/index.ts';

/** An answer of a provider that is under way. */
type Awaited = { readonly topic: string; readonly atMs: number; readonly take: () => void };

/** What a process keeps in memory only; a crash loses it, answers under way included. */
export type ProcessMemory = {
  measurements: Record<string, Measurement>;
  measuredStep: string | undefined;
  reference: Observation['reference'];
  share: Observation['share'];
  writeError: string | undefined;
  /** When each subset was first seen. */
  seen: Record<string, number>;
  /** Earliest first. */
  answers: Awaited[];
  /** How often the clock was set while the process ran. */
  clockJumps: ClockJump[];
};

export const emptyMemory = (): ProcessMemory => ({
  measurements: {},
  measuredStep: undefined,
  reference: undefined,
  share: undefined,
  writeError: undefined,
  seen: {},
  answers: [],
  clockJumps: [],
});

/** The process dies in the middle of a round. No error of the program, so it needs no stack. */
export class Crash {}
