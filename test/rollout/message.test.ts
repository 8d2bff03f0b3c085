import { describe, expect, it } from 'vitest';
import { OBJECT } from '../../src/simulation/world.ts';
import { check, MINUTE, restingWorld, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';

describe('the message', () => {
  it('R36: says where the rollout is, what the gates say, and until when', () => {
    const world = worldInProgress().run(10 * SECOND);
    const until = world.status?.waitingFor?.until?.slice(11, 19);
    check(world, {
      message: new RegExp(`^step 1/2 at 50%: success-rate 100 % >= 99 % on \\d+ requests.*; next step at ${until}Z$`),
    });
    check(world, { waitingFor: 'pause' });
  });

  it('R36: times are absolute: the moment that was named is the moment of the raise', () => {
    const world = worldInProgress().run(10 * SECOND);
    const until = Date.parse(world.status?.waitingFor?.until ?? '');
    world.run(MINUTE);
    const raisedMs = world.meshWrites[1]?.atMs ?? 0;
    expect(raisedMs - until).toBeGreaterThanOrEqual(0);
    expect(raisedMs - until).toBeLessThan(SECOND);
  });

  it('R36: when the pause is over it says what is missing, and that it goes on by itself', () => {
    const world = worldInProgress({ truth: { requestsPerSecond: 0 } }).run(MINUTE);
    check(world, { message: /^step 1\/2 at 50%: success-rate.*; the pause is over, goes on by itself when every gate passes$/ });
  });

  it('R36: a provider that is away is named with what it said', () => {
    const world = worldInProgress({ truth: { down: name => name === 'success-rate' } }).run(10 * SECOND);
    check(world, { reason: 'ProviderError', message: /success-rate: prometheus\/default answers 503/ });
  });

  it('R36: at rest it says what is stable, and what would change that', () => {
    check(restingWorld(), { message: /v1 has all traffic and is stable/ });
    check(worldInProgress().run(MINUTE), { message: /v2 is stable at 100%; nothing to do until the version changes/ });
  });

  it('R36: after a rollback it says why, and what to do', () => {
    const world = worldInProgress({ truth: { errors: version => (version === 'v2' ? 0.3 : 0) } }).run(30 * SECOND);
    check(world, { message: /^all traffic on v1: success-rate.*commit another version to go on/ });
  });

  it('R36: the columns of kubectl get agree with it', () => {
    const world = worldInProgress();
    expect(world.status?.display).toEqual({ version: 'v2', step: '1/2', weight: '50%' });
    world.run(MINUTE);
    expect(world.status?.display).toEqual({ version: 'v2', step: '', weight: '100%' });
  });

  it('R36: no decision of any story is without words', () => {
    const silent: string[] = [];
    const world = restingWorld({
      spec: specOf(
        [
          { setWeight: 20, pause: {} },
          { setWeight: 50, pause: { duration: '10s' } },
        ],
        {
          analysis: { interval: '5s', gates: [SUCCESS_RATE] },
        },
      ),
      onDecision: (_rollout, _observation, { status }) => {
        if (status.message.trim() === '' || status.conditions?.some(({ message }) => message === '')) silent.push(status.reason);
      },
    });
    world.commit({ version: 'v2' });
    world.run(10 * SECOND).setPods('v2', 2);
    world.run(10 * SECOND).edit(OBJECT, { v1: 100 });
    world.run(10 * SECOND).edit(OBJECT, { v2: 100 });
    world.run(10 * SECOND).setPods('v2', 0);
    world.run(10 * SECOND).setPods('v2', 2);
    world.run(10 * SECOND).ask({ verb: 'promote', revision: world.status?.revision, step: 1 });
    world.run(10 * SECOND).commit({ strategy: {} });
    world.run(10 * SECOND).ask({ verb: 'abort' });
    world.run(MINUTE);
    check(world, { phase: 'RolledBack', mesh: [0] });
    expect(silent).toEqual([]);
  });

  it('tells kstatus that a generation was seen only when something was decided about it', () => {
    const world = restingWorld({ truth: { down: () => false } });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(100);
    check(world, { phase: 'Healthy', stable: 'v1' });
    expect(world.status?.observedGeneration).toBe(1);
    world.run(SECOND);
    check(world, { phase: 'Progressing' });
    expect(world.status?.observedGeneration).toBe(2);
  });
});
