import { describe, expect, it } from 'vitest';
import { OBJECT, START_MS } from '../../src/simulation/world.ts';
import { check, MINUTE, mark, SECOND, specOf, worldInProgress } from './check.ts';

const forever = { spec: specOf([{ setWeight: 50, pause: {} }]) };
const bad = { errors: (version: string) => (version === 'v2' ? 0.5 : 0) };

describe('rollback', () => {
  it('R23: is one write of the mesh, before the status and its announcement', () => {
    const world = worldInProgress(forever);
    const before = mark(world);
    const told = world.announced.length;
    world.ask({ verb: 'abort' });
    world.run(5 * SECOND);
    check(world, { phase: 'RolledBack', mesh: [0], writes: { mesh: 1 } }, before);
    expect(world.announced.slice(told).map(({ reason }) => reason)).toEqual(['Aborted', 'Aborted']);
  });

  it('R23: is obeyed when the measured share shows it', () => {
    const world = worldInProgress(forever);
    world.ask({ verb: 'abort' });
    check(world.run(600), { phase: 'RollingBack', mesh: [0], message: /written, not yet obeyed/ });
    check(world.run(4 * SECOND), { phase: 'RolledBack', message: /obeyed: v2 got 0 of \d+ requests since/ });
  });

  it('R23: as long as proxies still send requests to the new version it is not obeyed', () => {
    const world = worldInProgress({ ...forever, truth: { disobeyedShare: ms => (ms < START_MS + 5 * MINUTE ? 0.5 : 0) } });
    world.ask({ verb: 'abort' });
    check(world.run(4 * MINUTE), { phase: 'RollingBack', message: /not yet obeyed: v2 still got \d+ of \d+ requests/ });
    check(world.run(2 * MINUTE), { phase: 'RolledBack', message: /obeyed/ });
  });

  it('R23: a leader that has just begun asks before it says that nobody sends requests to the new version', () => {
    const world = worldInProgress({ ...forever, truth: { disobeyedShare: ms => (ms < START_MS + 5 * MINUTE ? 0.5 : 0) } });
    world.ask({ verb: 'abort' });
    check(world.run(MINUTE), { phase: 'RollingBack' });
    world.crash(10 * SECOND);
    check(world.run(MINUTE), { phase: 'RollingBack', message: /not yet obeyed: v2 still got \d+ of \d+ requests/ });
    check(world.run(5 * MINUTE), { phase: 'RolledBack', message: /obeyed: v2 got 0/ });
  });

  it('R23: without requests it counts as obeyed after 30 s', () => {
    const world = worldInProgress({ ...forever, truth: { requestsPerSecond: 0 } });
    world.ask({ verb: 'abort' });
    check(world.run(29 * SECOND), { phase: 'RollingBack' });
    check(world.run(4 * SECOND), { phase: 'RolledBack', message: /no requests since/ });
  });

  it('R23: needs no provider', () => {
    const world = worldInProgress(forever);
    world.truth = { ...world.truth, down: () => true };
    world.ask({ verb: 'abort' });
    check(world.run(SECOND), { mesh: [0] });
    check(world.run(35 * SECOND), { phase: 'RolledBack', message: /not confirmed by requests/ });
  });

  it('R23: needs no valid spec and not all of stable ready', () => {
    const world = worldInProgress({ ...forever, pods: { v1: 5 } });
    world.setPods('v1', 1);
    world.commit({ strategy: {} });
    world.ask({ verb: 'abort' });
    check(world.run(5 * SECOND), { phase: 'RolledBack', mesh: [0] });
  });

  it('R23: a conflict is tried again at once on fresh data', () => {
    const world = worldInProgress(forever);
    world.beforeMeshWrite = () => world.edit(OBJECT, { v1: 40, v2: 60 });
    world.ask({ verb: 'abort' });
    check(world.run(SECOND), { mesh: [0] });
  });

  it('R23: a write that fails is tried again for ever, and its error is said', () => {
    const world = worldInProgress(forever);
    world.meshRefuses = 'patching VirtualService weather/forecast: 500';
    world.ask({ verb: 'abort' });
    check(world.run(3 * MINUTE), {
      phase: 'RollingBack',
      mesh: [50],
      message: /last write failed, trying again: patching .*: 500$/,
    });
    world.meshRefuses = undefined;
    check(world.run(10 * SECOND), { phase: 'RolledBack', mesh: [0] });
    expect(world.status?.message).not.toMatch(/last write failed/);
  });

  it('R36: the error of a write is said once, not once more at each look', () => {
    const world = worldInProgress(forever);
    world.meshRefuses = 'patching VirtualService weather/forecast: 500';
    world.setPods('v2', 0);
    world.run(MINUTE);
    expect(world.status?.message.split('last write failed').length).toBe(2);
    expect(world.status?.message.length).toBeLessThan(300);
  });

  it('R23: afterwards nothing happens until Git changes', () => {
    const world = worldInProgress({ truth: bad });
    world.run(30 * SECOND);
    check(world, { phase: 'RolledBack' });
    const before = mark(world);
    check(world.run(60 * MINUTE), { phase: 'RolledBack', mesh: [0], writes: { mesh: 0, status: 0, measured: 0 } }, before);
  });
});

describe('a stable version without a ready pod', () => {
  it('R6: nothing is shifted to it, and the message says how to get on', () => {
    const world = worldInProgress({ truth: bad });
    world.setPods('v1', 0);
    check(world.run(MINUTE), {
      phase: 'Progressing',
      reason: 'WaitingForStable',
      mesh: [50],
      message: /v1 has no ready pod: mend v1, or abort with "force": true/,
    });
    world.setPods('v1', 1);
    check(world.run(5 * SECOND), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
  });

  it('R6: abort needs force', () => {
    const world = worldInProgress(forever);
    world.setPods('v1', 0);
    world.ask({ verb: 'abort', id: 'a' });
    check(world.run(10 * SECOND), { mesh: [50] });
    expect(world.status?.lastRequest?.outcome).toMatch(/refused: .*"force": true/);
    world.ask({ verb: 'abort', id: 'b', force: true });
    check(world.run(10 * SECOND), { phase: 'RolledBack', reason: 'Aborted', mesh: [0] });
  });

  it('R6: a rollback that waits for stable keeps its reason, and ends with it', () => {
    const world = worldInProgress({ truth: bad });
    world.meshRefuses = 'patching: 500';
    world.run(10 * SECOND);
    check(world, { phase: 'RollingBack', reason: 'GateFailed', mesh: [50] });
    world.setPods('v1', 0);
    world.meshRefuses = undefined;
    check(world.run(10 * SECOND), { phase: 'RollingBack', mesh: [50], message: /v1 has no ready pod/ });
    world.setPods('v1', 2);
    check(world.run(10 * SECOND), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0], message: /success-rate/ });
  });

  it('R6: a rollback that waits for stable can be forced', () => {
    const world = worldInProgress({ truth: bad });
    world.meshRefuses = 'patching: 500';
    world.run(10 * SECOND);
    world.setPods('v1', 0);
    world.meshRefuses = undefined;
    check(world.run(10 * SECOND), { phase: 'RollingBack', mesh: [50] });
    world.ask({ verb: 'abort', force: true });
    check(world.run(10 * SECOND), { phase: 'RolledBack', mesh: [0] });
    expect(world.request).toBeUndefined();
  });

  it('R6: drift upwards is not put down onto nobody', () => {
    const world = worldInProgress(forever);
    world.setPods('v1', 0);
    world.edit(OBJECT, { v1: 20, v2: 80 });
    check(world.run(10 * SECOND), { mesh: [80] });
    world.setPods('v1', 1);
    check(world.run(SECOND), { mesh: [50] });
  });
});

describe('the last ready pod is lost', () => {
  it('R25: traffic is taken off at once, without any gate', () => {
    const world = worldInProgress({ ...forever, truth: { down: name => name === 'success-rate' } });
    world.setPods('v2', 0);
    check(world.run(100), {
      phase: 'Progressing',
      reason: 'PodsLost',
      weight: 0,
      mesh: [0],
      waitingFor: 'pods',
      message: /lost its last ready pod/,
    });
  });

  it('R25: ready again within 30 s: the step is entered again, with a clock of its own', () => {
    const world = worldInProgress();
    world.setPods('v2', 0);
    world.run(20 * SECOND).setPods('v2', 2);
    const backMs = world.nowMs;
    check(world.run(SECOND), { phase: 'Progressing', step: 1, weight: 50, mesh: [50] });
    expect(Date.parse(world.status?.step?.startedAt ?? '')).toBe(backMs);
    check(world.run(18 * SECOND), { step: 1 });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R25: ready again later: rolled back', () => {
    const world = worldInProgress();
    world.setPods('v2', 0);
    check(world.run(29 * SECOND), { phase: 'Progressing', reason: 'PodsLost', mesh: [0] });
    check(world.run(15 * SECOND), { phase: 'RolledBack', reason: 'PodsLost', mesh: [0] });
    world.setPods('v2', 3);
    check(world.run(MINUTE), { phase: 'RolledBack', mesh: [0] });
  });

  it('R25: a second time, also in a later step: rolled back', () => {
    const world = worldInProgress({
      spec: specOf([
        { setWeight: 50, pause: { duration: '10s' } },
        { setWeight: 80, pause: {} },
      ]),
    });
    world.setPods('v2', 0);
    world.run(SECOND).setPods('v2', 2);
    check(world.run(20 * SECOND), { step: 2, mesh: [80] });
    world.setPods('v2', 0);
    check(world.run(20 * SECOND), { phase: 'RolledBack', reason: 'PodsLost', mesh: [0] });
  });

  it('R25: a loss is remembered over restarts', () => {
    const world = worldInProgress();
    world.setPods('v2', 0);
    world.run(SECOND).crash();
    world.setPods('v2', 2);
    world.run(3 * SECOND).crash();
    check(world, { step: 1, mesh: [50] });
    world.setPods('v2', 0);
    check(world.run(10 * SECOND), { phase: 'RolledBack', reason: 'PodsLost' });
  });
});
