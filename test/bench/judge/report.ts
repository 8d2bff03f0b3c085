import { EFFECTS, type Experiment, RATES, type Series, SLUICE } from './experiments.ts';
import { countText, quantile, type Share, shareOf, shareText, timeText } from './figures.ts';
import { barPlot, type Line, linePlot } from './plots.ts';
import type { Result } from './rollout.ts';

/** What a run of the benchmark has measured; experiments that were not asked for are absent. */
export type Measured = {
  readonly healthy?: Experiment;
  readonly bad?: Experiment;
  readonly stories?: Experiment;
  readonly smallest?: Experiment;
  readonly injected?: Experiment;
  readonly effects?: Experiment;
  readonly hard?: Experiment;
};

/** Markdown by experiment. */
export type Tables = Partial<Readonly<Record<keyof Measured, string>>>;

const MINUTE_MS = 60_000;
/** Two steps of 150 s. */
const TWO_STEPS_MS = 300_000;

const resultsOf = ({ judges }: Experiment, series: readonly Series[], judge: string): readonly Result[] => {
  const index = judges.indexOf(judge);
  return series.flatMap(({ trials }) => trials.flatMap(({ results }) => results[index] ?? []));
};

const isBack = ({ end }: Result): boolean => end === 'rolled back';
const isHealthy = ({ end }: Result): boolean => end === 'healthy';
const backShare = (results: readonly Result[]): Share => shareOf(results, isBack);
const inTwoSteps = (results: readonly Result[]): Share =>
  shareOf(results, ({ end, atMs }) => end === 'rolled back' && atMs <= TWO_STEPS_MS);

const timesOf = (results: readonly Result[], isCounted: (result: Result) => boolean): string => {
  const times = results.filter(isCounted).map(({ atMs }) => atMs);
  return `${timeText(quantile(times, 0.5))} / ${timeText(quantile(times, 0.9))}`;
};

const metOf = (results: readonly Result[]): string => {
  const met = results.map(({ met }) => met);
  return `${countText(quantile(met, 0.5))} / ${countText(quantile(met, 0.9))}`;
};

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');

const healthyTable = (experiment: Experiment): string => {
  const bands = [
    ['under 1/s', 0, 1],
    ['1 to 10/s', 1, 10],
    ['10 to 100/s', 10, 100],
    ['over 100/s', 100, Number.POSITIVE_INFINITY],
  ] as const;
  const inBand = (from: number, to: number): readonly Series[] =>
    experiment.series.map(series => ({
      ...series,
      trials: series.trials.filter(({ conditions }) => from <= conditions.requestsPerS && conditions.requestsPerS < to),
    }));
  return table(
    [
      'healthy releases',
      'rolled back, all',
      ...bands.map(([label]) => label),
      'not over after 6 h',
      'time to Healthy, median / p90',
    ],
    experiment.judges.map(judge => {
      const results = resultsOf(experiment, experiment.series, judge);
      return [
        judge,
        shareText(backShare(results)),
        ...bands.map(([, from, to]) => shareText(backShare(resultsOf(experiment, inBand(from, to), judge)))),
        shareText(shareOf(results, ({ end }) => end === 'undecided')),
        timesOf(results, isHealthy),
      ];
    }),
  );
};

/** Which of Sluice's tests rolled a healthy release back: gate and place. */
const blameTable = (experiment: Experiment): string => {
  const results = resultsOf(experiment, experiment.series, SLUICE);
  const counts = new Map<string, number>();
  for (const { why = '' } of results.filter(isBack)) {
    const [, weight = '', said = ''] = /^at (\d+) %: (.*)$/.exec(why) ?? [];
    const gate = /^[\w-]+/.exec(said)?.[0] ?? said;
    const test = said.includes('new version fails') || said.includes("stable's p90") ? 'baseline' : 'limit';
    const key = `${gate}, ${test}, ${weight === '100' ? 'at 100 %' : 'below 100 %'}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return table(
    ['what rolled healthy releases back', 'of all healthy releases'],
    [...counts].sort(([, a], [, b]) => b - a).map(([key, count]) => [key, shareText({ count, of: results.length })]),
  );
};

const badTable = (experiment: Experiment): string =>
  table(
    [
      'bad releases',
      'caught within two steps',
      ...experiment.series.map(({ label }) => label),
      'promoted',
      'time to rollback, median / p90',
      'requests met, median / p90',
    ],
    experiment.judges.map(judge => {
      const results = resultsOf(experiment, experiment.series, judge);
      return [
        judge,
        shareText(inTwoSteps(results)),
        ...experiment.series.map(series => shareText(inTwoSteps(resultsOf(experiment, [series], judge)))),
        shareText(shareOf(results, isHealthy)),
        timesOf(results, isBack),
        metOf(results),
      ];
    }),
  );

const storyTable = (experiment: Experiment): string =>
  table(
    ['release', 'judge', 'rolled back', 'time to rollback, median / p90', 'requests met, median / p90'],
    experiment.series.flatMap(series =>
      experiment.judges.map(judge => {
        const results = resultsOf(experiment, [series], judge);
        return [series.label, judge, shareText(backShare(results)), timesOf(results, isBack), metOf(results)];
      }),
    ),
  );

const smallestTable = (experiment: Experiment): string => {
  const rates = Object.keys(RATES);
  const of = (change: string, rate: string): readonly Result[] =>
    resultsOf(
      experiment,
      experiment.series.filter(({ label }) => label === `${change}, ${rate}`),
      SLUICE,
    );
  return table(
    ['50 % for 5 min', ...rates],
    [
      ['healthy: time to Healthy, median / p90', ...rates.map(rate => timesOf(of('healthy', rate), isHealthy))],
      ['healthy: rolled back', ...rates.map(rate => shareText(backShare(of('healthy', rate))))],
      ['0.1 % -> 2 %: promoted', ...rates.map(rate => shareText(shareOf(of('0.1 % -> 2 %', rate), isHealthy)))],
      ['0.1 % -> 5 %: promoted', ...rates.map(rate => shareText(shareOf(of('0.1 % -> 5 %', rate), isHealthy)))],
    ],
  );
};

const injectedTable = (experiment: Experiment): string =>
  table(
    ['half an hour at 50 %, 100 to 1,000/s', 'rolled back', 'time to rollback, median / p90'],
    experiment.series.map(series => {
      const results = resultsOf(experiment, [series], SLUICE);
      return [series.label, shareText(backShare(results)), timesOf(results, isBack)];
    }),
  );

const seriesTable = (experiment: Experiment, head: string): string =>
  table(
    [head, ...experiment.judges],
    experiment.series.map(series => [
      series.label,
      ...experiment.judges.map(judge => shareText(backShare(resultsOf(experiment, [series], judge)))),
    ]),
  );

/** The tables of each experiment, as Markdown. */
export const tables = (measured: Measured): Tables => {
  const { healthy, bad, stories, smallest, injected, effects, hard } = measured;
  return {
    ...(healthy && { healthy: `${healthyTable(healthy)}\n\n${blameTable(healthy)}` }),
    ...(bad && { bad: badTable(bad) }),
    ...(stories && { stories: storyTable(stories) }),
    ...(smallest && { smallest: smallestTable(smallest) }),
    ...(injected && { injected: injectedTable(injected) }),
    ...(effects && { effects: seriesTable(effects, "errors, times stable's") }),
    ...(hard && { hard: seriesTable(hard, 'difficulty') }),
  };
};

const percentTicks = [0, 25, 50, 75, 100].map(value => [value, String(value)] as const);
const PERCENT = { from: 0, to: 100, ticks: percentTicks };

const effectPlot = (experiment: Experiment): string =>
  linePlot(
    'Bad releases that go back: 100 requests/s, errors 0.5 % before, 10 % and 50 % for 150 s each',
    {
      label: "new version's errors, as a multiple of stable's",
      from: 1,
      to: 20,
      isLogarithmic: true,
      ticks: EFFECTS.map(value => [value, String(value)] as const),
    },
    { label: 'releases rolled back, %', ...PERCENT },
    experiment.judges.map(
      (name): Line => ({
        name,
        points: EFFECTS.map((effect, i) => {
          const { count, of } = backShare(resultsOf(experiment, experiment.series.slice(i, i + 1), name));
          return [effect, (100 * count) / Math.max(1, of)];
        }),
      }),
    ),
  );

const timePlot = (experiment: Experiment): string =>
  linePlot(
    'How soon bad releases of the mixture go back',
    {
      label: 'time since the first raise, s',
      from: 0,
      to: 600,
      ticks: [0, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600].map(value => [value, String(value)] as const),
    },
    { label: 'bad releases rolled back by then, %', ...PERCENT },
    experiment.judges.map((name): Line => {
      const results = resultsOf(experiment, experiment.series, name);
      const points = Array.from({ length: 41 }, (_, i): readonly [number, number] => {
        const back = results.filter(result => isBack(result) && result.atMs <= 15_000 * i).length;
        return [15 * i, (100 * back) / Math.max(1, results.length)];
      });
      return { name, points, isStepped: true };
    }),
  );

const healthyTimePlot = (experiment: Experiment): string => {
  const rates = Object.entries(RATES);
  const quantiles = [
    ['Sluice, 9 of 10 are faster', 0.9],
    ['Sluice, median', 0.5],
    ['Sluice, 1 of 10 is faster', 0.1],
  ] as const;
  return linePlot(
    'Time to Healthy of the smallest Rollout (50 % for 5 min), healthy version',
    {
      label: 'requests to the host',
      from: 1 / 6,
      to: 1_000,
      isLogarithmic: true,
      ticks: rates.map(([text, value]) => [value, text] as const),
    },
    { label: 'time to Healthy, min', from: 0, to: 20, ticks: [0, 5, 10, 15, 20].map(value => [value, String(value)] as const) },
    quantiles.map(
      ([name, q]): Line => ({
        name,
        points: rates.map(([rate, value]) => {
          const series = experiment.series.filter(({ label }) => label === `healthy, ${rate}`);
          const times = resultsOf(experiment, series, SLUICE)
            .filter(isHealthy)
            .map(({ atMs }) => atMs);
          return [value, quantile(times, q) / MINUTE_MS];
        }),
      }),
    ),
  );
};

/** Plots by file name. */
export const plots = ({ healthy, bad, effects, smallest }: Measured): Readonly<Record<string, string>> => ({
  ...(healthy && {
    'false-rollbacks.svg': barPlot(
      'Healthy releases that were rolled back',
      'healthy releases rolled back, %, with 95 % confidence interval',
      healthy.judges.map(name => ({ name, share: backShare(resultsOf(healthy, healthy.series, name)) })),
      1,
    ),
  }),
  ...(effects && { 'detection.svg': effectPlot(effects) }),
  ...(bad && { 'time-to-rollback.svg': timePlot(bad) }),
  ...(smallest && { 'time-to-healthy.svg': healthyTimePlot(smallest) }),
});
