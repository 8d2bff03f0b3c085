import { describe, expect, it } from 'vitest';
import { START_MS } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';

const ORDERS = { name: 'orders', prometheus: { query: 'x', window: '5s' }, threshold: { min: 1 } };
const withGates = (...gates: readonly object[]) => specOf(HALF, { analysis: { interval: '5s', gates } });
const verdicts = (world: { status: { gates?: readonly { name: string; verdict: string }[] } | undefined }) =>
  Object.fromEntries((world.status?.gates ?? []).map(({ name, verdict }) => [name, verdict]));

describe('the initial delay', () => {
  const delayed = specOf(HALF, { analysis: { interval: '5s', initialDelay: '1m', gates: [SUCCESS_RATE] } });

  it('R2: nothing is measured before it is over, nor over a time before it, also where the pause is shorter', () => {
    const asked: { readonly sinceMs: number; readonly atMs: number }[] = [];
    const world = worldInProgress({
      spec: delayed,
      onDecision: (_rollout, _observation, { actions }) => {
        for (const action of actions) if (action.kind === 'measure') asked.push(action);
      },
    });
    const startMs = Date.parse(world.status?.step?.startedAt ?? '');
    check(world.run(50 * SECOND), { step: 1, mesh: [50] });
    expect(asked).toEqual([]);
    check(world.run(20 * SECOND), { step: 2, mesh: [100] });
    expect(asked[0]).toMatchObject({ sinceMs: startMs + MINUTE, atMs: startMs + MINUTE + 5 * SECOND });
    for (const { sinceMs, atMs } of asked) expect(atMs).toBeGreaterThan(sinceMs);
  });

  it('R15: what has to come after it is not missing during it', () => {
    const gates = [{ ...SUCCESS_RATE, noDataDeadline: '30s', onNoData: 'fail' as const }];
    const world = worldInProgress({
      spec: specOf(HALF, { analysis: { interval: '5s', initialDelay: '1m', gates } }),
      truth: { requestsPerSecond: 0 },
    });
    check(world.run(80 * SECOND), { step: 1, mesh: [50] });
    check(world.run(60 * SECOND), { phase: 'RolledBack', message: /no data for 30 s/ });
  });
});

describe('no data', () => {
  it('R15: neither promotes nor rolls back; goes on by itself when data come', () => {
    const world = worldInProgress({ truth: { requestsPerSecond: 0 } });
    check(world.run(5 * MINUTE), { step: 1, phase: 'Progressing', waitingFor: 'gates', mesh: [50] });
    expect(verdicts(world)).toEqual({ 'success-rate': 'NoData', unattributed: 'NotApplicable' });
    world.truth = { ...world.truth, requestsPerSecond: 100 };
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R15: after the deadline people are told, once', () => {
    const world = worldInProgress({
      truth: { requestsPerSecond: 0 },
      spec: withGates({ ...SUCCESS_RATE, noDataDeadline: '2m' }),
    });
    world.run(90 * SECOND);
    check(world, { reason: 'WaitingForGates' });
    const told = world.announced.length;
    world.run(10 * MINUTE);
    check(world, { reason: 'NoData', step: 1, mesh: [50] });
    expect(world.announced.slice(told).map(({ reason, type }) => [reason, type])).toEqual([['NoData', 'Warning']]);
  });

  it('R15: onNoData: fail rolls back at the deadline, and not before', () => {
    const world = worldInProgress({
      truth: { requestsPerSecond: 0 },
      spec: withGates({ ...SUCCESS_RATE, noDataDeadline: '1m', onNoData: 'fail' }),
    });
    check(world.run(45 * SECOND), { phase: 'Progressing', mesh: [50] });
    check(world.run(MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0], message: /no data for 60 s/ });
  });

  it('R15: a query without an answer is no data', () => {
    const world = worldInProgress({ spec: withGates(ORDERS), truth: { query: () => undefined } });
    check(world.run(MINUTE), { step: 1, waitingFor: 'gates', message: /orders: no series matches/ });
  });
});

describe('a provider that does not answer', () => {
  it('R16: holds, says so once, and never counts as a failure, however long', () => {
    const world = worldInProgress({
      truth: { down: (name, ms) => name === 'success-rate' && ms > START_MS + 12_000 && ms < START_MS + 40 * MINUTE },
    });
    const told = world.announced.length;
    check(world.run(30 * MINUTE), { step: 1, reason: 'ProviderError', mesh: [50], message: /answers 503/ });
    expect(world.announced.length - told).toBe(1);
    check(world.run(15 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R16: other gates go on and can roll back', () => {
    const world = worldInProgress({
      spec: withGates(SUCCESS_RATE, ORDERS),
      truth: { query: () => 5, down: name => name === 'orders', errors: version => (version === 'v2' ? 0.3 : 0) },
    });
    check(world.run(30 * SECOND), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0], message: /success-rate/ });
  });

  it('R16: nothing starts while what is normal cannot be measured, and it starts by itself then', () => {
    const world = worldInProgress({ truth: { down: (name, ms) => name === 'reference' && ms < START_MS + MINUTE } });
    check(world, { phase: 'Pending', reason: 'ProviderError', mesh: [0], message: /503/ });
    check(world.run(90 * SECOND), { phase: 'Healthy', stable: 'v2' });
  });
});

describe('a failed gate', () => {
  it('R17: a sequential verdict fails at once and puts everything back', () => {
    const world = worldInProgress({ truth: { errors: version => (version === 'v2' ? 0.2 : 0) } });
    check(world.run(30 * SECOND), {
      phase: 'RolledBack',
      reason: 'GateFailed',
      stable: 'v1',
      mesh: [0],
      message: /success-rate 80 % < 99 % on \d+ requests/,
    });
    const [raised, lowered] = world.meshWrites;
    expect((lowered?.atMs ?? 0) - (raised?.atMs ?? 0)).toBeLessThan(6 * SECOND);
  });

  it('R17: an error share inside the limit is no failure', () => {
    const world = worldInProgress({ truth: { errors: () => 0.005 } });
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R17: a slow version fails the latency limit', () => {
    const p99 = { prometheus: { metric: 'latency', percentile: 99 }, threshold: { max: 500 } };
    const world = worldInProgress({ spec: withGates(p99), truth: { slow: version => (version === 'v2' ? 0.4 : 0) } });
    check(world.run(30 * SECOND), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0], message: /slower than 500 ms/ });
  });

  it('R17: a plain comparison fails after more than failureLimit bad ones in a row', () => {
    const bad = (times: number) => (_name: string, ms: number) => (ms < START_MS + 8_000 + times * 5_000 ? 0 : 5);
    const tolerated = worldInProgress({ spec: withGates({ ...ORDERS, failureLimit: 2 }), truth: { query: bad(2) } });
    check(tolerated.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
    const failed = worldInProgress({ spec: withGates({ ...ORDERS, failureLimit: 2 }), truth: { query: bad(4) } });
    check(failed.run(2 * MINUTE), {
      phase: 'RolledBack',
      reason: 'GateFailed',
      mesh: [0],
      message: /3 bad in a row, 2 tolerated/,
    });
  });

  it('R17: bad measurements count only over disjoint windows', () => {
    const wide = { ...ORDERS, prometheus: { query: 'x', window: '1m' }, failureLimit: 1 };
    const world = worldInProgress({ spec: withGates(wide), truth: { query: () => 0 } });
    check(world.run(50 * SECOND), { phase: 'Progressing', mesh: [50], message: /1 bad in a row, 1 tolerated/ });
    check(world.run(30 * SECOND), { phase: 'RolledBack', mesh: [0] });
  });

  it('R36: where there is no gate at all, nothing is said to be missing', () => {
    const spec = specOf(HALF, { analysis: { gates: [] } });
    const world = worldInProgress({ spec, installation: { prometheus: [], zipkin: [] } });
    check(world.run(5 * SECOND), { step: 1, message: /no gate but readiness; next step at/ });
  });

  it('R25: requests that reach no pod are a built-in gate, also without any other', () => {
    const spec = specOf(HALF, { analysis: { interval: '5s', gates: [] } });
    const world = worldInProgress({ spec, truth: { unattributed: () => 0.2 } });
    check(world.run(30 * SECOND), { phase: 'RolledBack', reason: 'UnattributedFailures', mesh: [0], message: /reached no pod/ });
  });
});

describe('an indefinite pause', () => {
  const forever = specOf([{ setWeight: 50, pause: {} }]);

  it('R20: stays until a person promotes, and says how', () => {
    const world = worldInProgress({ spec: forever });
    check(world.run(30 * MINUTE), { phase: 'Paused', reason: 'WaitingForPerson', waitingFor: 'person', step: 1, mesh: [50] });
    check(world, { message: new RegExp(`waits until a person promotes step 1 of revision ${world.status?.revision}`) });
    world.ask({ verb: 'promote', revision: world.status?.revision, step: 1 });
    check(world.run(30 * SECOND), { phase: 'Healthy', stable: 'v2' });
  });

  it('R20: protection stays armed', () => {
    const world = worldInProgress({
      spec: forever,
      truth: { errors: (version, ms) => (version === 'v2' && ms > START_MS + 5 * MINUTE ? 0.5 : 0) },
    });
    check(world.run(6 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
  });
});

describe('a spec that contradicts itself', () => {
  const broken = { canary: { steps: [{ setWeight: 50 }, { setWeight: 20 }] } };

  it('R12: nothing starts, and the message says what to mend', () => {
    const world = worldInProgress({ spec: specOf([], { strategy: broken }) });
    check(world, {
      phase: 'Invalid',
      reason: 'InvalidSpec',
      mesh: [0],
      message: /steps\[1\]\.setWeight is 20.*until the spec is mended/,
    });
  });

  it('R12: freezes forward movement in progress, and goes on when it is mended', () => {
    const world = worldInProgress();
    world.commit({ strategy: broken });
    check(world.run(5 * MINUTE), { phase: 'Invalid', step: 1, mesh: [50] });
    world.commit({ strategy: { canary: { steps: HALF } } });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R12: while frozen the stored gates go on and can roll back', () => {
    const world = worldInProgress({ truth: { errors: (version, ms) => (version === 'v2' && ms > START_MS + MINUTE ? 0.5 : 0) } });
    world.commit({ strategy: broken });
    check(world.run(30 * SECOND), { phase: 'Invalid', mesh: [50] });
    check(world.run(MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
  });

  it('R12: while frozen abort and the loss of pods still put traffic back', () => {
    const aborted = worldInProgress();
    aborted.commit({ strategy: broken });
    aborted.run(SECOND).ask({ verb: 'abort' });
    check(aborted.run(5 * SECOND), { phase: 'RolledBack', reason: 'Aborted', mesh: [0] });
    const lost = worldInProgress();
    lost.commit({ strategy: broken });
    lost.run(SECOND).setPods('v2', 0);
    check(lost.run(SECOND), { mesh: [0] });
  });

  it('R12: while frozen pods that come back are sent no traffic', () => {
    const world = worldInProgress();
    world.commit({ strategy: broken });
    world.run(SECOND).setPods('v2', 0);
    world.run(SECOND).setPods('v2', 3);
    check(world.run(SECOND), { mesh: [0] });
  });

  it('R5: a freeze costs no write while it lasts', () => {
    const world = worldInProgress();
    world.commit({ strategy: broken });
    world.run(10 * SECOND);
    const before = mark(world);
    check(world.run(50 * SECOND), { writes: { mesh: 0, status: 0 } }, before);
  });

  it('R14: a step that sends the new version nothing waits for no gate', () => {
    const world = worldInProgress({ spec: specOf([{ setWeight: 0, pause: { duration: '5s' } }, { setWeight: 50 }]) });
    world.run(2 * MINUTE);
    check(world, { phase: 'Healthy', stable: 'v2' });
  });
});
