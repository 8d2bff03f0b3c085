import type { Counts } from '../../../../src/rollout/index.ts';
import { normalShare } from '../latency.ts';
import type { Judge } from '../rollout.ts';
import { createRunningTotal, errorsOf, quantileMs, slowerThan, totalOf } from '../sums.ts';
import { EDGES_MS } from '../world.ts';

/** The budget that Sluice has by default, equally over two tests. */
const ALPHA = 0.01 / 2;
const LEAST_SAMPLES = 50;

/** Chance of so many more bad ones in the new version if both have the same share: two proportions, pooled, one-sided. */
export const pValue = (canary: Counts, stable: Counts): number => {
  const share = (canary.bad + stable.bad) / (canary.total + stable.total);
  const deviation = Math.sqrt(share * (1 - share) * (1 / canary.total + 1 / stable.total));
  if (!(deviation > 0)) return 1;
  return 1 - normalShare((canary.bad / canary.total - stable.bad / stable.total) / deviation);
};

/** A test that is made for one look at the end, looked at whenever there are new data; errors, and the share above stable's p99. */
export const fixedSample: Judge = {
  name: 'fixed-sample test, looked at repeatedly',
  begin: ({ steps, past }) => {
    const p99Ms = quantileMs(totalOf(past, 'stable'), 0.99);
    const edgeMs = EDGES_MS.find(edge => edge >= p99Ms) ?? Number.POSITIVE_INFINITY;
    const [sumOfCanary, sumOfStable] = [createRunningTotal('canary'), createRunningTotal('stable')];
    return {
      steps,
      look: ({ ticks }) => {
        const [canary, stable] = [sumOfCanary(ticks), sumOfStable(ticks)];
        if (canary.requests < LEAST_SAMPLES || stable.requests < LEAST_SAMPLES) return 'stay';
        const isWorse =
          pValue(errorsOf(canary), errorsOf(stable)) < ALPHA ||
          pValue(slowerThan(canary, edgeMs), slowerThan(stable, edgeMs)) < ALPHA;
        return isWorse ? 'back' : 'go';
      },
    };
  },
};
