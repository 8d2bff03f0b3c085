import { describe, expect, it } from 'vitest';
import { decide, type GateSpec, type Installation } from '../../src/rollout/index.ts';
import { START_MS, type World } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, restingWorld, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';

const SMOKE: GateSpec = { name: 'smoke', webhook: { url: 'https://ci.example.com/smoke' } };
const installation: Installation = { prometheus: ['default'], zipkin: [], webhookGates: ['https://ci.example.com'] };
const withGates = (...gates: readonly GateSpec[]) => specOf(HALF, { analysis: { interval: '5s', gates } });
const smokeOf = (world: World) => world.status?.gates?.find(({ name }) => name === 'smoke');
const from = (seconds: number) => (_: string, ms: number) => (ms >= START_MS + seconds * SECOND ? 'fail' : 'pass');

describe('a webhook gate', () => {
  it('R14: passes when its last answer is pass', () => {
    const world = worldInProgress({ spec: withGates(SMOKE), installation });
    check(world.run(5 * SECOND), { step: 1, mesh: [50] });
    expect(smokeOf(world)).toMatchObject({ verdict: 'Pass', source: 'webhook/ci.example.com', message: 'smoke answered pass' });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R17: rolls back after more than failureLimit bad answers in a row', () => {
    const world = worldInProgress({ spec: withGates({ ...SMOKE, failureLimit: 2 }), installation, truth: { webhook: from(0) } });
    check(world.run(9 * SECOND), { step: 1, mesh: [50], message: /2 bad in a row, 2 tolerated/ });
    check(world.run(10 * SECOND), { phase: 'RolledBack', reason: 'GateFailed', message: /smoke answered fail; 3 bad in a row/ });
  });

  it('R15: nodata holds, and is told after the deadline', () => {
    const world = worldInProgress({
      spec: withGates({ ...SMOKE, noDataDeadline: '1m' }),
      installation,
      truth: { webhook: () => 'nodata' },
    });
    check(world.run(30 * SECOND), { step: 1, mesh: [50], reason: 'WaitingForGates' });
    check(world.run(5 * MINUTE), { step: 1, mesh: [50], reason: 'NoData', message: /smoke has no data/ });
  });

  it('R16: one that does not answer holds, for ever, and other gates go on', () => {
    const errors = (version: string, ms: number) => (version === 'v2' && ms > START_MS + 30 * MINUTE ? 0.5 : 0);
    const world = worldInProgress({
      spec: withGates(SUCCESS_RATE, { ...SMOKE, onNoData: 'fail', noDataDeadline: '1m' }),
      installation,
      truth: { down: name => name === 'smoke', errors },
    });
    check(world.run(20 * MINUTE), { step: 1, mesh: [50], reason: 'ProviderError', message: /webhook answers 503/ });
    check(world.run(15 * MINUTE), { phase: 'RolledBack', message: /success-rate/ });
  });

  it('R2: answers that were missed are not made up for, and none is asked for twice', () => {
    const moments: number[] = [];
    const world = worldInProgress({
      spec: specOf([{ setWeight: 50, pause: {} }], { analysis: { interval: '5s', gates: [SMOKE] } }),
      installation,
      truth: {
        webhook: (_, ms) => {
          moments.push(ms);
          return 'pass';
        },
      },
    });
    world.run(MINUTE);
    const startMs = Date.parse(world.status?.step?.startedAt ?? '');
    expect(moments.every(ms => (ms - startMs) % 5_000 === 0)).toBe(true);
    expect(new Set(moments).size).toBe(moments.length);
    // nobody looks for three minutes, and what was in memory is gone
    const before = moments.length;
    world.nowMs += 3 * MINUTE;
    world.crash();
    world.run(SECOND);
    expect(moments.length - before).toBeLessThanOrEqual(1);
  });

  it('R4: a restart between two bad answers neither forgets the first nor counts it twice', () => {
    const world = worldInProgress({ spec: withGates({ ...SMOKE, failureLimit: 1 }), installation, truth: { webhook: from(0) } });
    world.run(5 * SECOND);
    expect(smokeOf(world)).toMatchObject({ verdict: 'Pending', failures: 1 });
    world.crash();
    world.run(SECOND);
    expect(smokeOf(world)).toMatchObject({ verdict: 'Pending', failures: 1 });
    check(world.run(5 * SECOND), { mesh: [0], reason: 'GateFailed' });
  });
});

describe('what the configuration adds to gates', () => {
  const known: Installation = {
    ...installation,
    gateTemplates: { smoke: { webhook: { url: 'https://ci.example.com/smoke', timeout: '3s' }, failureLimit: 5 } },
    analysis: { interval: '10s', gates: [{ template: 'smoke', failureLimit: 0 }] },
  };

  it('R14: is compiled into the plan; a configuration that changes does not touch a running attempt', () => {
    const world = worldInProgress({ spec: specOf(HALF, { analysis: undefined }), installation: known });
    expect(world.status?.plan).toMatchObject({ intervalMs: 10_000 });
    expect(world.status?.plan?.gates.map(({ name, failureLimit }) => [name, failureLimit])).toEqual([
      ['smoke', 0],
      ['unattributed', 1],
    ]);
    const changed = { ...installation, webhookGates: [], analysis: { gates: [{ template: 'gone' }] } };
    const { status } = decide(world.rollout(), { ...world.observe(), installation: changed }, world.nowMs);
    const { plan, planHash, phase, reason } = world.status ?? {};
    expect(status).toMatchObject({ plan, planHash, phase, reason });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R12: an unknown template lets nothing start', () => {
    const world = worldInProgress({ spec: withGates({ template: 'smoek' }), installation: known });
    check(world, { phase: 'Invalid', mesh: [0], message: /gates\[0\]\.template is smoek.*known are smoke/ });
  });

  it('R16: a provider that has vanished from the configuration holds a running attempt, and does not end it', () => {
    const world = worldInProgress({ spec: withGates(SUCCESS_RATE), installation });
    const without = { ...installation, prometheus: [] };
    expect(decide(world.rollout(), { ...world.observe(), installation: without }, world.nowMs).status.phase).toBe('Progressing');
    world.truth = { ...world.truth, down: () => true };
    check(world.run(10 * MINUTE), { phase: 'Progressing', reason: 'ProviderError', step: 1, mesh: [50] });
  });
});

describe('what only the shell finds in a spec', () => {
  const findings = [
    { path: 'spec.analysis.gates[0].prometheus.query', message: 'is no PromQL expression', severity: 'error' },
  ] as const;

  it('R12: lets nothing start, and it starts by itself when it is mended', () => {
    const world = restingWorld();
    world.findings = findings;
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    check(world.run(6 * SECOND), { phase: 'Invalid', reason: 'InvalidSpec', mesh: [0], message: /is no PromQL expression/ });
    expect(world.counts.mesh).toBe(0);
    world.findings = undefined;
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R12: in an edit freezes forward movement, and protection goes on', () => {
    const errors = (version: string, ms: number) => (version === 'v2' && ms > START_MS + 5 * MINUTE ? 0.5 : 0);
    const world = worldInProgress({ truth: { errors } });
    world.findings = findings;
    world.commit({ analysis: { interval: '5s', gates: [{ ...SUCCESS_RATE, minSamples: 60 }] } });
    check(world.run(3 * MINUTE), { phase: 'Invalid', step: 1, mesh: [50] });
    check(world.run(5 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
  });
});
