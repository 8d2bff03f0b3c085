import { describe, expect, it } from 'vitest';
import { START_MS, type World } from '../../src/simulation/world.ts';
import { check, MINUTE, SECOND, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

const SPEC = specOf([{ setWeight: 40, pause: { duration: '2m' } }]);
const arriving = (part: (ms: number) => number, requestsPerSecond = 100): World =>
  worldInProgress({ spec: SPEC, onDecision: watchLaws(), truth: { arriving: part, requestsPerSecond } });

describe('does traffic arrive', () => {
  it('R18: less than half of the intended share after two windows holds, and names likely causes', () => {
    const world = arriving(() => 0.4);
    check(world.run(24 * SECOND), { phase: 'Progressing', reason: 'StepEntered', waitingFor: 'pause' });
    check(world.run(8 * SECOND), {
      phase: 'Progressing',
      reason: 'WaitingForTraffic',
      waitingFor: 'traffic',
      message:
        /v2 gets 16% of the requests to forecast\.weather\.svc\.cluster\.local, and should get 40%.*sidecar.*gateway.*second VirtualService.*waypoint.*consistent hash/,
    });
    check(world.run(20 * MINUTE), { phase: 'Progressing', step: 1, mesh: [40], reason: 'WaitingForTraffic' });
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([40]);
    expect(world.announced.filter(({ reason }) => reason === 'WaitingForTraffic')).toHaveLength(1);
  });

  it('R18: what the mesh check has found is named before what it mostly is', () => {
    const world = arriving(() => 0.4);
    const object = 'Namespace weather/shop';
    world.meshFindings = [
      { code: 'AutoscalerShrinks', severity: 'warning', object: 'HorizontalPodAutoscaler weather/v1', message: 'it shrinks' },
      { code: 'CallersWithoutSidecar', severity: 'warning', object, message: 'its pods have no sidecar; restart them' },
    ];
    check(world.run(32 * SECOND), {
      reason: 'WaitingForTraffic',
      message:
        /; likely cause: Namespace weather\/shop: its pods have no sidecar; restart them \(CallersWithoutSidecar\); others: callers without a sidecar, /,
    });
  });

  it('R18: a cookie that keeps few people where they are is named first', () => {
    const strategy = {
      canary: { ...SPEC.strategy.canary, steps: SPEC.strategy.canary?.steps ?? [], stickiness: { cookie: 'side' } },
    };
    const truth = { arriving: () => 0.2, requestsPerSecond: 100 };
    const world = worldInProgress({ spec: { ...SPEC, strategy }, onDecision: watchLaws(), truth });
    check(world.run(32 * SECOND), {
      reason: 'WaitingForTraffic',
      message:
        /; likely causes: too few people yet, each of whom the cookie side keeps on one version, callers without a sidecar/,
    });
  });

  it.each([
    ['alone', {}],
    ['beside a header route', { setHeaderRoute: { match: [{ headers: { 'x-tester': { exact: 'yes' } } }] } }],
  ])('R18: mirrored copies are no share of the requests: a mirror %s', (_, beside) => {
    const spec = specOf([{ setMirrorRoute: { percentage: 100 }, ...beside, pause: { duration: '2m' } }]);
    const world = worldInProgress({ spec, onDecision: watchLaws(), truth: { requestsPerSecond: 100 } });
    check(world.run(MINUTE), { step: 1, reason: 'StepEntered', waitingFor: 'pause' });
    expect(world.status?.gates?.find(({ name }) => name === 'success-rate')).toMatchObject({ verdict: 'Pass' });
    expect(world.status?.weight).toEqual({ desired: 0, observed: 0 });
  });

  it('R18: goes on by itself when traffic arrives', () => {
    const world = arriving(ms => (ms < START_MS + 5 * MINUTE ? 0 : 1));
    check(world.run(4 * MINUTE), { step: 1, reason: 'WaitingForTraffic' });
    check(world.run(3 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R18: half of it is enough', () => {
    check(arriving(() => 0.5).run(MINUTE), { step: 1, reason: 'StepEntered', waitingFor: 'pause' });
  });

  it('R18: with too few requests nothing is said about the share', () => {
    // 40 % of 45 requests in a minute and a half are 18.
    const world = arriving(() => 0, 0.5);
    check(world.run(80 * SECOND), { step: 1, waitingFor: 'pause' });
    check(world.run(MINUTE), { step: 1, reason: 'WaitingForTraffic' });
  });

  it('R18: it never rolls back, and a person may promote all the same', () => {
    const world = arriving(() => 0.2);
    check(world.run(MINUTE), { reason: 'WaitingForTraffic' });
    world.ask({ verb: 'promote', revision: world.status?.revision, step: 1 });
    check(world.run(3 * SECOND), { step: 2, mesh: [100] });
  });

  it('R18, R4: a process that dies while it holds does not go on', () => {
    const world = arriving(() => 0.2).run(3 * MINUTE);
    for (let i = 0; i < 5; i++) {
      world.crash();
      check(world.run(30 * SECOND), { step: 1, mesh: [40] });
    }
  });
});
