// Program: counts what a rollout costs the API server, and prints it with the conditions under which it was counted. `--json` for programs.
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pass } from 'node:timers/promises';
import { kubeconfigText } from '../bed/apiServer.ts';
import type { Bed } from '../bed/bed.ts';
import type { Load } from '../bed/load.ts';
import { startBed } from '../bed/startBed.ts';
import { createWorld } from '../bed/world.ts';
import { type ControllerProcess, startController } from '../controllerProcess.ts';
import { installSluice, PROGRAM, SLUICE_NAMESPACE } from '../installed.ts';
import { type Counted, countOf, difference, startCountingProxy } from './countingProxy.ts';
import { type Conditions, conditionsLine, conditionsNow } from './figures.ts';

/** Two rollouts that differ in their steps only: the difference is what a step costs. */
const STEPS = { few: 3, many: 8 };
const PAUSE_S = 4;
const IDLE_ROLLOUTS = 10;
const IDLE_MS = 60_000;
const HELP_RUNS = 5;

interface Figures {
  readonly conditions: Conditions;
  /** Requests of one rollout with the fewer steps, from the new version to its end. */
  readonly rolloutWithFewSteps: Counted;
  /** The same for each step more. */
  readonly eachFurtherStep: Counted;
  /** What the controller itself counted of both rollouts, and what the proxy did. */
  readonly both: { readonly byProxy: number; readonly byController: number };
  /** Requests in the idle time, without watches and the lease; and those. */
  readonly idle: Counted;
  readonly idleWatchesAndLease: Counted;
  readonly helpMs: number;
}

function rolloutOf(namespace: string, version: string, steps: number) {
  const weights = Array.from({ length: steps }, (_, index) => Math.round((100 * (index + 1)) / (steps + 1)));
  const canary = { steps: weights.map(setWeight => ({ setWeight, pause: { duration: `${PAUSE_S}s` } })) };
  const gates = [{ name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 }, minSamples: 10 }];
  return {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { name: 'forecast', namespace },
    spec: { version, strategy: { canary }, analysis: { interval: '2s', gates } },
  };
}

async function untilStable(bed: Bed, namespace: string, version: string, timeoutMs = 60_000): Promise<void> {
  const path = `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/rollouts/forecast`;
  await bed.until(
    `${version} stable in ${namespace}`,
    async () => {
      const { status } = await bed.kubernetes.get<{ status?: { phase: string; stableVersion: string } }>(path);
      return status?.phase === 'Healthy' && status.stableVersion === version;
    },
    timeoutMs,
  );
}

/** Requests that the controller itself says it made to the API server, all but watches, looks for a lease and its renewal. */
async function ownCount(controller: ControllerProcess): Promise<number> {
  const lines = (await controller.metrics()).split('\n').filter(line => line.startsWith('sluice_kube_requests_total{'));
  const counted = lines.filter(line => !/verb="watch"|resource="leases/.test(line));
  return counted.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function startRollout(bed: Bed, namespace: string, steps: number): Promise<Load> {
  const world = await createWorld(bed, { namespace, versions: ['v1', 'v2'] });
  await bed.kubernetes.apply(rolloutOf(namespace, 'v1', steps));
  await untilStable(bed, namespace, 'v1');
  return bed.startLoad({ host: world.host, ratePerSecond: 50 });
}

async function measure(bed: Bed): Promise<Omit<Figures, 'conditions' | 'helpMs'>> {
  await installSluice(bed);
  const proxy = await startCountingProxy(bed.apiUrl, bed.caFile);
  const kubeconfig = join(bed.directory, 'counted.kubeconfig');
  const token = await bed.serviceAccountToken(SLUICE_NAMESPACE, 'sluice');
  await writeFile(kubeconfig, kubeconfigText(proxy.url, bed.caFile, token), { mode: 0o600 });
  const controller = await startController(bed, { kubeconfig, port: 'controller', namespaces: [], leaderElection: true });
  const loads: Load[] = [];
  try {
    for (const [namespace, steps] of Object.entries(STEPS)) loads.push(await startRollout(bed, namespace, steps));
    const [fromMs, ownBefore] = [Date.now(), await ownCount(controller)];
    for (const [namespace, steps] of Object.entries(STEPS)) await bed.kubernetes.apply(rolloutOf(namespace, 'v2', steps));
    for (const namespace of Object.keys(STEPS)) await untilStable(bed, namespace, 'v2', 180_000);
    // events are sent in the background
    await pass(2_000);
    const of = (namespace: string) => countOf(proxy.passed, { namespace, fromMs });
    const [few, many] = [of('few'), of('many')];
    const byController = (await ownCount(controller)) - ownBefore;
    const byProxy = [few, many].flatMap(counted => Object.values(counted)).reduce((sum, count) => sum + count, 0);
    for (const load of loads) await load.stop();

    for (let index = 1; index <= IDLE_ROLLOUTS; index++) {
      const namespace = `idle-${index}`;
      await createWorld(bed, { namespace, versions: ['v1'], replicas: 1 });
      await bed.kubernetes.apply(rolloutOf(namespace, 'v1', 1));
      await untilStable(bed, namespace, 'v1');
    }
    await pass(2_000);
    const idleFromMs = Date.now();
    await pass(IDLE_MS);
    const all = Object.entries(countOf(proxy.passed, { fromMs: idleFromMs }));
    const isUpkeep = ([what]: [string, number]) => what.endsWith('?watch') || what.endsWith(' leases');
    return {
      rolloutWithFewSteps: few,
      eachFurtherStep: difference(many, few, STEPS.many - STEPS.few),
      both: { byProxy, byController },
      idle: Object.fromEntries(all.filter(entry => !isUpkeep(entry))),
      idleWatchesAndLease: Object.fromEntries(all.filter(isUpkeep)),
    };
  } finally {
    await Promise.all(loads.map(load => load.close()));
    await controller.stop();
    await proxy.close();
  }
}

/** Wall time of `sluice --help`: what every command pays before it begins. */
function medianHelpMs(): number {
  const times = Array.from({ length: HELP_RUNS }, () => {
    const startMs = performance.now();
    spawnSync(process.execPath, [PROGRAM, '--help']);
    return performance.now() - startMs;
  });
  return Math.round(times.sort((a, b) => a - b)[Math.floor(HELP_RUNS / 2)] ?? Number.NaN);
}

function print({ conditions, helpMs, ...figures }: Figures): void {
  const line = (counted: Counted) =>
    Object.entries(counted)
      .map(([what, count]) => `${count} x ${what}`)
      .join(', ') || 'none';
  const { both } = figures;
  console.log(`one rollout of ${STEPS.few} steps + bake at 100 %: ${line(figures.rolloutWithFewSteps)}`);
  console.log(`each further step:                  ${line(figures.eachFurtherStep)}`);
  console.log(
    `both rollouts together:             ${both.byProxy} by the proxy, ${both.byController} by the controller's own metric`,
  );
  console.log(`${IDLE_ROLLOUTS + 2} idle rollouts for ${IDLE_MS / 1_000} s:         ${line(figures.idle)}`);
  console.log(`  watches and lease in that time:   ${line(figures.idleWatchesAndLease)}`);
  console.log(`sluice --help:                      ${helpMs} ms (median of ${HELP_RUNS})`);
  console.log(conditionsLine(conditions));
}

const helpMs = medianHelpMs();
const bed = await startBed({ leftOut: ['zipkin', 'git'] });
try {
  const conditions = {
    ...conditionsNow(),
    steps: `${STEPS.few} and ${STEPS.many}`,
    'pause s': PAUSE_S,
    gates: 'success-rate and unattributed, every 2 s',
  };
  const figures: Figures = { conditions, ...(await measure(bed)), helpMs };
  if (process.argv.includes('--json')) console.log(JSON.stringify(figures, null, 2));
  else print(figures);
} finally {
  await bed.close();
}
