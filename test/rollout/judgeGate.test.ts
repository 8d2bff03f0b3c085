import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOverdue, judgeGate } from '../../src/rollout/gates/gates.ts';
import type { Measurement } from '../../src/rollout/index.ts';
import type { GateSource, GateStatus, PlanGate } from '../../src/rollout/status.ts';
import { START_MS } from '../../src/simulation/world.ts';
import { MINUTE, SECOND } from './check.ts';

const gateOf = (source: GateSource, change: Partial<PlanGate> = {}): PlanGate => ({
  name: 'gate',
  source,
  judge: source.kind === 'query' || source.kind === 'webhook' ? 'plain' : 'sequential',
  minSamples: 0,
  failureLimit: 1,
  onNoData: 'hold',
  noDataDeadlineMs: 10 * MINUTE,
  ...change,
});
const RATE = gateOf(
  { kind: 'prometheus', provider: 'default', metric: 'success-rate' },
  { min: 99, minSamples: 50, alpha: 0.01 },
);
const P99 = gateOf({ kind: 'zipkin', provider: 'default', percentile: 99 }, { max: 500, minSamples: 50, alpha: 0.01 });
const LOST = gateOf({ kind: 'unattributed', provider: 'default' }, { max: 1, minSamples: 50, alpha: 0.01 });
const QUERY = gateOf({ kind: 'query', provider: 'default', query: 'x', windowMs: 5_000 }, { min: 1 });
const HOOK = gateOf({ kind: 'webhook', url: 'https://ci.example.com/smoke', timeoutMs: 10_000 });

const at = (seconds: number): number => START_MS + seconds * SECOND;
const counts = (bad: number, total: number, seconds = 15): Measurement => ({
  kind: 'counts',
  atMs: at(seconds),
  untilMs: at(seconds),
  counts: { bad, total },
});
const value = (number: number, seconds = 15, more: { samples?: number; windowMs?: number } = {}): Measurement => ({
  kind: 'value',
  atMs: at(seconds),
  value: number,
  windowMs: 5_000,
  ...more,
});
const answer = (verdict: 'pass' | 'fail' | 'nodata', seconds = 15): Measurement => ({
  kind: 'verdict',
  atMs: at(seconds),
  verdict,
});
const none = (seconds = 15): Measurement => ({ kind: 'none', atMs: at(seconds), message: 'no series matches' });
const failing = (seconds = 15): Measurement => ({ kind: 'error', atMs: at(seconds), message: 'answers 503' });

/** The gate after these measurements, in this order. */
const stateAfter = (gate: PlanGate, measurements: readonly Measurement[], before?: GateStatus): GateStatus | undefined =>
  measurements.reduce<GateStatus | undefined>(
    (state, measurement) => judgeGate(gate, state, measurement, { sinceMs: START_MS, pauseMs: MINUTE }),
    before,
  );
const verdictOf = (gate: PlanGate, ...measurements: readonly Measurement[]) => stateAfter(gate, measurements)?.verdict;

describe('a bound', () => {
  it.each([
    [RATE, counts(1, 100), 'Pass'],
    [RATE, counts(2, 100), 'NoData'],
    [{ ...RATE, min: 99.95 }, counts(5, 10_000), 'Pass'],
    [{ ...RATE, min: 99.95 }, counts(6, 10_000), 'NoData'],
    [{ ...RATE, min: 100 }, counts(0, 100), 'Pass'],
    [{ ...RATE, min: 100 }, counts(1, 1_000_000), 'Fail'],
    [{ ...RATE, min: 0 }, counts(100, 100), 'Pass'],
    [P99, counts(1, 100), 'Pass'],
    [P99, counts(1, 99), 'NoData'],
    [QUERY, value(1), 'Pass'],
    [QUERY, value(0.999_999), 'Pending'],
    [{ ...QUERY, max: 2 }, value(2), 'Pass'],
    [{ ...QUERY, max: 2 }, value(2.000_1), 'Pending'],
    [{ ...QUERY, min: -5 }, value(-5), 'Pass'],
    [{ ...QUERY, min: -5 }, value(-6), 'Pending'],
    [{ ...QUERY, min: 0 }, value(0), 'Pass'],
    [{ ...QUERY, minSamples: 30 }, value(5, 15, { samples: 30 }), 'Pass'],
  ])('R14: is inclusive: %#', (gate, measurement, verdict) => {
    expect(stateAfter(gate, [measurement]), JSON.stringify(measurement)).toMatchObject({ verdict });
  });

  it('R36: is never contradicted by the number that people see', () => {
    const told = (gate: PlanGate, measurement: Measurement) => stateAfter(gate, [measurement])?.message;
    expect(told({ ...RATE, min: 99.95 }, counts(51, 100_000))).toMatch(/^gate 99\.949 % < 99\.95 %/);
    expect(told({ ...RATE, min: 99.95 }, counts(5, 10_000))).toMatch(/^gate 99\.95 % >= 99\.95 %/);
    expect(told(QUERY, value(0.999_9))).toMatch(/^gate 0\.9999, expected >= 1/);
    expect(told({ ...QUERY, min: 0.001 }, value(0.000_5))).toMatch(/^gate 0\.0005, expected >= 0\.001/);
  });
});

describe('numbers that say nothing', () => {
  it.each([
    [QUERY, value(Number.NaN)],
    [QUERY, value(Number.POSITIVE_INFINITY)],
    [{ ...QUERY, max: 5 }, value(Number.POSITIVE_INFINITY)],
    [{ ...QUERY, minSamples: 30 }, value(5, 15, { samples: Number.NaN })],
    [{ ...QUERY, minSamples: 30 }, value(5, 15, { samples: Number.POSITIVE_INFINITY })],
    [{ ...QUERY, minSamples: 30 }, value(5, 15, { samples: 29 })],
    [{ ...QUERY, minSamples: 30 }, value(5)],
    [QUERY, none()],
    [HOOK, answer('nodata')],
    [RATE, counts(0, 0)],
    [RATE, counts(0, 49)],
    [RATE, counts(Number.NaN, 100)],
    [RATE, counts(0, Number.NaN)],
    [RATE, counts(-1, 100)],
    [RATE, counts(101, 100)],
    [RATE, { kind: 'counts', atMs: at(600), untilMs: at(15), counts: { bad: 0, total: 1_000 } } as Measurement],
  ])('R15: are no data, neither good nor bad: %#', (gate, measurement) => {
    const state = stateAfter(gate, [measurement, measurement]);
    expect(state?.verdict, state?.message).toBe('NoData');
    // what cannot be written as JSON would be refused with the whole status
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });

  it('R15: do not break a row of failures, and do not lengthen it', () => {
    expect(verdictOf(QUERY, value(0, 15), none(20), value(0, 25))).toBe('Fail');
    expect(verdictOf(QUERY, value(0, 15), value(Number.NaN, 20))).toBe('NoData');
    expect(verdictOf(HOOK, answer('fail', 15), answer('nodata', 20), answer('fail', 25))).toBe('Fail');
  });
});

describe('how long data have been missing', () => {
  it('R15: counts from the moment from which they could be expected, at first', () => {
    expect(stateAfter(RATE, [counts(0, 0, 15), counts(0, 10, 30)])?.since).toBe(new Date(START_MS).toISOString());
  });

  it('R15: counts anew after data that came in between, good or bad', () => {
    expect(stateAfter(RATE, [counts(0, 100, 15), counts(3, 100, 30)])?.since).toBe(new Date(at(30)).toISOString());
    expect(stateAfter(QUERY, [value(0, 15), none(600)])?.since).toBe(new Date(at(600)).toISOString());
    expect(stateAfter(QUERY, [none(15), failing(20), none(600)])?.since).toBe(new Date(at(600)).toISOString());
  });

  it('R15: onNoData: fail fails at the deadline, and holds before', () => {
    const strict = { ...HOOK, onNoData: 'fail', noDataDeadlineMs: MINUTE } as const;
    expect(verdictOf(strict, answer('nodata', 59))).toBe('NoData');
    expect(verdictOf(strict, answer('nodata', 60))).toBe('Fail');
    expect(verdictOf(strict, answer('nodata', 15), failing(61))).toBe('Error');
    expect(isOverdue(HOOK, { name: '', source: '', verdict: 'NoData', message: '', since: 'never' }, at(600))).toBe(false);
  });
});

describe('plain comparisons', () => {
  it.each([0, 1, 3])('R17: fail after more than failureLimit %s in a row, and a good one breaks the row', failureLimit => {
    for (const [gate, bad, good] of [
      [QUERY, (s: number) => value(0, s), (s: number) => value(5, s)],
      [HOOK, (s: number) => answer('fail', s), (s: number) => answer('pass', s)],
    ] as const) {
      const limited = { ...gate, failureLimit };
      const row = Array.from({ length: failureLimit }, (_, i) => bad(15 + 5 * i));
      expect(verdictOf(limited, ...row) ?? 'Pending').toBe('Pending');
      expect(verdictOf(limited, ...row, bad(100))).toBe('Fail');
      expect(verdictOf(limited, ...row, good(100), ...row.map((_, i) => bad(105 + 5 * i)))).not.toBe('Fail');
    }
  });

  it('R17: windows that overlap count once, also with an outage in between', () => {
    const wide = (seconds: number) => value(0, seconds, { windowMs: MINUTE });
    expect(verdictOf(QUERY, wide(15), wide(30), wide(45), wide(74))).toBe('Pending');
    expect(verdictOf(QUERY, wide(15), wide(75))).toBe('Fail');
    expect(verdictOf(QUERY, wide(15), failing(45), none(60), wide(75))).toBe('Fail');
    expect(verdictOf(QUERY, wide(15), failing(45), wide(74))).toBe('Pending');
  });

  it('R16: an error counts neither as good nor as bad', () => {
    const errors = Array.from({ length: 100 }, (_, i) => failing(20 + 5 * i));
    expect(verdictOf(HOOK, ...errors)).toBe('Error');
    expect(verdictOf(HOOK, answer('fail'), ...errors, answer('fail', 900))).toBe('Fail');
    expect(verdictOf({ ...HOOK, onNoData: 'fail', noDataDeadlineMs: SECOND }, ...errors)).toBe('Error');
  });
});

describe('for all measurements', () => {
  const GATES = [
    RATE,
    { ...RATE, onNoData: 'fail', noDataDeadlineMs: MINUTE } as const,
    P99,
    LOST,
    QUERY,
    { ...QUERY, minSamples: 30, max: 5 },
    { ...HOOK, failureLimit: 2 },
  ];
  const number = fc.oneof(fc.integer({ min: -2, max: 10 }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0.5, 1));
  const measurement = (gate: PlanGate, seconds: number): fc.Arbitrary<Measurement> => {
    const silent = [fc.constant(none(seconds)), fc.constant(failing(seconds))];
    if (gate.source.kind === 'webhook')
      return fc.oneof(
        ...silent,
        fc.constantFrom('pass', 'fail', 'nodata').map(verdict => answer(verdict as 'pass', seconds)),
      );
    if (gate.source.kind === 'query')
      return fc.oneof(
        ...silent,
        fc
          .record({ number, samples: fc.integer({ min: 0, max: 60 }), windowMs: fc.constantFrom(5_000, 60_000) })
          .map(({ number: it, ...more }) => value(it, seconds, more)),
      );
    return fc.oneof(
      ...silent,
      fc.nat(400).chain(total => fc.nat(total).map(bad => counts(Math.floor(bad / 20), total, seconds))),
    );
  };
  /** A gate, and what it measures at moments that follow each other. */
  const run = fc.constantFrom(...GATES).chain(gate =>
    fc
      .uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 12 })
      .chain(moments => fc.tuple(...moments.sort((a, b) => a - b).map(moment => measurement(gate, 5 * moment))))
      .map(measurements => ({ gate, measurements })),
  );

  it('R1, R17: the same measurement twice gives the same state', () => {
    fc.assert(
      fc.property(run, ({ gate, measurements }) => {
        const twice = measurements.flatMap(one => [one, one, one]);
        expect(stateAfter(gate, twice)).toEqual(stateAfter(gate, measurements));
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('R2: one that comes again late, after newer ones, changes nothing', () => {
    fc.assert(
      fc.property(run, fc.nat(), ({ gate, measurements }, index) => {
        const late = measurements[index % measurements.length];
        const state = stateAfter(gate, measurements);
        expect(stateAfter(gate, late === undefined ? [] : [late], state)).toEqual(state);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('R14: never Pass on fewer samples than minSamples', () => {
    fc.assert(
      fc.property(run, ({ gate, measurements }) => {
        const state = stateAfter(gate, measurements);
        if (state?.verdict !== 'Pass' || gate === LOST || gate.source.kind === 'webhook') return;
        expect(state.samples ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(gate.minSamples);
        if (gate.minSamples > 0) expect(state.samples).toBeDefined();
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('R15, R16: without a number that is bad there is no failure, but by onNoData', () => {
    const silent = fc
      .uniqueArray(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 })
      .chain(moments =>
        fc.tuple(...moments.sort((a, b) => a - b).map(s => fc.constantFrom(none(5 * s), failing(5 * s), counts(0, 20, 5 * s)))),
      );
    fc.assert(
      fc.property(silent, measurements => {
        expect(['NoData', 'Error']).toContain(stateAfter(RATE, measurements)?.verdict);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('R17: what failed stays failed until the step begins again', () => {
    fc.assert(
      fc.property(run, ({ gate, measurements }) => {
        const failed: GateStatus = {
          name: 'gate',
          source: 'x',
          verdict: 'Fail',
          message: 'failed',
          at: new Date(START_MS).toISOString(),
        };
        expect(stateAfter(gate, measurements, failed)).toEqual(failed);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('R5: every state can be stored as it is', () => {
    fc.assert(
      fc.property(run, ({ gate, measurements }) => {
        const state = stateAfter(gate, measurements);
        expect(JSON.parse(JSON.stringify(state))).toEqual(state);
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});
