import {
  badReleases,
  type Extent,
  effectSizes,
  hardCases,
  healthyReleases,
  injectedRegressions,
  smallestRollouts,
  stories,
} from './experiments.ts';
import { type Measured, plots, type Tables, tables } from './report.ts';

const EXPERIMENTS = {
  healthy: healthyReleases,
  bad: badReleases,
  stories,
  smallest: smallestRollouts,
  injected: injectedRegressions,
  effects: effectSizes,
  hard: hardCases,
} as const;

export const EXPERIMENT_NAMES: readonly string[] = Object.keys(EXPERIMENTS);

export type Report = { readonly tables: Tables; readonly plots: Readonly<Record<string, string>>; readonly measured: Measured };

/** The same seed, runs and names give the same report, letter by letter. `tell` hears of each experiment when it is done. */
export const runBench = (extent: Extent, names: readonly string[], tell: (name: string) => void): Report => {
  const done = Object.entries(EXPERIMENTS)
    .filter(([name]) => names.includes(name))
    .map(([name, run]) => {
      const experiment = run(extent);
      tell(name);
      return [name, experiment] as const;
    });
  const measured: Measured = Object.fromEntries(done);
  return { tables: tables(measured), plots: plots(measured), measured };
};
