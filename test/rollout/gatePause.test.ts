import { describe, expect, it } from 'vitest';
import type { GateSpec } from '../../src/rollout/index.ts';
import { START_MS, type World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';

const ORDERS: GateSpec = { name: 'orders', prometheus: { query: 'x', window: '5s' }, threshold: { min: 1 }, onFailure: 'pause' };
const spec = specOf(HALF, { analysis: { interval: '5s', gates: [ORDERS, SUCCESS_RATE] } });

/** Orders are bad for so long after the world began, and good from then on. */
const badUntil = (seconds: number) => (_name: string, ms: number) => (ms < START_MS + seconds * SECOND ? 0 : 5);
const pausedWorld = (truth: WorldOptions['truth'] = { query: () => 0 }, more: Partial<WorldOptions> = {}): World =>
  worldInProgress({ spec, truth, ...more }).run(20 * SECOND);
const pauses = (world: World) =>
  (world.status?.history ?? []).filter(({ action }) => action === 'paused').map(({ reason }) => reason);
const actions = (world: World) => (world.status?.history ?? []).map(({ action }) => action);

describe('a gate with onFailure: pause', () => {
  it('R17, R20: its failure leaves traffic where it is, and says who paused, why, and what would end it', () => {
    const world = pausedWorld();
    check(world, { phase: 'Paused', reason: 'PausedByGate', waitingFor: 'person', step: 1, mesh: [50] });
    check(world, {
      message: /step 1\/2 at 50%: orders 0, expected >= 1: 2 bad in a row.*paused by gate orders at .*resume.*abort/,
    });
    expect(world.status?.pause).toMatchObject({ by: 'gate orders', reason: expect.stringContaining('2 bad in a row') });
    expect(actions(world).filter(action => action === 'paused')).toEqual(['paused']);
    check(world.run(30 * MINUTE), { phase: 'Paused', step: 1, mesh: [50] });
    expect(actions(world).filter(action => action === 'paused')).toEqual(['paused']);
  });

  it('R35: people are told once, as of something that is wrong', () => {
    const world = pausedWorld().run(10 * MINUTE);
    expect(world.announced.filter(({ reason }) => reason === 'PausedByGate').map(({ type }) => type)).toEqual(['Warning']);
  });

  it('R5: nothing is written while it lasts, but evidence once a minute', () => {
    const world = pausedWorld().run(MINUTE);
    const before = mark(world);
    check(world.run(50 * SECOND), { writes: { mesh: 0 } }, before);
    expect(world.counts.status - before.status).toBeLessThanOrEqual(1);
  });

  it('R17: it stays paused when the numbers are good again', () => {
    check(pausedWorld({ query: badUntil(20) }).run(10 * MINUTE), { phase: 'Paused', reason: 'PausedByGate', mesh: [50] });
  });

  it('R6: all other gates stay armed', () => {
    const errors = (version: string, ms: number) => (version === 'v2' && ms > START_MS + 5 * MINUTE ? 0.5 : 0);
    const world = pausedWorld({ query: () => 0, errors });
    check(world, { phase: 'Paused' });
    check(world.run(5 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0], message: /success-rate/ });
    expect(world.status?.pause).toBeUndefined();
  });

  it('R25: so does the protection against the loss of pods', () => {
    const world = pausedWorld();
    world.setPods('v2', 0);
    check(world.run(2 * SECOND), { mesh: [0] });
    check(world.run(MINUTE), { phase: 'RolledBack', reason: 'PodsLost' });
  });

  it('R22: resume begins the step again, with a new clock and new verdicts, and writes no mesh object', () => {
    const world = pausedWorld({ query: badUntil(25) });
    const [started, before] = [world.status?.step?.startedAt ?? '', mark(world)];
    world.ask({ verb: 'resume', by: 'alice' });
    world.run(SECOND);
    check(world, { phase: 'Progressing', step: 1, mesh: [50], writes: { mesh: 0 } }, before);
    expect((world.status?.step?.startedAt ?? '') > started).toBe(true);
    expect(world.status?.position?.time).toBe(world.status?.step?.startedAt);
    expect(world.status?.pause).toBeUndefined();
    expect(world.status?.lastRequest?.outcome).toBe('accepted: resumed, the step begins again');
    check(world.run(18 * SECOND), { step: 1, mesh: [50] });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R17: a step that began again can fail again', () => {
    const world = pausedWorld();
    world.ask({ verb: 'resume' });
    check(world.run(4 * SECOND), { phase: 'Progressing' });
    check(world.run(20 * SECOND), { phase: 'Paused', reason: 'PausedByGate', mesh: [50] });
    expect(actions(world).filter(action => action === 'paused')).toEqual(['paused', 'paused']);
  });

  it('R22: promote never passes it', () => {
    const world = pausedWorld();
    world.ask({ verb: 'promote', revision: world.status?.revision, step: 1 });
    check(world.run(MINUTE), { phase: 'Paused', reason: 'PausedByGate', step: 1, mesh: [50] });
    expect(world.status?.lastRequest?.outcome).toMatch(/^refused: .*orders 0/);
  });

  it('R22: abort goes back', () => {
    const world = pausedWorld();
    world.ask({ verb: 'abort', by: 'alice' });
    check(world.run(MINUTE), { phase: 'RolledBack', reason: 'Aborted', mesh: [0], message: /aborted by alice/ });
    expect(world.status?.pause).toBeUndefined();
  });

  it('R20, R22: a person who pauses as well is said beside the gate, and so outlasts it', () => {
    const world = pausedWorld();
    world.ask({ verb: 'pause', by: 'alice', reason: 'lunch' });
    world.run(SECOND);
    expect(world.status?.lastRequest?.outcome).toBe('accepted: paused');
    check(world, {
      phase: 'Paused',
      reason: 'PausedByGate',
      message: /paused by gate orders at .*, and paused by alice at .*: lunch/,
    });
    expect(world.status?.pause).toMatchObject({ by: 'alice', reason: 'lunch' });
    expect(pauses(world)).toEqual(['PausedByGate', 'PausedByPerson']);
    world.commit({ analysis: { interval: '5s', gates: [SUCCESS_RATE] } });
    check(world.run(2 * MINUTE), { phase: 'Paused', reason: 'PausedByPerson', step: 1, mesh: [50] });
  });

  /** Alice has paused; then orders fail, until a moment. */
  const pausedTwice = (until = 1_000): World => {
    const query = (_: string, ms: number) => (ms > START_MS + MINUTE && ms < START_MS + until * SECOND ? 0 : 5);
    const world = worldInProgress({ spec, truth: { query } });
    world.ask({ verb: 'pause', by: 'alice' });
    check(world.run(10 * SECOND), { reason: 'PausedByPerson' });
    return world.run(2 * MINUTE);
  };

  it('R20: a pause that a person began stays beside it, and one resume ends both', () => {
    const world = pausedTwice(140);
    check(world, { phase: 'Paused', reason: 'PausedByGate', mesh: [50] });
    check(world, { message: /paused by gate orders at .*, and paused by alice at .*; resume to go on, which ends both pauses/ });
    expect(world.status?.pause).toMatchObject({ by: 'alice' });
    expect(pauses(world)).toEqual(['PausedByPerson', 'PausedByGate']);
    world.run(MINUTE).ask({ verb: 'resume', by: 'bob' });
    check(world.run(SECOND), { phase: 'Progressing', step: 1 });
    expect(world.status?.pause).toBeUndefined();
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R11, R20: an edit that takes the gate away leaves the pause of a person', () => {
    const world = pausedTwice();
    world.commit({ analysis: { interval: '5s', gates: [SUCCESS_RATE] } });
    check(world.run(5 * MINUTE), { phase: 'Paused', reason: 'PausedByPerson', mesh: [50], message: /paused by alice/ });
    world.ask({ verb: 'resume' });
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R4: a restart neither ends the pause nor lengthens the row', () => {
    const world = pausedWorld();
    const { pause, step } = world.status ?? {};
    world.crash();
    check(world.run(MINUTE), { phase: 'Paused', reason: 'PausedByGate', mesh: [50] });
    expect(world.status).toMatchObject({ pause, step });
  });

  it('R11: an edit begins anew, and the pause is over', () => {
    const world = pausedWorld();
    world.commit({ analysis: { interval: '5s', gates: [SUCCESS_RATE] } });
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(world.status?.pause).toBeUndefined();
  });

  it('R9: a newer version starts without it', () => {
    const world = pausedWorld({ query: badUntil(40) });
    world.setPods('v3', 3);
    world.commit({ version: 'v3' });
    check(world.run(3 * MINUTE), { phase: 'Healthy', stable: 'v3' });
    expect(world.status?.pause).toBeUndefined();
  });

  it('R26: weights that somebody lowered are put back by resume first', () => {
    const world = pausedWorld();
    world.edit('weather/forecast', { v1: 80, v2: 20 });
    check(world.run(5 * SECOND), { reason: 'Drift', mesh: [20] });
    world.ask({ verb: 'resume' });
    check(world.run(2 * SECOND), { mesh: [50] });
  });

  it('R17: evidence of sequential gates pauses too, for as long as nobody decides', () => {
    const rate = { ...SUCCESS_RATE, onFailure: 'pause' } as const;
    const world = worldInProgress({
      spec: specOf(HALF, { analysis: { interval: '5s', gates: [rate] } }),
      truth: { errors: version => (version === 'v2' ? 0.2 : 0) },
    });
    check(world.run(10 * MINUTE), { phase: 'Paused', reason: 'PausedByGate', mesh: [50], message: /success-rate 80 % < 99 %/ });
  });

  it('R16: a failed gate is not asked again while others are', () => {
    const asked = new Set<string>();
    const world = pausedWorld({
      query: () => 0,
      down: name => {
        asked.add(name);
        return false;
      },
    });
    asked.clear();
    world.run(MINUTE);
    expect([...asked].sort()).toEqual(['success-rate', 'unattributed']);
  });
});
