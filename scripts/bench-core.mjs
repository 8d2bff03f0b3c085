// `npm run bench:core`: decisions per second on one core, for a rollout in the middle of a step and for one at rest. With --json for programs.

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const TARGET_PER_SECOND = 50_000;
const ROUNDS = 5;
const ROUND_MS = 1_000;
const WARM_UP_MS = 1_000;

/** Asks again and again for so long; answers decisions per second. */
function perSecond(decide, forMs) {
  let decisions = 0;
  const startMs = performance.now();
  let nowMs = startMs;
  while (nowMs - startMs < forMs) {
    for (let i = 0; i < 500; i++) decide();
    decisions += 500;
    nowMs = performance.now();
  }
  return (1_000 * decisions) / (nowMs - startMs);
}

const median = values => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
try {
  const entry = `
    export { decide } from './src/rollout/index.ts';
    export { World } from './src/simulation/world.ts';
  `;
  const outfile = join(folder, 'core.mjs');
  await build({ stdin: { contents: entry, resolveDir: process.cwd() }, outfile, bundle: true, format: 'esm', platform: 'node' });
  const { decide, World } = await import(pathToFileURL(outfile));

  const gates = [
    { name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 } },
    { name: 'p99', prometheus: { metric: 'latency', percentile: 99 }, threshold: { max: 500 } },
  ];
  const steps = [10, 30, 60].map(setWeight => ({ setWeight, pause: { duration: '5m' } }));
  const world = new World({ spec: { version: 'v1', strategy: { canary: { steps } }, analysis: { gates } } }).run(5_000);
  const resting = { rollout: world.rollout(), observation: world.observe(), nowMs: world.nowMs };
  world.setPods('v2', 3);
  world.commit({ version: 'v2' });
  world.run(400_000);
  const running = { rollout: world.rollout(), observation: world.observe(), nowMs: world.nowMs };
  const { phase, step } = running.rollout.status;
  if (phase !== 'Progressing' || step.index !== 2)
    throw new Error(`preparing: expected step 2 in progress, got ${phase} ${step?.index}`);

  const figures = {};
  for (const [name, { rollout, observation, nowMs }] of Object.entries({ running, resting })) {
    const ask = () => decide(rollout, observation, nowMs);
    perSecond(ask, WARM_UP_MS);
    const rounds = Array.from({ length: ROUNDS }, () => perSecond(ask, ROUND_MS));
    figures[name] = { perSecond: Math.round(median(rounds)), best: Math.round(Math.max(...rounds)) };
  }
  const conditions = {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    rounds: ROUNDS,
    roundMs: ROUND_MS,
  };
  if (process.argv.includes('--json'))
    console.log(JSON.stringify({ conditions, targetPerSecond: TARGET_PER_SECOND, figures }, null, 2));
  else {
    const line = ({ perSecond, best }) =>
      `${perSecond.toLocaleString('en')} decisions/s (best of ${ROUNDS}: ${best.toLocaleString('en')})`;
    console.log(`on one core of ${conditions.cpu}, node ${conditions.node}, median of ${ROUNDS} rounds of ${ROUND_MS / 1_000} s`);
    console.log(
      `a rollout in step 2 of 4, three gates:  ${line(figures.running)}; target ${TARGET_PER_SECOND.toLocaleString('en')}`,
    );
    console.log(`a rollout at rest:                      ${line(figures.resting)}`);
  }
  process.exitCode = figures.running.perSecond >= TARGET_PER_SECOND ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
