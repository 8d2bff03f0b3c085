import type { Block } from '../../../src/rollout/index.ts';
import type { Conditions, Step } from './conditions.ts';
import type { Tick, World } from './world.ts';

/** What a judge may know before the first raise. Times in ms since the first raise. */
export type Release = {
  readonly steps: readonly Step[];
  readonly tickMs: number;
  /** Spans can be had. */
  readonly hasSpans: boolean;
  /** The ten minutes before, when stable had all traffic. */
  readonly past: readonly Tick[];
  /** Minutes of stable's pods in the forty minutes before. */
  readonly blocks: (slowerThanMs?: number) => readonly Block[];
};

export type Look = {
  readonly nowMs: number;
  /** 1-based. */
  readonly step: number;
  readonly stepSinceMs: number;
  readonly isPauseOver: boolean;
  /** All that has come to light since the first raise: what Prometheus has scraped, which is one tick late. */
  readonly ticks: readonly Tick[];
};

export type Answer = 'back' | 'stay' | 'go';

export type Judging = {
  /** The steps that this judge goes through; one that judges at 100 % too has one more. */
  readonly steps: readonly Step[];
  look(look: Look): Answer;
  /** What led to the last answer, for people. */
  readonly why?: () => string;
};

export type Judge = { readonly name: string; begin(release: Release): Judging };

export type Result = {
  readonly end: 'rolled back' | 'healthy' | 'undecided';
  readonly atMs: number;
  /** Requests that the new version had until then. */
  readonly met: number;
  /** What the judge said last. */
  readonly why?: string | undefined;
};

const REFERENCE_MS = 600_000;
const HISTORY_MS = 2_400_000;

export const releaseOf = (world: World, { steps, sampling }: Conditions, tickMs: number): Release => {
  const past = Array.from({ length: REFERENCE_MS / tickMs }, (_, i) => world.tick(i * tickMs - REFERENCE_MS, 0, 0));
  return {
    steps,
    tickMs,
    hasSpans: sampling !== undefined,
    past,
    blocks: slowerThanMs => world.blocks(-HISTORY_MS, slowerThanMs),
  };
};

/**
 * One release under one judge. A step is entered at once when the judge says "go" after the step's pause, and all traffic goes
 * back at once when it says "back". There are no people, no pods that come and go, and no provider that fails.
 */
export const runRelease = (world: World, release: Release, judge: Judge, horizonMs: number): Result => {
  const { tickMs } = release;
  const { steps, look, why } = judge.begin(release);
  const ticks: Tick[] = [];
  let [step, stepSinceMs, met] = [1, 0, 0];
  for (let nowMs = tickMs; nowMs <= horizonMs; nowMs += tickMs) {
    const { weight = 0, pauseMs = 0 } = steps[step - 1] ?? {};
    const tick = world.tick(nowMs - tickMs, weight, stepSinceMs);
    met += tick.canary.requests;
    const isPauseOver = nowMs - stepSinceMs >= pauseMs;
    const answer = look({ nowMs, step, stepSinceMs, isPauseOver, ticks });
    ticks.push(tick);
    if (answer === 'back') return { end: 'rolled back', atMs: nowMs, met, why: why?.() };
    if (answer === 'stay' || !isPauseOver) continue;
    if (step === steps.length) return { end: 'healthy', atMs: nowMs, met };
    step += 1;
    stepSinceMs = nowMs;
  }
  return { end: 'undecided', atMs: horizonMs, met, why: why?.() };
};
