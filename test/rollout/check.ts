import { expect } from 'vitest';
import type { GateSpec, RolloutSpec, StepSpec } from '../../src/rollout/index.ts';
import { World, type WorldOptions } from '../../src/simulation/world.ts';

/** What a test says about a world; what it leaves out is not looked at. */
type Expected = {
  readonly phase?: string;
  readonly reason?: string;
  readonly stable?: string;
  readonly step?: number | undefined;
  /** Share of the new version that is intended. */
  readonly weight?: number;
  /** Share of v2 in the mesh, one entry for each object. */
  readonly mesh?: readonly number[];
  readonly waitingFor?: string | undefined;
  readonly message?: RegExp;
  /** Writes since the world began, or since `mark`. */
  readonly writes?: Partial<World['counts']>;
};

/** The one way in which rules are checked. */
export const check = (world: World, expected: Expected, since: Partial<World['counts']> = {}): void => {
  const { status } = world;
  const seen: Record<string, unknown> = {
    phase: status?.phase,
    reason: status?.reason,
    stable: status?.stableVersion,
    step: status?.step?.index,
    weight: status?.traffic?.weight ?? 0,
    mesh: world.objects.map(({ name }) => Math.round(world.weightOf('v2', name))),
    waitingFor: status?.waitingFor?.what,
  };
  const { message, writes, ...rest } = expected;
  const asked = Object.fromEntries(Object.keys(rest).map(key => [key, seen[key]]));
  expect(asked, status?.message).toEqual(rest);
  if (message) expect(status?.message).toMatch(message);
  if (writes) {
    const counted = Object.entries(writes).map(([key]) => {
      const name = key as keyof World['counts'];
      return [name, world.counts[name] - (since[name] ?? 0)];
    });
    expect(Object.fromEntries(counted), 'writes').toEqual(writes);
  }
};

export const mark = (world: World): World['counts'] => ({ ...world.counts });

export const SECOND = 1_000;
export const MINUTE = 60_000;

/** Success-rate of at least 99 %: the gate of most tests. */
export const SUCCESS_RATE: GateSpec = { name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 } };

export const specOf = (steps: readonly StepSpec[], change: Partial<RolloutSpec> = {}): RolloutSpec => ({
  version: 'v1',
  strategy: { canary: { steps } },
  analysis: { interval: '5s', gates: [SUCCESS_RATE] },
  ...change,
});

/** 0 → 50 for 20 s → 100: the shortest story with everything in it. */
export const HALF: readonly StepSpec[] = [{ setWeight: 50, pause: { duration: '20s' } }];

/** A world in which v1 is stable and at rest. */
export const restingWorld = (options: Partial<WorldOptions> = {}): World =>
  new World({ spec: specOf(HALF), ...options }).run(5 * SECOND);

/** A world in which v2 is at its first step, with pods. */
export const worldInProgress = (options: Partial<WorldOptions> = {}): World => {
  const world = restingWorld(options);
  world.setPods('v2', 3);
  world.commit({ version: 'v2' });
  return world.run(6 * SECOND);
};
