// Program: measures what idle rollouts cost, and whether they slow down one that fails. `--json` for programs, `--minutes 10` counts longer.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { parse } from 'yaml';
import { kubeconfigText } from '../bed/apiServer.ts';
import type { Bed } from '../bed/bed.ts';
import { startBed } from '../bed/startBed.ts';
import { createWorld } from '../bed/world.ts';
import { type ControllerProcess, startController } from '../controllerProcess.ts';
import { installSluice, SLUICE_NAMESPACE } from '../installed.ts';
import { openStory, type RolloutObject } from '../story.ts';
import { enterHalf, failVerdict, GATES, HALF, tellHealthy, versionOf } from './attempts.ts';
import { countOf, startCountingProxy } from './countingProxy.ts';
import { conditionsNow, type Figure, printFigures } from './figures.ts';
import { startPrometheusStandIn } from './prometheusStandIn.ts';

const VERDICTS = 20;
/** Worlds that are made side by side. */
const AT_ONCE = 8;

function minutesAsked(): number {
  const at = process.argv.indexOf('--minutes');
  const minutes = at < 0 ? 2 : Number(process.argv[at + 1]);
  if (!(minutes > 0)) throw new Error('--minutes must be a number above 0');
  return minutes;
}

interface Bench {
  readonly bed: Bed;
  readonly proxy: Awaited<ReturnType<typeof startCountingProxy>>;
  readonly standIn: Awaited<ReturnType<typeof startPrometheusStandIn>>;
  readonly idleMs: number;
  /** A controller that looks after some namespaces, or all. */
  readonly start: (namespaces: readonly string[]) => Promise<ControllerProcess>;
}

function idleRollout(namespace: string) {
  return {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { name: 'forecast', namespace },
    spec: { version: 'v1', strategy: { canary: HALF }, analysis: { interval: '1s', gates: GATES } },
  };
}

/** Makes worlds with a Rollout each, and waits until all are adopted. */
async function makeIdle(bed: Bed, from: number, to: number): Promise<void> {
  // nobody calls them: the first answer through the gateway need not be awaited
  const uncalled: Bed = { ...bed, has: (...parts) => !parts.includes('envoy') && bed.has(...parts) };
  const names = Array.from({ length: to - from }, (_, index) => `idle-${from + index}`);
  const makeNext = async (): Promise<void> => {
    for (let namespace = names.pop(); namespace !== undefined; namespace = names.pop()) {
      await createWorld(uncalled, { namespace, versions: ['v1'], replicas: 1 });
      await bed.kubernetes.apply(idleRollout(namespace));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, makeNext));
  const areHealthy = async () => {
    const { items } = await bed.kubernetes.get<{ items: readonly RolloutObject[] }>('/apis/sluice.dev/v1alpha1/rollouts');
    const healthy = items.filter(({ status }) => status?.phase === 'Healthy');
    return healthy.filter(({ metadata }) => metadata.namespace?.startsWith('idle-')).length === to;
  };
  await bed.until(`${to} idle rollouts`, areHealthy, 180_000);
}

/** Resident memory as the kernel tells it. */
function residentMb(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1_024;
}

/** Requests and memory of a controller with nothing to do. */
async function rest(bench: Bench, controller: ControllerProcess, count: number): Promise<readonly Figure[]> {
  // events, and what the last adoption led to, are over by then
  await pass(5_000);
  const fromMs = Date.now();
  await pass(bench.idleMs);
  const counted = Object.entries(countOf(bench.proxy.passed, { fromMs }));
  const requests = counted.filter(([what]) => !what.endsWith('?watch') && !what.endsWith(' leases'));
  const sum = requests.reduce((total, [, times]) => total + times, 0);
  if (sum > 0) {
    const seen = bench.proxy.passed.filter(({ atMs, what }) => atMs >= fromMs && requests.some(([counted]) => counted === what));
    for (const { atMs, what, namespace } of seen)
      console.error(`after ${Math.round((atMs - fromMs) / 1_000)} s: ${what} ${namespace}`);
  }
  const minutes = bench.idleMs / 60_000;
  return [
    { what: `${count} idle: requests in ${minutes} min but watches and lease`, unit: 'requests', target: 0, samples: [sum] },
    {
      what: `${count} idle: resident memory after that`,
      unit: 'MB',
      target: count > 50 ? 160 : 120,
      samples: [residentMb(controller.pid())],
    },
  ];
}

/** How fast one rollout gets to weight 0, with whatever else the controller looks after. */
async function failing({ bed, standIn }: Bench, namespace: string): Promise<readonly number[]> {
  const apply = (_file: string, text: string) => bed.kubernetes.apply(parse(text));
  const story = await openStory(bed, apply, { namespace, canary: HALF, gates: GATES, interval: '1s' });
  const samples: number[] = [];
  try {
    for (let attempt = 0; attempt < VERDICTS; attempt++) {
      const version = versionOf(attempt);
      tellHealthy({ standIn, story });
      await enterHalf(bed, story, version);
      samples.push(await failVerdict({ bed, standIn, story }, version));
    }
    return samples;
  } finally {
    await story.close();
  }
}

async function measure(bench: Bench): Promise<readonly Figure[]> {
  const { bed } = bench;
  const single = await bench.start(['alone']);
  const alone = await failing(bench, 'alone').finally(single.stop);

  await bed.kubernetes.delete('/apis/sluice.dev/v1alpha1/namespaces/alone/rollouts/forecast');
  const controller = await bench.start([]);
  try {
    await makeIdle(bed, 0, 50);
    const at50 = await rest(bench, controller, 50);
    await makeIdle(bed, 50, 200);
    const among200 = await failing(bench, 'among');
    await makeIdle(bed, 200, 500);
    const at500 = await rest(bench, controller, 500);
    return [
      ...at50,
      ...at500,
      { what: 'failing verdict to weight 0, alone', unit: 'ms', target: 50, samples: alone },
      { what: 'the same among 200 idle rollouts', unit: 'ms', target: 50, samples: among200 },
    ];
  } finally {
    await controller.stop();
  }
}

const idleMs = minutesAsked() * 60_000;
const conditions = { ...conditionsNow(), 'through a counting proxy': 'yes' };
const bed = await startBed({ leftOut: ['zipkin', 'git', 'prometheus'] });
const standIn = await startPrometheusStandIn();
const proxy = await startCountingProxy(bed.apiUrl, bed.caFile);
try {
  await installSluice(bed);
  const kubeconfig = join(bed.directory, 'counted.kubeconfig');
  const token = await bed.serviceAccountToken(SLUICE_NAMESPACE, 'sluice');
  await writeFile(kubeconfig, kubeconfigText(proxy.url, bed.caFile, token), { mode: 0o600 });
  // as the image starts it: without options
  const settings = { kubeconfig, port: 'controller', leaderElection: true, nodeOptions: [] } as const;
  const start = (namespaces: readonly string[]) =>
    startController({ ...bed, prometheusUrl: standIn.url }, { ...settings, namespaces });
  printFigures(await measure({ bed, proxy, standIn, idleMs, start }), conditions);
} finally {
  await proxy.close();
  await standIn.close();
  await bed.close();
}
