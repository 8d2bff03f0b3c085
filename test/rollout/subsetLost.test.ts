import { describe, expect, it } from 'vitest';
import type { World } from '../../src/simulation/world.ts';
import { check, MINUTE, SECOND, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

const FOREVER = specOf([{ setWeight: 50, pause: {} }]);

const world = (spec = FOREVER): World => worldInProgress({ spec, onDecision: watchLaws() });

/** As a tool does that applies its DestinationRule, which knows no subset of ours. */
const takeAway = (of: World, version: string): void => {
  of.mesh.subsets.delete(version);
  of.run(20);
};

describe('a subset that somebody takes away while requests depend on it', () => {
  it('R26, R27: is put back at once, and people are told why requests failed', () => {
    const tested = world();
    const { mesh } = tested.counts;
    takeAway(tested, 'v2');
    expect([...tested.mesh.subsets]).toEqual(['v1', 'v2']);
    check(tested, { mesh: [50] });
    expect(tested.counts.mesh, 'no weight is written').toBe(mesh);
    expect(tested.announced.map(({ message }) => message).join()).toMatch(
      /somebody took the subset for v2 out of DestinationRule .*, without which requests fail; it is put back; a tool that applies/,
    );
    check(tested.run(MINUTE), { mesh: [50], phase: 'Paused' });
  });

  it('R26: the sixth time within five minutes all traffic goes back', () => {
    const tested = world();
    for (let time = 1; time <= 5; time++) {
      takeAway(tested, 'v2');
      check(tested.run(20 * SECOND), { mesh: [50] });
    }
    takeAway(tested, 'v2');
    check(tested.run(MINUTE), {
      mesh: [0],
      phase: 'RolledBack',
      reason: 'SubsetRemoved',
      message: /the subset for v2 was taken out of DestinationRule .* more than 5 times within 5 minutes/,
    });
  });

  it('R26: so is the one of stable, in progress and when nothing is, without limit', () => {
    const tested = world();
    takeAway(tested, 'v1');
    expect([...tested.mesh.subsets].sort()).toEqual(['v1', 'v2']);
    const done = worldInProgress({ spec: specOf([{ setWeight: 100 }]), onDecision: watchLaws() });
    done.run(5 * MINUTE);
    check(done, { phase: 'Healthy', mesh: [100] });
    for (let time = 1; time <= 8; time++) {
      takeAway(done, 'v2');
      expect(done.mesh.subsets.has('v2'), `time ${time}`).toBe(true);
      done.run(10 * SECOND);
    }
    check(done, { phase: 'Healthy', message: /somebody took the subset for v2 out of DestinationRule/ });
  });

  it('R27: one that no request depends on is left alone, and so is every one where subsets are not ours to add', () => {
    const tested = world();
    tested.ask({ verb: 'abort' });
    tested.run(2 * MINUTE);
    check(tested, { phase: 'RolledBack', mesh: [0] });
    takeAway(tested, 'v2');
    expect(tested.mesh.subsets.has('v2')).toBe(false);
    const theirs = world({ ...FOREVER, router: { istio: { createMissing: 'none' } } });
    takeAway(theirs, 'v2');
    expect(theirs.mesh.subsets.has('v2')).toBe(false);
  });

  it('R23, R26: is put back before traffic goes back to it, also when stable has nothing now', () => {
    const whole = () => worldInProgress({ spec: specOf([{ setWeight: 100, pause: {} }]), onDecision: watchLaws() });
    const kept = whole();
    check(kept, { mesh: [100] });
    takeAway(kept, 'v1');
    expect([...kept.mesh.subsets].sort()).toEqual(['v1', 'v2']);
    const aborted = whole();
    aborted.mesh.subsets.delete('v1');
    aborted.ask({ verb: 'abort' });
    aborted.beforeMeshWrite = () => expect([...aborted.mesh.subsets].sort()).toEqual(['v1', 'v2']);
    check(aborted.run(SECOND), { mesh: [0] });
  });

  it('R26: what cannot be put back is tried again, and neither counts nor holds up anything else', () => {
    const tested = world();
    tested.meshRefuses = 'the API server is away';
    takeAway(tested, 'v2');
    const { status } = tested.counts;
    check(tested.run(20 * SECOND), { mesh: [50], phase: 'Paused', message: /last write failed, trying again: the API server/ });
    expect(tested.counts.status - status).toBeLessThan(3);
    tested.meshRefuses = undefined;
    check(tested.run(SECOND), { mesh: [50], phase: 'Paused' });
    expect(tested.mesh.subsets.has('v2')).toBe(true);
    tested.meshRefuses = 'the API server is away';
    takeAway(tested, 'v2');
    tested.setPods('v2', 0);
    tested.run(SECOND);
    tested.meshRefuses = undefined;
    check(tested.run(SECOND), { mesh: [0] });
  });

  it('R5, R26: nor is anything stored time after time while nothing is in progress', () => {
    const tested = world();
    tested.ask({ verb: 'abort' });
    tested.run(2 * MINUTE);
    tested.meshRefuses = 'the API server is away';
    const { status } = tested.counts;
    takeAway(tested, 'v1');
    check(tested.run(MINUTE), {
      phase: 'RolledBack',
      message: /subset for v1 .*without which requests fail; .*last write failed/,
    });
    expect(tested.counts.status - status).toBeLessThan(3);
    tested.meshRefuses = undefined;
    check(tested.run(SECOND), { phase: 'RolledBack', message: /^all traffic on v1: aborted/ });
    expect(tested.mesh.subsets.has('v1')).toBe(true);
  });
});
