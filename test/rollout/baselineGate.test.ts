import { describe, expect, it } from 'vitest';
import { incomparable } from '../../src/rollout/gates/baselineGate.ts';
import { carriedGates, judgeGate, withoutOverruled } from '../../src/rollout/gates/gates.ts';
import { addInterval, decodeSums, noSums } from '../../src/rollout/judge/baseline.ts';
import type { Counts, Measurement } from '../../src/rollout/observation.ts';
import type { PlanGate } from '../../src/rollout/status.ts';
import { START_MS } from '../../src/simulation/world.ts';

const RATE: PlanGate & { readonly baseline: NonNullable<PlanGate['baseline']> } = {
  name: 'success-rate',
  source: { kind: 'prometheus', provider: 'default', metric: 'success-rate' },
  judge: 'sequential',
  minSamples: 50,
  failureLimit: 1,
  onNoData: 'hold',
  noDataDeadlineMs: 600_000,
  alpha: 0.002,
  dispersion: 1,
  baseline: { tolerance: 1.5, limit: 99 },
};
const BOTH: PlanGate = { ...RATE, min: 95 };
const BUCKETS: PlanGate = {
  ...RATE,
  name: 'p99',
  source: { kind: 'prometheus', provider: 'default', metric: 'latency', percentile: 99 },
  baseline: { tolerance: 1.1, edgesMs: [100, 250], limit: 500 },
};

const SINCE = { sinceMs: START_MS, pauseMs: 300_000 };
const sums = (canary: Counts, stable: Counts, gate: PlanGate = RATE) =>
  addInterval(noSums(gate), { shares: noSums(gate).shares.map(() => ({ canary, stable })) }, gate);
type CountsOnly = Extract<Measurement, { kind: 'counts' }>;
const measured = (canary: Counts, stable: Counts, more: Partial<CountsOnly> = {}, gate: PlanGate = RATE): CountsOnly => ({
  kind: 'counts',
  atMs: START_MS + 60_000,
  untilMs: START_MS + 60_000,
  counts: canary,
  stable,
  baseline: sums(canary, stable, gate),
  ...more,
});
const judged = (gate: PlanGate, measurement: Measurement, comparison: Parameters<typeof judgeGate>[3] = SINCE) =>
  judgeGate(gate, undefined, measurement, comparison);

const WORSE: Counts = { bad: 39, total: 1_840 };
const HEALTHY: Counts = { bad: 3, total: 1_840 };
const STABLE: Counts = { bad: 33, total: 16_400 };
const NONE: Counts = { bad: 0, total: 0 };

describe('a comparison with stable', () => {
  it('R17: fails a version that is worse, in a sentence with numbers', () => {
    expect(judged(RATE, measured(WORSE, STABLE))).toMatchObject({
      verdict: 'Fail',
      message: expect.stringMatching(
        /^success-rate: new version fails 2\.12 % of 1,840 requests, stable 0\.201 % of 16,400; evidence over 1,000,000:1, limit 500:1$/,
      ),
    });
  });

  it('R17: passes one that is as good, and says what stable is like', () => {
    const state = judged(RATE, measured(HEALTHY, STABLE));
    expect(state).toMatchObject({ verdict: 'Pass', baselineValue: 99.8, baseline: { samples: 1_840, stableFailures: 33 } });
    expect(judged(BOTH, measured(HEALTHY, STABLE)).message).toBe('success-rate 99.84 % >= 95 % on 1,840 requests, stable 99.8 %');
  });

  it('R17: holds on suspicion, which does not stick', () => {
    const suspicious = judged(RATE, measured({ bad: 6, total: 400 }, { bad: 8, total: 3_600 }));
    expect(suspicious).toMatchObject({ verdict: 'NoData', message: expect.stringContaining('suspicious, evidence ') });
    expect(suspicious.baseline?.evidence).toBeGreaterThan(3);
    const later = { ...measured(HEALTHY, STABLE), atMs: START_MS + 120_000, untilMs: START_MS + 120_000 };
    expect(judgeGate(RATE, suspicious, later, SINCE).verdict).toBe('Pass');
  });

  it('R15: what stays suspicious fails after the deadline where that was chosen, and is not called missing data', () => {
    const strict: PlanGate = { ...RATE, onNoData: 'fail' };
    const bad = { bad: 6, total: 400 };
    const at = (ms: number) => measured(bad, { bad: 8, total: 3_600 }, { atMs: START_MS + ms, untilMs: START_MS + ms });
    const before = judged(strict, at(60_000));
    expect(before.verdict).toBe('NoData');
    expect(judgeGate(strict, before, at(600_000), SINCE)).toMatchObject({
      verdict: 'Fail',
      message: expect.stringMatching(/passes below 3:1; undecided for 600 s, which counts as failed here$/),
    });
    const empty = (ms: number) => measured(NONE, NONE, { atMs: START_MS + ms, untilMs: START_MS + ms });
    expect(judgeGate(strict, judged(strict, empty(60_000)), empty(600_000), SINCE)).toMatchObject({
      verdict: 'Fail',
      message: 'success-rate: 0 of 50 requests needed; no data for 600 s counts as failed here',
    });
  });

  it('R15: fewer samples than asked for are no data', () => {
    expect(judged(RATE, measured({ bad: 0, total: 49 }, STABLE))).toMatchObject({
      verdict: 'NoData',
      message: 'success-rate: 49 of 50 requests needed',
    });
  });

  it('R17: with limit and baseline, one that fails is enough, and both must pass', () => {
    const within = { bad: 60, total: 1_840 };
    expect(judged(BOTH, measured(within, STABLE))).toMatchObject({ verdict: 'Fail', message: expect.stringContaining('stable') });
    const asBad = { bad: 1_640, total: 16_400 };
    const broken = { bad: 184, total: 1_840 };
    expect(judged(BOTH, measured(broken, asBad))).toMatchObject({
      verdict: 'Fail',
      message: expect.stringMatching(/^success-rate 90 % < 95 %/),
    });
  });

  it('R14: a limit that came from the past of stable is nobody’s failure while stable itself breaks it', () => {
    const derived: PlanGate = { ...BOTH, isDerived: true };
    const asBad = { bad: 1_640, total: 16_400 };
    expect(judged(derived, measured({ bad: 184, total: 1_840 }, asBad))).toMatchObject({
      verdict: 'Pass',
      message: 'success-rate 90 % on 1,840 requests, >= 85 %, as stable itself is below 95 %, stable 90 %',
    });
    expect(judged(derived, measured({ bad: 552, total: 1_840 }, asBad))).toMatchObject({
      verdict: 'Fail',
      message: expect.stringContaining('new version fails 30 % of 1,840 requests, stable 10 %'),
    });
    const once = { incomparable: 'at 100%', ...SINCE };
    const gone = (bad: number) => measured({ bad, total: 1_840 }, NONE, { baseline: sums(NONE, asBad) });
    expect(judged(derived, gone(184), once).verdict).toBe('Pass');
    expect(judged(derived, gone(920), once).verdict).toBe('Fail');
  });

  it('R17: where there is no comparison, a limit that stable breaks too goes up with it, and still fails', () => {
    const derived: PlanGate = { ...BOTH, isDerived: true };
    const inTrouble = { bad: 1_640, total: 16_400 };
    const apart = { ...SINCE, incomparable: incomparable({ weight: 5, headerRoutes: [{ match: [] }] }) ?? '' };
    const withHeader = (bad: number) => measured({ bad, total: 1_840 }, inTrouble, { baseline: noSums(RATE) });
    expect(judged(derived, withHeader(1_840), apart)).toMatchObject({
      verdict: 'Fail',
      message: expect.stringContaining('< 85 %, as stable itself is below 95 %'),
    });
    expect(judged(derived, withHeader(184), apart).verdict).toBe('Pass');
  });

  it('R14: a comparison of earlier steps says nothing about one in which stable gets no requests', () => {
    const before = sums(HEALTHY, STABLE);
    expect(judged(RATE, measured({ bad: 900, total: 900 }, NONE, { baseline: before }))).toMatchObject({
      verdict: 'Fail',
      message: expect.stringMatching(/^success-rate 0 % < 99 % on 900 requests/),
    });
  });

  it('R14: a handful of requests of stable neither lifts a limit nor clears anybody', () => {
    const derived: PlanGate = { ...BOTH, isDerived: true };
    const broken = { bad: 60, total: 60 };
    const few = (stable: Counts, gate: PlanGate) => judged(gate, measured(broken, stable, {}, gate));
    expect(few({ bad: 1, total: 2 }, derived)).toMatchObject({ verdict: 'Fail', message: expect.stringMatching(/< 95 %/) });
    expect(few({ bad: 0, total: 1 }, RATE)).toMatchObject({ verdict: 'Fail', message: expect.stringMatching(/< 99 %/) });
    const suspicious = { baseline: sums({ bad: 6, total: 400 }, { bad: 8, total: 3_600 }) };
    expect(judged(RATE, measured({ bad: 0, total: 60 }, { bad: 0, total: 20 }, suspicious))).toMatchObject({
      verdict: 'NoData',
      message: expect.stringContaining('suspicious'),
    });
  });

  it('R17: evidence counts as it is, also where it is more than is shown', () => {
    const strict = { ...BOTH, alpha: 1e-12 };
    expect(judged(strict, measured({ bad: 1_840, total: 1_840 }, NONE)).verdict).toBe('Fail');
    expect(judged({ ...RATE, alpha: 1e-12 }, measured({ bad: 1_000, total: 1_840 }, STABLE)).verdict).toBe('Fail');
  });

  it('R14: nothing moves on while stable itself is in trouble', () => {
    const derived: PlanGate = { ...BOTH, isDerived: true };
    expect(judged(derived, measured(HEALTHY, STABLE, { latestStable: { bad: 40, total: 300 } }))).toMatchObject({
      verdict: 'NoData',
      message: 'success-rate: stable itself fails 13.33 % of its latest 300 requests (limit 95 %); waits until that is over',
    });
    expect(judged(derived, measured(HEALTHY, STABLE, { latestStable: { bad: 1, total: 300 } })).verdict).toBe('Pass');
    expect(judged(BOTH, measured(HEALTHY, STABLE, { latestStable: { bad: 40, total: 300 } })).verdict).toBe('Pass');
  });

  it('R17: where there is nobody to compare with, what was normal before is the limit', () => {
    const alone = { ...SINCE, incomparable: incomparable({ weight: 100 }) ?? '' };
    expect(judged(RATE, measured(HEALTHY, STABLE), alone)).toMatchObject({
      verdict: 'Pass',
      message: 'success-rate 99.84 % >= 99 % on 1,840 requests',
    });
    expect(judged(RATE, measured({ bad: 184, total: 1_840 }, STABLE), alone).verdict).toBe('Fail');
    const noStable = measured(HEALTHY, { bad: 0, total: 0 });
    expect(judged(RATE, noStable)).toMatchObject({ verdict: 'Pass', message: expect.stringContaining('>= 99 %') });
  });

  it('R17: weights above 80 and header routes make no comparison', () => {
    expect(incomparable({ weight: 80 })).toBeUndefined();
    expect(incomparable({ weight: 81 })).toContain('81%');
    expect(incomparable({ weight: 10, headerRoutes: [{ match: [] }] })).toContain('header route');
    expect(incomparable({ weight: 0, mirror: { percentage: 50 } })).toBeUndefined();
  });

  it('R14: buckets without edges from before the first raise cannot be compared', () => {
    const { edgesMs: _, ...baseline } = BUCKETS.baseline ?? { tolerance: 1.1, limit: 500 };
    const gate = { ...BUCKETS, baseline };
    expect(judged(gate, measured(HEALTHY, STABLE, {}, gate))).toMatchObject({ verdict: 'Pass', samples: 1_840 });
    expect(judged({ ...gate, max: 500 }, measured({ bad: 0, total: 0 }, STABLE, {}, gate)).verdict).toBe('NoData');
  });

  it('R14: slow requests are told against stable’s p90', () => {
    const { verdict, message } = judged(
      BUCKETS,
      measured({ bad: 600, total: 1_840 }, { bad: 1_640, total: 16_400 }, {}, BUCKETS),
    );
    expect(verdict).toBe('Fail');
    expect(message).toContain(
      "p99: 32.61 % of 1,840 requests of the new version are slower than stable's p90 of 100 ms (10 % tolerated), 10 % of 16,400 of stable",
    );
  });

  it('R36: a failure names what most of the bad ones were, and the pod that has them', () => {
    const causes = [
      { what: '503 UH', count: 31 },
      { what: '500', count: 8 },
    ];
    const pods = [
      { name: 'forecast-v2-x', requests: 600, failures: 38 },
      { name: 'forecast-v2-y', requests: 620, failures: 1 },
    ];
    const { message } = judged(RATE, measured(WORSE, STABLE, { causes, pods }));
    expect(message).toMatch(/; 31 of 39 failures: 503 UH, no healthy upstream; 38 of 39 errors from pod forecast-v2-x$/);
    const even = pods.map(pod => ({ ...pod, failures: 20 }));
    const spread = [
      { what: '500', count: 10 },
      { what: '502', count: 15 },
      { what: '504', count: 14 },
    ];
    expect(judged(RATE, measured(WORSE, STABLE, { causes: spread, pods: even })).message).toMatch(/limit 500:1$/);
    const only = [{ name: 'forecast-v2-x', requests: 600, failures: 39 }];
    expect(judged(RATE, measured(WORSE, STABLE, { pods: only })).message).not.toContain('pod');
  });

  it('R17: evidence goes on in the next step and after a restart; a failure that people overruled does not', () => {
    const passed = judged(RATE, measured(HEALTHY, STABLE));
    const [carried] = carriedGates([passed]);
    expect(carried).toMatchObject({ verdict: 'Pending', baseline: passed.baseline });
    expect(decodeSums(carried?.baseline?.sums ?? '', RATE)).toEqual(sums(HEALTHY, STABLE));
    const failed = judged(RATE, measured(WORSE, STABLE));
    expect(withoutOverruled([failed])).toEqual([]);
    expect(carriedGates([failed])).toMatchObject([{ verdict: 'Pending', baseline: failed.baseline }]);
    const ofLimit = judged({ ...BOTH, min: 99.99 }, measured({ bad: 20, total: 1_840 }, { bad: 160, total: 16_400 }));
    expect(ofLimit.verdict).toBe('Fail');
    expect(withoutOverruled([ofLimit])).toEqual([ofLimit]);
    expect(judgeGate(RATE, passed, { kind: 'error', atMs: START_MS + 90_000, message: 'away' }, SINCE)).toMatchObject({
      verdict: 'Error',
      baseline: passed.baseline,
    });
  });

  it('R17: certify asks for proof, and time may decide', () => {
    const gate = (onUndecided: 'hold' | 'pass'): PlanGate => ({
      ...RATE,
      baseline: { ...RATE.baseline, certify: { ratio: 3, floor: 0.5, onUndecided } },
    });
    const few = { bad: 0, total: 60 };
    const many = { bad: 10, total: 20_000 };
    const at = (ms: number, canary: Counts, of: PlanGate) =>
      judged(of, measured(canary, STABLE, { atMs: START_MS + ms, untilMs: START_MS + ms }, of));
    expect(at(60_000, few, gate('hold'))).toMatchObject({
      verdict: 'NoData',
      message: expect.stringContaining('no proof yet that it fails less than 3 times as often'),
    });
    expect(at(600_000, few, gate('hold')).verdict).toBe('NoData');
    expect(at(299_000, few, gate('pass')).verdict).toBe('NoData');
    expect(at(300_000, few, gate('pass'))).toMatchObject({ verdict: 'Pass', message: expect.stringContaining('5m are over') });
    expect(at(60_000, many, gate('hold')).verdict).toBe('Pass');
  });
});
