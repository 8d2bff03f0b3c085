import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Position, RolloutSpec, RolloutStatus, RouteWeights, VersionPods } from '../../../src/rollout/index.ts';
import { World } from '../../../src/simulation/world.ts';
import { MINUTE } from '../check.ts';

/** What a build from before the whole state machine had stored, and what it then did in the next six minutes. */
type Earlier = {
  readonly name: string;
  readonly nowMs: number;
  readonly spec: RolloutSpec;
  readonly status: RolloutStatus;
  readonly objects: readonly {
    readonly name: string;
    readonly resourceVersion: number;
    readonly weights: RouteWeights;
    readonly position?: Position;
    readonly routed?: readonly string[];
  }[];
  readonly pods: Readonly<Record<string, VersionPods>>;
  readonly subsets: readonly string[];
  readonly hasFinalizer: boolean;
  readonly later: {
    /** Time after the snapshot in ms, object, share of the new version. */
    readonly writes: readonly (readonly [number, string, number])[];
    readonly phase: string;
    readonly reason: string;
    readonly stable: string;
  };
};

const EARLIER: readonly Earlier[] = JSON.parse(readFileSync(new URL('statuses.json', import.meta.url), 'utf8'));

const goOn = ({ spec, nowMs, subsets, objects, pods, status, hasFinalizer }: Earlier): World => {
  const weights = Object.fromEntries(objects.map(object => [object.name, object.weights]));
  const world = new World({ spec, startMs: nowMs, subsets, objects: weights, pods: {} });
  Object.assign(world, { status, hasFinalizer });
  for (const object of objects) Object.assign(world.mesh.object(object.name), object);
  Object.assign(world.pods, pods);
  return world;
};

describe('the controller is upgraded', () => {
  it.each(EARLIER.map(earlier => [earlier.name, earlier] as const))(
    'R4, R11: %s: what an earlier build has stored goes on untouched: no restart, no jump, at the same moments',
    (_, earlier) => {
      const world = goOn(earlier);
      const { status } = earlier;
      world.run(400);
      expect(world.status?.step?.startedAt).toBe(status.step?.startedAt);
      expect(world.status?.revision).toBe(status.revision);
      world.run(6 * MINUTE - 400);
      const { phase, reason, stableVersion: stable } = world.status ?? {};
      const writes = world.meshWrites.map(({ atMs, object, weight }) => [atMs - earlier.nowMs, object, weight]);
      expect({ writes, phase, reason, stable }).toEqual(earlier.later);
    },
  );
});
