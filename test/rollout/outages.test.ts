import { describe, expect, it } from 'vitest';
import { START_MS, type World } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';

const HOUR = 60 * MINUTE;
/** The first step is entered some seconds after the start, and lasts 20 s. */
const IN_THE_PAUSE_MS = 12 * SECOND;
const AT_THE_MOVE_MS = 25 * SECOND;
const P99 = { name: 'p99', prometheus: { metric: 'latency', percentile: 99 }, threshold: { max: 300 } } as const;
const SPEC = specOf(HALF, { analysis: { interval: '5s', gates: [SUCCESS_RATE, P99] } });

const awayFor = (names: readonly string[], fromMs: number, forMs: number) => (name: string, ms: number) =>
  names.includes(name) && ms >= START_MS + fromMs && ms < START_MS + fromMs + forMs;
const toldSince = (world: World, told: number) => world.announced.slice(told).map(({ reason }) => reason);

describe('a provider that is away for an hour', () => {
  it.each([
    ['one gate, in the pause', ['success-rate'], IN_THE_PAUSE_MS],
    ['one gate, at the moment of moving', ['p99'], AT_THE_MOVE_MS],
    ['all gates', ['success-rate', 'p99', 'unattributed'], IN_THE_PAUSE_MS],
  ] as const)('R16: %s: nothing moves, people are told once, and it goes on', (_, names, fromMs) => {
    const world = worldInProgress({ spec: SPEC, truth: { down: awayFor(names, fromMs, HOUR) } });
    const told = world.announced.length;
    const before = mark(world);
    world.run(fromMs + 55 * MINUTE);
    check(world, {
      phase: 'Progressing',
      reason: 'ProviderError',
      step: 1,
      mesh: [50],
      message: /answers 503.*goes on by itself/,
    });
    check(world, { writes: { mesh: 0 } }, before);
    expect(toldSince(world, told)).toEqual(['ProviderError']);
    // once an interval for each point of the grid, no more
    expect(world.counts.measured - before.measured).toBeLessThanOrEqual((2 * (56 * MINUTE)) / (5 * SECOND));
    check(world.run(10 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R16: another gate fails in the last minute of the hour: everything goes back', () => {
    const failsMs = START_MS + 55 * MINUTE;
    const world = worldInProgress({
      spec: SPEC,
      truth: {
        down: awayFor(['success-rate', 'unattributed', 'share'], IN_THE_PAUSE_MS, HOUR),
        slow: (version, ms) => (version === 'v2' && ms > failsMs ? 0.9 : 0),
      },
    });
    check(world.run(54 * MINUTE), { step: 1, mesh: [50] });
    check(world.run(4 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0], message: /p99/ });
  });

  it('R16: before the start: nothing starts, people are told once, and it starts by itself', () => {
    const world = worldInProgress({ spec: SPEC, truth: { down: (name, ms) => name === 'reference' && ms < START_MS + HOUR } });
    const before = mark(world);
    world.run(55 * MINUTE);
    check(world, { phase: 'Pending', reason: 'ProviderError', mesh: [0], message: /what is normal cannot be measured/ });
    check(world, { writes: { mesh: 0, status: 0 } }, before);
    expect(world.announced.filter(({ reason }) => reason === 'ProviderError')).toHaveLength(1);
    check(world.run(10 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R23: on the way back: the end comes after 30 s, and says why it is not confirmed', () => {
    const world = worldInProgress({
      truth: { down: awayFor(['share'], 0, HOUR), errors: version => (version === 'v2' ? 0.3 : 0) },
    });
    check(world.run(10 * SECOND), { phase: 'RollingBack', mesh: [0] });
    check(world.run(30 * SECOND), { phase: 'RolledBack', reason: 'GateFailed', message: /not confirmed by requests, as .*503/ });
  });
});

describe('a provider that takes longer to answer than an interval', () => {
  it('R2, R14: what it says of the end of the pause counts, though the next moment has come', () => {
    const world = worldInProgress({ spec: SPEC, truth: { answerMs: 12 * SECOND } });
    world.run(30 * SECOND);
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([50]);
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
    const [first, second] = world.meshWrites;
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(20 * SECOND);
  });

  it('R17: a version that fails is put back', () => {
    const world = worldInProgress({
      spec: SPEC,
      truth: { answerMs: 12 * SECOND, errors: version => (version === 'v2' ? 0.3 : 0) },
    });
    check(world.run(2 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed' });
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([50, 0]);
  });

  it('R22: a person gets over it', () => {
    const world = worldInProgress({
      spec: { ...SPEC, strategy: { canary: { steps: [{ setWeight: 50, pause: {} }] } } },
      truth: { answerMs: 12 * SECOND, down: name => name !== 'reference' },
    });
    world.run(40 * SECOND);
    world.ask({ id: 'p1', verb: 'promote', step: 1, revision: world.status?.revision });
    check(world.run(30 * SECOND), { step: 2, mesh: [100] });
  });
});

const WEBHOOK = 'patching virtualservices weather/forecast: the API server could not call the admission webhook of istiod';

describe('routing objects that cannot be written for half an hour', () => {
  it('R16: a raise: the message says which step and why, people are told once, and it goes on', () => {
    const world = worldInProgress();
    world.meshRefuses = WEBHOOK;
    world.run(MINUTE);
    const told = world.announced.length;
    const before = mark(world);
    check(world.run(30 * MINUTE), {
      step: 1,
      reason: 'WaitingForMesh',
      waitingFor: 'mesh',
      mesh: [50],
      message:
        /step 2\/2 is to be entered, and cannot be written; last write failed, trying again: .*admission webhook of istiod/,
    });
    expect(toldSince(world, told)).toEqual([]);
    expect(world.announced.filter(({ reason }) => reason === 'WaitingForMesh')).toHaveLength(1);
    expect(world.counts.status - before.status).toBeLessThanOrEqual(31);
    world.meshRefuses = undefined;
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2', message: /nothing to do/ });
  });

  it('R23: a way back: says that it is not written, is not given up, and ends as soon as it can be', () => {
    const world = worldInProgress({ truth: { errors: version => (version === 'v2' ? 0.3 : 0) } });
    world.meshRefuses = WEBHOOK;
    check(world.run(30 * MINUTE), {
      phase: 'RollingBack',
      reason: 'GateFailed',
      mesh: [50],
      message: /success-rate .*; not written yet; last write failed, trying again: .*istiod/,
    });
    world.meshRefuses = undefined;
    check(world.run(SECOND), { mesh: [0], message: /written, not yet obeyed$/ });
    check(world.run(MINUTE), { phase: 'RolledBack', reason: 'GateFailed' });
  });
});
