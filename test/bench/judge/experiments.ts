import { type Conditions, calm, drawBad, drawHealthy, FAULTS, type Fault, type Step, UNCHANGED } from './conditions.ts';
import { fixedSample } from './judges/fixedSample.ts';
import { kayenta } from './judges/mannWhitney.ts';
import { sluice } from './judges/sluice.ts';
import { argo, flagger } from './judges/thresholds.ts';
import { createRandom, seedOf } from './random.ts';
import { type Judge, type Result, releaseOf, runRelease } from './rollout.ts';
import { createWorld } from './world.ts';

/** One release, and what became of it under each judge, in the order of the experiment's judges. */
export type Trial = { readonly conditions: Conditions; readonly results: readonly Result[] };

/** Releases of one kind; `label` tells kinds of one experiment apart. */
export type Series = { readonly label: string; readonly trials: readonly Trial[] };

export type Experiment = { readonly judges: readonly string[]; readonly series: readonly Series[] };

export type Extent = { readonly seed: number; readonly runs: number };

type Setting = { readonly judges: readonly Judge[]; readonly tickMs: number; readonly horizonMs: number };

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

export const SLUICE = 'Sluice';
const JUDGES = [sluice(SLUICE), flagger(1), flagger(5), argo(0), argo(3), kayenta, fixedSample];

const runTrial = (conditions: Conditions, seed: number, { judges, tickMs, horizonMs }: Setting): Trial => {
  const world = createWorld(conditions, seed, tickMs);
  const release = releaseOf(world, conditions, tickMs);
  return { conditions, results: judges.map(judge => runRelease(world, release, judge, horizonMs)) };
};

const STREAM = { healthy: 1, bad: 2, stories: 3, smallest: 4, injected: 5, effects: 6, hard: 7 } as const;

const runSeries = (
  label: string,
  { seed, runs }: Extent,
  setting: Setting & { readonly draw: (index: number) => Conditions },
): Series => ({
  label,
  trials: Array.from({ length: runs }, (_, i) => runTrial(setting.draw(i), seedOf(seed, i), setting)),
});

const named = (judges: readonly Judge[], series: readonly Series[]): Experiment => ({
  judges: judges.map(({ name }) => name),
  series,
});

const partOf = (runs: number, part: number): number => Math.max(10, Math.round(runs * part));

/** Healthy releases of the mixture, until they end. */
export const healthyReleases = ({ seed, runs }: Extent): Experiment => {
  const stream = seedOf(seed, STREAM.healthy);
  const draw = (i: number): Conditions => drawHealthy(createRandom(seedOf(stream, i, 1)));
  return named(JUDGES, [
    runSeries('mixture', { seed: stream, runs }, { judges: JUDGES, tickMs: 15 * SECOND_MS, horizonMs: 6 * HOUR_MS, draw }),
  ]);
};

/** Bad releases of the same services, each fault equally often. */
export const badReleases = ({ seed, runs }: Extent): Experiment => {
  const faults = Object.keys(FAULTS) as Fault[];
  const series = faults.map((fault, index) => {
    const stream = seedOf(seed, STREAM.bad, index);
    const draw = (i: number): Conditions => drawBad(createRandom(seedOf(stream, i, 1)), fault);
    const extent = { seed: stream, runs: partOf(runs, 0.5 / faults.length) };
    return runSeries(fault, extent, { judges: JUDGES, tickMs: 15 * SECOND_MS, horizonMs: HOUR_MS, draw });
  });
  return named(JUDGES, series);
};

const TEN_PERCENT: readonly Step[] = [
  { weight: 10, pauseMs: 5 * MINUTE_MS },
  { weight: 50, pauseMs: 5 * MINUTE_MS },
];

/** 100 requests per second, of which the new version gets a tenth; scrapes and looks every 5 s. */
export const stories = ({ seed, runs }: Extent): Experiment => {
  const judges = [sluice(SLUICE, { interval: '5s' }), ...JUDGES.slice(1)];
  const changes = { 'errors x10': { ...UNCHANGED, errorRatio: 10 }, 'only 503': { ...UNCHANGED, extraErrors: 1 } };
  const series = Object.entries(changes).map(([label, change], index) => {
    const conditions = calm({ requestsPerS: 100, steps: TEN_PERCENT, errorRate: 0.005, change });
    const extent = { seed: seedOf(seed, STREAM.stories, index), runs: Math.min(1_000, partOf(runs, 0.2)) };
    return runSeries(label, extent, { judges, tickMs: 5 * SECOND_MS, horizonMs: HOUR_MS, draw: () => conditions });
  });
  return named(judges, series);
};

export const RATES = { '10/min': 1 / 6, '60/min': 1, '10/s': 10, '100/s': 100, '1,000/s': 1_000 } as const;

/** The smallest Rollout there is: half of the traffic for five minutes, healthy and bad. Scrapes every 5 s, looks every 15 s. */
export const smallestRollouts = ({ seed, runs }: Extent): Experiment => {
  const judges = [sluice(SLUICE), ...JUDGES.slice(1)];
  const bad = (errors: number) => ({ ...UNCHANGED, extraErrors: errors - 0.001 });
  const changes = { healthy: UNCHANGED, '0.1 % -> 2 %': bad(0.02), '0.1 % -> 5 %': bad(0.05) };
  const series = Object.entries(changes).flatMap(([change, makes], a) =>
    Object.entries(RATES).map(([rate, requestsPerS], b) => {
      const steps = [{ weight: 50, pauseMs: 5 * MINUTE_MS }];
      const conditions = calm({ requestsPerS, steps, errorRate: 0.001, change: makes });
      const extent = { seed: seedOf(seed, STREAM.smallest, a, b), runs: Math.min(400, partOf(runs, 0.1)) };
      return runSeries(`${change}, ${rate}`, extent, {
        judges,
        tickMs: 15 * SECOND_MS,
        horizonMs: 2 * HOUR_MS,
        draw: () => conditions,
      });
    }),
  );
  return named(judges, series);
};

/** Latency without any tolerance, from all spans, beside error rates as by default. */
const STRICT = sluice(SLUICE, {
  gates: [
    { prometheus: { metric: 'success-rate' }, baseline: {} },
    { zipkin: { percentile: 99 }, baseline: { tolerance: 1 } },
  ],
});

const slower = (factor: number, lateShare = 0) => ({ ...UNCHANGED, slowness: { factor, lateShare, lateMs: 500 } });

/** Small regressions at 100 requests per second and more, half an hour at 50 %. */
export const injectedRegressions = ({ seed, runs }: Extent): Experiment => {
  const changes = {
    healthy: UNCHANGED,
    'errors +0.5 %': { ...UNCHANGED, extraErrors: 0.005 },
    'latency +10 %': slower(1.1),
    'latency +25 %': slower(1.25),
    'latency +50 %': slower(1.5),
    '2 % of requests +500 ms': slower(1, 0.02),
  };
  const series = Object.entries(changes).map(([label, change], index) => {
    const stream = seedOf(seed, STREAM.injected, index);
    const draw = (i: number): Conditions =>
      calm({
        requestsPerS: 100 * 10 ** createRandom(seedOf(stream, i, 1)).uniform(),
        steps: [{ weight: 50, pauseMs: 30 * MINUTE_MS }],
        errorRate: 0.001,
        day: { amplitude: 0.5, phase: (i % 24) / 24 },
        wander: { load: 0.2, errors: 0.4, latency: 0.1, podErrors: 0, podLatency: 0 },
        sampling: 1,
        change,
      });
    const extent = { seed: stream, runs: change === UNCHANGED ? 300 : Math.min(300, partOf(runs, 0.1)) };
    return runSeries(label, extent, { judges: [STRICT], tickMs: 15 * SECOND_MS, horizonMs: 40 * MINUTE_MS, draw });
  });
  return named([STRICT], series);
};

export const EFFECTS = [1, 1.5, 2, 3, 5, 10, 20] as const;

/** So many times stable's 0.5 % of errors, at 100 requests per second, in two steps of 150 s. */
export const effectSizes = ({ seed, runs }: Extent): Experiment => {
  const series = EFFECTS.map((errorRatio, index) => {
    const steps = [10, 50].map(weight => ({ weight, pauseMs: 2.5 * MINUTE_MS }));
    const conditions = calm({ requestsPerS: 100, steps, errorRate: 0.005, change: { ...UNCHANGED, errorRatio } });
    const extent = { seed: seedOf(seed, STREAM.effects, index), runs: Math.min(500, partOf(runs, 0.1)) };
    const setting = { judges: JUDGES, tickMs: 15 * SECOND_MS, horizonMs: HOUR_MS, draw: () => conditions };
    return runSeries(String(errorRatio), extent, setting);
  });
  return named(JUDGES, series);
};

/** Healthy releases with one thing that makes them hard, each by itself. */
export const hardCases = ({ seed, runs }: Extent): Experiment => {
  const base = { requestsPerS: 100, steps: TEN_PERCENT, errorRate: 0.002 };
  const wander = { load: 0.2, errors: 0.4, latency: 0.1, podErrors: 0.2, podLatency: 0.03 };
  const cases = {
    nothing: calm(base),
    'all that wanders, auto-correlation 0.6': calm({ ...base, wander }),
    'bursts of single pods, k = 3': calm({ ...base, burstShape: 3 }),
    'bursts of single pods, k = 1': calm({ ...base, burstShape: 1 }),
    'bursts of single pods, k = 0.3': calm({ ...base, burstShape: 0.3 }),
    'incidents that both share': calm({ ...base, incidentsPerHour: 4 }),
    'outage of both from minute 2 to 7': calm({ ...base, outageAtMs: 2 * MINUTE_MS }),
    'outage of both from minute 8 to 13': calm({ ...base, outageAtMs: 8 * MINUTE_MS }),
    'a bad pod of stable': calm({ ...base, badPod: 'stable' }),
    'a pod of the new version bad for 2 min': calm({ ...base, badPod: 'canary' }),
    'stable over the limit (2 %)': calm({ ...base, errorRate: 0.02 }),
    'cold start, twice as slow': calm({ ...base, coldStart: 2 }),
    'cold start, five times as slow': calm({ ...base, coldStart: 5 }),
  } satisfies Readonly<Record<string, Conditions>>;
  const waiting = sluice('Sluice, initialDelay 60s', { initialDelay: '60s' });
  const judges = [...JUDGES, waiting];
  const series = Object.entries(cases).map(([label, conditions], index) => {
    const extent = { seed: seedOf(seed, STREAM.hard, index), runs: Math.min(500, partOf(runs, 0.1)) };
    return runSeries(label, extent, { judges, tickMs: 15 * SECOND_MS, horizonMs: 2 * HOUR_MS, draw: () => conditions });
  });
  return named(judges, series);
};
