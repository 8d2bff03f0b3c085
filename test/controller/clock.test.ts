import { describe, expect, it } from 'vitest';
import { createClock } from '../../src/controller/clock.ts';

const clocks = () => {
  const times = { wallMs: 1_000_000, steadyMs: 5 };
  return {
    times,
    pass: (ms: number) => {
      times.wallMs += ms;
      times.steadyMs += ms;
    },
    clock: createClock(
      () => times.wallMs,
      () => times.steadyMs,
    ),
  };
};

describe('the clock', () => {
  it('shows what the one on the wall shows', () => {
    const { clock, pass } = clocks();
    pass(500);
    expect(clock.now()).toBe(1_000_500);
    expect(clock.jumps()).toEqual([]);
  });

  it('R4: notes that it was set forward or back, when and by how much', () => {
    const { clock, pass, times } = clocks();
    pass(500);
    times.wallMs += 3_600_000;
    expect(clock.jumps()).toEqual([{ atMs: 4_600_500, byMs: 3_600_000 }]);
    pass(500);
    times.wallMs -= 60_000;
    expect(clock.now()).toBe(4_541_000);
    expect(clock.jumps()).toEqual([
      { atMs: 4_600_500, byMs: 3_600_000 },
      { atMs: 4_541_000, byMs: -60_000 },
    ]);
  });

  it('R4: takes what daemons do to it all the time for no jump, however long they do it', () => {
    const { clock, pass, times } = clocks();
    for (let minute = 0; minute < 1_000; minute++) {
      pass(60_000);
      times.wallMs += 30;
      clock.now();
    }
    expect(clock.jumps()).toEqual([]);
  });

  it('remembers the latest twenty', () => {
    const { clock, times } = clocks();
    for (let jump = 1; jump <= 30; jump++) {
      times.wallMs += jump * 10_000;
      clock.now();
    }
    expect(clock.jumps().map(({ byMs }) => byMs / 10_000)).toEqual(Array.from({ length: 20 }, (_, i) => 11 + i));
  });
});
