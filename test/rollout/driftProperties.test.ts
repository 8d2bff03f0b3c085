import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OBJECT, type World } from '../../src/simulation/world.ts';
import { MINUTE, SECOND, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';
import { FEW_WORLDS, SEED } from './property.ts';

const WINDOW_MS = 5 * MINUTE;
const INSTALLATION = { prometheus: ['default'], zipkin: [], restore: ['argocd-controller'] };

const change = fc.record({
  afterMs: fc.integer({ min: 0, max: 90 * SECOND }),
  canary: fc.constantFrom(0, 10, 50, 51, 90, 100),
  manager: fc.constantFrom('argocd-controller', 'argocd-controller', 'kubectl-edit'),
  dropPosition: fc.boolean(),
});
const life = fc.record({
  changes: fc.array(change, { maxLength: 25 }),
  steps: fc.constantFrom('10m', '20s'),
  crash: fc.option(fc.record({ write: fc.integer({ min: 1, max: 60 }), when: fc.constantFrom('before', 'after') })),
});
type Life = typeof life extends fc.Arbitrary<infer Value> ? Value : never;

const lived = ({ changes, steps, crash }: Life): World => {
  const world = worldInProgress({
    spec: specOf([{ setWeight: 50, pause: { duration: steps } }]),
    installation: INSTALLATION,
    onDecision: watchLaws(),
    ...(crash === null ? {} : { crash }),
  });
  for (const { afterMs, canary, manager, dropPosition } of changes) {
    world.run(afterMs).edit(OBJECT, { v1: 100 - canary, v2: canary }, { manager, dropPosition });
    world.run(5 * SECOND);
    // What was written last may not have come to the status yet.
    const written = world.mesh.object(OBJECT).position?.weight ?? 0;
    const weight = world.status?.phase === 'Healthy' ? 100 : Math.max(written, world.status?.traffic?.weight ?? 0);
    const isResting = world.status?.phase === 'RolledBack' || world.status?.phase === 'Pending';
    if (!isResting) expect(world.weightOf('v2'), world.status?.message).toBeLessThanOrEqual(weight);
  }
  return world;
};

/** Most of these moments within any five minutes. */
const mostInWindow = (times: readonly number[]): number =>
  Math.max(0, ...times.map(start => times.filter(time => time >= start && time < start + WINDOW_MS).length));

describe('any life among other writers', () => {
  it('R26: more than intended never stays in progress, and no tool is undone more than five times in five minutes', () => {
    fc.assert(
      fc.property(life, drawn => {
        const { meshWrites } = lived(drawn);
        const at = (reason: string) => meshWrites.filter(write => write.reason === reason).map(({ atMs }) => atMs);
        // A write that a crash hid from the status for a moment is counted when it is seen.
        expect(mostInWindow(at('DriftRestored'))).toBeLessThanOrEqual(5);
        expect(mostInWindow(at('DriftPutDown'))).toBeLessThanOrEqual(5);
      }),
      { seed: SEED, numRuns: FEW_WORLDS },
    );
  });
});
