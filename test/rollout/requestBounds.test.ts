import { describe, expect, it } from 'vitest';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import { check, HALF, SECOND, worldInProgress } from './check.ts';

const LONG = `${'\u001b[2J\n{"level":50}\u2028'.repeat(20)}${'x'.repeat(200_000)}`;
const bytes = (status: RolloutStatus | undefined): number => JSON.stringify(status).length;

describe('what a request says', () => {
  it.each(['abort', 'pause', 'promote', 'dance'])('R22: gets into the status in one line, and short: %s', verb => {
    const world = worldInProgress();
    const before = bytes(world.status);
    world.ask({ verb, by: LONG, reason: LONG, id: LONG, at: LONG });
    world.run(SECOND);
    world.ask({ verb, by: LONG, reason: LONG });
    world.run(30 * SECOND);
    expect(world.request).toBeUndefined();
    expect(bytes(world.status) - before).toBeLessThan(16_000);
    const { message, lastRequest, history = [], pause } = world.status ?? {};
    const said = [
      message,
      lastRequest?.outcome,
      lastRequest?.id,
      lastRequest?.verb,
      pause?.by,
      pause?.reason,
      ...history.map(entry => entry.message),
    ];
    expect(said.join('')).not.toMatch(/[\p{C}\u2028]/u);
    for (const { message: told } of world.announced) expect(told.length).toBeLessThan(1_500);
  });

  it('R22: a verb that nobody knows is named in short', () => {
    const world = worldInProgress();
    world.ask({ verb: LONG });
    check(world.run(SECOND), { phase: 'Progressing', step: 1 });
    expect(world.request).toBeUndefined();
    expect(world.status?.lastRequest?.outcome).toMatch(/^refused: verb .{1,120} is unknown, expected one of/);
    expect(bytes(world.status)).toBeLessThan(20_000);
  });

  it('R22: two requests whose long ids differ only at the end are two', () => {
    const world = worldInProgress({ spec: { version: 'v1', strategy: { canary: { steps: HALF } }, analysis: { gates: [] } } });
    world.ask({ verb: 'pause', id: `${LONG}1` });
    world.run(SECOND);
    check(world, { phase: 'Paused' });
    world.ask({ verb: 'resume', id: `${LONG}2` });
    check(world.run(SECOND), { phase: 'Progressing' });
  });
});
