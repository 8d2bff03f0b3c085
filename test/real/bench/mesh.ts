// Program: measures what moving traffic costs the requests that are moved, on a real mesh. Writes tables into docs/mesh-bench.md, unless it is
// called with --dry or --quick. `--json` for programs; names of parts choose some.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kubeconfigText } from '../bed/apiServer.ts';
import type { Bed } from '../bed/bed.ts';
import { startBed } from '../bed/startBed.ts';
import { type ControllerProcess, startController } from '../controllerProcess.ts';
import { installSluice, SLUICE_NAMESPACE } from '../installed.ts';
import { countOf, startCountingProxy } from './countingProxy.ts';
import { conditionsLine, conditionsNow } from './figures.ts';
import { applyFiles } from './meshApply.ts';
import { measureDrift } from './meshDrift.ts';
import {
  appliedTable,
  driftTable,
  printTable,
  sharesTable,
  storiesTable,
  type Table,
  walkTable,
  writePage,
  writesTable,
} from './meshPage.ts';
import { measureShares } from './meshShares.ts';
import { tellStories } from './meshStories.ts';
import { type Troubles, trouble, type WalkPlan, walkWeights } from './meshWalk.ts';

const isAsked = (option: string): boolean => process.argv.includes(option);
const isQuick = isAsked('--quick');

/** How much of everything: 1,000 changes, 50,000 requests, 100 raised weights, 20 files each way; a tenth with --quick. */
const EXTENT = isQuick
  ? { applications: 4, rollouts: 1, weights: 25, requests: 5_000, raises: 10, files: 3 }
  : { applications: 10, rollouts: 4, weights: 25, requests: 50_000, raises: 100, files: 20 };
const planOf = (name: string): WalkPlan => ({ name, ...EXTENT });

interface Part {
  readonly tables: readonly Table[];
  /** All that was measured, for programs. */
  readonly measured: unknown;
}

interface Bench {
  readonly bed: Bed;
  readonly kubeconfig: string;
}

/** A controller as long as the work lasts. Without a lease another process goes on at once. */
async function withController<T>({ bed, kubeconfig }: Bench, work: (controller: ControllerProcess) => Promise<T>): Promise<T> {
  const controller = await startController(bed, { kubeconfig, port: 'controller', namespaces: [], leaderElection: false });
  try {
    return await work(controller);
  } finally {
    await controller.stop();
  }
}

/** Through a proxy that counts what the controller writes. */
async function walk(bench: Bench): Promise<Part> {
  const { bed } = bench;
  const proxy = await startCountingProxy(bed.apiUrl, bed.caFile);
  try {
    const kubeconfig = join(bed.directory, 'counted.kubeconfig');
    const token = await bed.serviceAccountToken(SLUICE_NAMESPACE, 'sluice');
    await writeFile(kubeconfig, kubeconfigText(proxy.url, bed.caFile, token), { mode: 0o600 });
    const result = await withController({ bed, kubeconfig }, () => walkWeights(bed, planOf('walk')));
    const writes = result.walked.map(({ namespace }) => countOf(proxy.passed, { namespace, fromMs: 0 }));
    return {
      tables: [walkTable('walk', result), writesTable(result, writes)],
      measured: { ...result, writes },
    };
  } finally {
    await proxy.close();
  }
}

async function disturbed(bench: Bench): Promise<Part> {
  const troubles: Troubles = { istiod: 0, 'API server': 0, Sluice: 0 };
  const result = await withController(bench, controller =>
    walkWeights(bench.bed, planOf('disturbed'), signal => trouble(bench.bed, controller, troubles, signal)),
  );
  return { tables: [walkTable('disturbed', result, troubles)], measured: { ...result, troubles } };
}

async function shares(bench: Bench): Promise<Part> {
  const measured = await withController(bench, () => measureShares(bench.bed, EXTENT.requests));
  return { tables: [sharesTable(measured)], measured };
}

async function drift(bench: Bench): Promise<Part> {
  const measured = await withController(bench, () => measureDrift(bench.bed, EXTENT.raises));
  return { tables: [driftTable(measured)], measured };
}

async function stories(bench: Bench): Promise<Part> {
  const measured = await withController(bench, () => tellStories(bench.bed));
  return { tables: [storiesTable(measured)], measured };
}

/** Nobody steers here but kubectl. */
async function apply({ bed }: Bench): Promise<Part> {
  const orders = ['subset first', 'weight first'] as const;
  const measured = await Promise.all(orders.map(order => applyFiles(bed, order, EXTENT.files)));
  return { tables: [appliedTable(measured)], measured };
}

/** In this order: what restarts servers comes last. */
const PARTS: Readonly<Record<string, (bench: Bench) => Promise<Part>>> = { apply, drift, stories, shares, walk, disturbed };

const asked = process.argv.slice(2).filter(argument => !argument.startsWith('--'));
const unknown = asked.filter(name => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) throw new Error(`no part is named ${unknown.join(', ')}; known are ${Object.keys(PARTS).join(', ')}`);
const chosen = Object.entries(PARTS).filter(([name]) => asked.length === 0 || asked.includes(name));
const bed = await startBed({ leftOut: ['zipkin', 'git'] });
try {
  const bench: Bench = { bed, kubeconfig: await installSluice(bed) };
  const measured: Record<string, unknown> = {};
  for (const [name, part] of chosen) {
    const before = conditionsNow();
    const startMs = performance.now();
    const result = await part(bench);
    const durationS = Math.round((performance.now() - startMs) / 1_000);
    const conditions = { ...before, 'load average at the end': conditionsNow()['load average'] ?? '', 'duration s': durationS };
    measured[name] = { conditions, measured: result.measured };
    if (isAsked('--json')) continue;
    for (const table of result.tables) printTable(table);
    console.log(`${conditionsLine(conditions)}\n`);
    // a part that was measured stays measured, whatever becomes of the next one
    if (!isQuick && !isAsked('--dry')) await writePage(result.tables, conditionsLine(conditions));
  }
  if (isAsked('--json')) console.log(JSON.stringify(measured, null, 2));
} finally {
  await bed.close();
}
