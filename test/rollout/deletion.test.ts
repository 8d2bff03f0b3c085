import { describe, it } from 'vitest';
import { check, MINUTE, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';

const forever = [{ setWeight: 50, pause: {} }];

describe('deletion', () => {
  it('R30: in progress all traffic goes back first, then the finalizer goes', () => {
    const world = worldInProgress({ spec: specOf(forever) });
    check(world, { writes: { finalizer: 1 } });
    world.isDeleting = true;
    world.run(5 * SECOND);
    check(world, { mesh: [0], writes: { finalizer: 2 } });
  });

  it('R30: onDelete: keep leaves the weights, and never has a finalizer', () => {
    const world = worldInProgress({ spec: specOf(forever, { onDelete: 'keep' }) });
    world.isDeleting = true;
    check(world.run(5 * SECOND), { mesh: [50], writes: { finalizer: 0 } });
  });

  it('R30: with no ready pod of stable the weights stay, and nothing blocks', () => {
    const world = worldInProgress({ spec: specOf(forever) });
    world.setPods('v1', 0);
    world.isDeleting = true;
    check(world.run(5 * SECOND), { mesh: [50], writes: { finalizer: 2 }, message: /v1 has no ready pod/ });
  });

  it('R30: the finalizer is there only while an attempt is in progress', () => {
    check(restingWorld(), { writes: { finalizer: 0 } });
    check(worldInProgress().run(2 * MINUTE), { phase: 'Healthy', writes: { finalizer: 2 } });
  });
});
