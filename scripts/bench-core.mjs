// `npm run bench:core`: decisions per second on one core, for a rollout in the middle of a step and for one at rest. With --json for programs.
//
// Figures count processor time of the whole process, its garbage collection included, so that others on the machine distort them less; those by the
// clock on the wall stand beside them.

import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const TARGET_PER_SECOND = 50_000;
const ROUNDS = 5;
const ROUND_CPU_MS = 1_000;
const WARM_UP_CPU_MS = 1_000;
/** A step is measured every 15 s, and looked at that often from one measurement to the next. */
const LOOKS_PER_MEASUREMENT = 4;
const LOOK_MS = 15_000 / LOOKS_PER_MEASUREMENT;
/** The clock starts anew after so many looks, before the pause of the step ends. */
const LOOKS_PER_PAUSE = 48;

const cpuMs = () => (process.cpuUsage().user + process.cpuUsage().system) / 1_000;

/** Looks again and again for so much processor time; answers decisions per second of it, and of the clock on the wall. */
function perSecond(look, forCpuMs) {
  let decisions = 0;
  const startMs = performance.now();
  const startCpuMs = cpuMs();
  while (cpuMs() - startCpuMs < forCpuMs) {
    for (let i = 0; i < 500; i++) look();
    decisions += 500;
  }
  return {
    perSecond: (1_000 * decisions) / (cpuMs() - startCpuMs),
    perSecondOnTheWall: (1_000 * decisions) / (performance.now() - startMs),
  };
}

/**
 * Looks at a rollout as a controller does: each look has an observation of its own, somewhat later, with pods and objects read anew; every few
 * looks bring new measurements with higher counts. Spec and status are the same objects as long as nobody writes them.
 */
function createLook({ rollout, observation, nowMs }, decide) {
  const { mesh } = observation;
  let looks = 0;
  let { measurements } = observation;
  return () => {
    const turn = looks % LOOKS_PER_PAUSE;
    const atMs = nowMs + turn * LOOK_MS;
    looks += 1;
    if (turn % LOOKS_PER_MEASUREMENT === 0) measurements = measuredLater(observation.measurements, turn * LOOK_MS);
    const pods = Object.fromEntries(Object.entries(observation.pods).map(([version, found]) => [version, { ...found }]));
    const objects = mesh.objects.map(object => ({ ...object, resourceVersion: String(looks) }));
    const seen = {
      ...observation,
      pods,
      mesh: { ...mesh, objects, target: { ...mesh.target } },
      measurements: { ...measurements },
    };
    return decide({ ...rollout }, seen, atMs);
  };
}

/** The counts of a step grow with its time. */
function measuredLater(measurements, laterMs) {
  const later = ({ counts, ...rest }) => ({
    ...rest,
    atMs: rest.atMs + laterMs,
    untilMs: rest.untilMs + laterMs,
    counts: { ...counts, total: counts.total + laterMs / 10 },
  });
  return Object.fromEntries(Object.entries(measurements).map(([gate, measurement]) => [gate, later(measurement)]));
}

const median = values => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function print(conditions, figures) {
  const number = value => value.toLocaleString('en');
  const line = ({ perSecond, best, perSecondOnTheWall }) =>
    `${number(perSecond)} decisions per second of CPU (best of ${ROUNDS}: ${number(best)}; on the wall ${number(perSecondOnTheWall)})`;
  const { cpu, node, cores, load, varies, same } = conditions;
  console.log(
    `one of ${cores} cores of ${cpu}, load ${load}, node ${node}, median of ${ROUNDS} rounds of ${ROUND_CPU_MS / 1_000} s of CPU`,
  );
  console.log(`new with ${varies}; the same: ${same}`);
  console.log(`a rollout in step 2 of 4, three gates:  ${line(figures.running)}; target ${number(TARGET_PER_SECOND)}`);
  console.log(`a rollout at rest:                      ${line(figures.resting)}`);
}

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
  for (const [name, place] of Object.entries({ running, resting })) {
    const look = createLook(place, decide);
    perSecond(look, WARM_UP_CPU_MS);
    const rounds = Array.from({ length: ROUNDS }, () => perSecond(look, ROUND_CPU_MS));
    figures[name] = {
      perSecond: Math.round(median(rounds.map(round => round.perSecond))),
      best: Math.round(Math.max(...rounds.map(round => round.perSecond))),
      perSecondOnTheWall: Math.round(median(rounds.map(round => round.perSecondOnTheWall))),
    };
  }
  const conditions = {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    load: Math.round(loadavg()[0] * 10) / 10,
    rounds: ROUNDS,
    roundCpuMs: ROUND_CPU_MS,
    varies: `each look: time, observation, pods, objects and their version; every ${LOOKS_PER_MEASUREMENT}th: the measurements of all gates`,
    same: 'spec and status, which nobody writes in between',
  };
  if (process.argv.includes('--json'))
    console.log(JSON.stringify({ conditions, targetPerSecond: TARGET_PER_SECOND, figures }, null, 2));
  else print(conditions, figures);
  process.exitCode = figures.running.perSecond >= TARGET_PER_SECOND ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
