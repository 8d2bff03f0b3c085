import { describe, expect, it } from 'vitest';
import { START_MS, type World } from '../../src/simulation/world.ts';
import { check, MINUTE, SECOND, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

const HALF_SHORT = specOf([{ setWeight: 50, pause: { duration: '20s' } }]);
const FOREVER = specOf([{ setWeight: 50, pause: {} }]);

/** v2 at 50 % with four pods. */
const withFour = (options: Parameters<typeof worldInProgress>[0] = {}): World => {
  const world = worldInProgress({ spec: FOREVER, onDecision: watchLaws(), ...options });
  world.setPods('v2', 4);
  world.ask({ verb: 'abort' });
  world.run(20 * SECOND).ask({ verb: 'retry' });
  check(world.run(10 * SECOND), { step: 1, mesh: [50] });
  expect(world.status?.step?.readyAtStart).toBe(4);
  return world;
};
const promote = (world: World, id: string): void =>
  world.ask({ id, verb: 'promote', revision: world.status?.revision, step: world.status?.step?.index });

describe('the pods of the new version become fewer', () => {
  it('R25: less than half for 30 s: rolled back', () => {
    const world = withFour();
    world.setPods('v2', 1);
    check(world.run(29 * SECOND), {
      reason: 'PodsShrinking',
      mesh: [50],
      waitingFor: 'pods',
      message: /1 of the 4 ready pods .*goes back at 14:0\d:\d\dZ if it stays so/,
    });
    check(world.run(15 * SECOND), { phase: 'RolledBack', reason: 'PodsLost', mesh: [0], message: /too few ready pods since/ });
  });

  it('R25: a restart does not begin the 30 s anew', () => {
    const world = withFour();
    world.setPods('v2', 1);
    for (let i = 0; i < 4; i++) world.run(7 * SECOND).crash();
    check(world.run(10 * SECOND), { mesh: [0], reason: 'PodsLost' });
  });

  it('R25: they recover in time: it goes on, and the next time has 30 s of its own', () => {
    const world = withFour();
    world.setPods('v2', 1);
    world.run(25 * SECOND).setPods('v2', 4);
    check(world.run(10 * SECOND), { phase: 'Paused', reason: 'WaitingForPerson', mesh: [50] });
    world.setPods('v2', 1);
    check(world.run(25 * SECOND), { reason: 'PodsShrinking', mesh: [50] });
  });

  it('R25: exactly half is not below', () => {
    const world = withFour();
    world.setPods('v2', 2);
    check(world.run(5 * MINUTE), { phase: 'Paused', mesh: [50] });
  });

  it('R25: holds the next step until they are back; growing is no matter', () => {
    const world = withFour({ spec: HALF_SHORT });
    world.setPods('v2', 3);
    check(world.run(3 * MINUTE), { step: 1, reason: 'PodsShrinking', mesh: [50], message: /when a person promotes/ });
    world.setPods('v2', 9);
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R25, R22: a person may let a smaller set go on, but not one below half', () => {
    const world = withFour();
    world.setPods('v2', 1);
    promote(world.run(SECOND), 'a');
    check(world.run(SECOND), { step: 1, mesh: [50] });
    expect(world.status?.lastRequest?.outcome).toMatch(/refused: .*1 of the 4/);
    world.setPods('v2', 3);
    promote(world.run(SECOND), 'b');
    check(world.run(2 * SECOND), { step: 2, mesh: [100] });
  });

  it('R17, R25: a gate that fails meanwhile does not wait for the 30 s', () => {
    const truth = { errors: (version: string, ms: number) => (version === 'v2' && ms > START_MS + 80 * SECOND ? 0.5 : 0) };
    const world = withFour({ truth });
    world.run(Math.max(0, START_MS + 78 * SECOND - world.nowMs)).setPods('v2', 1);
    check(world.run(15 * SECOND), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
  });

  it('R6, R25: nobody to go back to: the traffic stays, and goes back when there is', () => {
    const world = withFour();
    world.setPods('v1', 0);
    world.setPods('v2', 1);
    check(world.run(MINUTE), { mesh: [50], reason: 'WaitingForStable' });
    world.setPods('v1', 1);
    check(world.run(2 * SECOND), { mesh: [0] });
  });

  it('R25: from few to none: off at once, and back within 30 s of that', () => {
    const world = withFour();
    world.setPods('v2', 1);
    world.run(20 * SECOND).setPods('v2', 0);
    check(world.run(SECOND), { mesh: [0], reason: 'PodsLost' });
    world.run(20 * SECOND).setPods('v2', 4);
    check(world.run(5 * SECOND), { mesh: [50], phase: 'Paused' });
  });
});
