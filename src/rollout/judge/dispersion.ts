/** What one pod of stable answered in one minute. */
export type Block = { readonly pod: string; readonly atMs: number; readonly requests: number; readonly bad: number };

/** With too little history to know better. */
const UNKNOWN = 2;
const MOST = 100;
const FEWEST_PODS = 3;
const FEWEST_MINUTES = 30;

/**
 * How much more the bad ones vary than independent ones would (phi): 1 when each request fails for itself, more when
 * failures come in bursts from one pod.
 *
 * Pearson's chi-squared over its degrees of freedom (McCullagh & Nelder, Generalized Linear Models, 1989), with all blocks
 * expected to have the overall share p of bad ones: `phi = max(1, sum (bad - n p)^2 / (n p (1-p)) / (blocks - 1))`. The
 * numerators and the denominators are added up separately, which is the same when all blocks have equally many requests;
 * if not, one failure in a block that has hardly any requests would otherwise count thousands of times.
 *
 * A base rate that moves slowly, or a pod that is always worse, counts as dispersion too: phi is then too large rather than
 * too small, and a failure needs more evidence. Fewer than 3 pods or less than 30 min of history: 2.
 *
 * `within`: the same with the share of each minute in place of the overall one. What all pods have in common, such as load,
 * incidents and the time of day, does not count then; a comparison of two versions in the same minutes cancels it anyway.
 */
export const dispersionOf = (blocks: readonly Block[]): { value: number; within: number; pods: number; minutes: number } => {
  const used = blocks.filter(({ requests, bad }) => requests > 0 && bad >= 0 && bad <= requests && Number.isFinite(requests));
  const pods = new Set(used.map(({ pod }) => pod)).size;
  const minutes = new Set(used.map(({ atMs }) => Math.floor(atMs / 60_000))).size;
  const isEnough = pods >= FEWEST_PODS && minutes >= FEWEST_MINUTES;
  const [value, within] = isEnough ? [pearson(used), withinMinutes(used)] : [UNKNOWN, UNKNOWN];
  return { value, within, pods, minutes };
};

const pearson = (blocks: readonly Block[]): number => {
  let requests = 0;
  let bad = 0;
  for (const block of blocks) {
    requests += block.requests;
    bad += block.bad;
  }
  const p = bad / requests;
  let squares = 0;
  for (const block of blocks) squares += (block.bad - block.requests * p) ** 2;
  const expected = requests * p * (1 - p) * (1 - 1 / blocks.length);
  return expected > 0 ? Math.min(MOST, Math.max(1, squares / expected)) : 1;
};

const withinMinutes = (blocks: readonly Block[]): number => {
  const byMinute = new Map<number, Block[]>();
  for (const block of blocks) {
    const minute = Math.floor(block.atMs / 60_000);
    const others = byMinute.get(minute);
    if (others === undefined) byMinute.set(minute, [block]);
    else others.push(block);
  }
  let squares = 0;
  let expected = 0;
  for (const pods of byMinute.values()) {
    const requests = pods.reduce((sum, pod) => sum + pod.requests, 0);
    const p = pods.reduce((sum, pod) => sum + pod.bad, 0) / requests;
    for (const pod of pods) {
      squares += (pod.bad - pod.requests * p) ** 2;
      expected += pod.requests * p * (1 - p) * (1 - pod.requests / requests);
    }
  }
  return expected > 0 ? Math.min(MOST, Math.max(1, squares / expected)) : 1;
};
