import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  adminAccess,
  apiServerPlan,
  applyCrds,
  controllerManagerPlan,
  etcdPlan,
  kubeconfigText,
  kwokPlan,
  tokenOf,
  writeTokens,
} from './apiServer.ts';
import { type Bed, openBed, saveFacts } from './bed.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { createCertificates } from './certificates.ts';
import { gitPlan } from './git.ts';
import { binary, dataOf, type Layout, localUrl } from './layout.ts';
import { envoyPlan, istiodPlan, MESH_NAMESPACE, meshObjects } from './mesh.ts';
import { type Part, parseParts, withDependents } from './parts.ts';
import { podsPlan } from './pods.ts';
import { claimSlot, type Slot } from './ports.ts';
import { awaitServer, killAll, launchServer, type ServerPlan, startedServers, startServer, stopServer } from './process.ts';
import { compilePrograms, programOf } from './programs.ts';
import { step } from './progress.ts';
import { prometheusPlan, zipkinPlan } from './telemetry.ts';
import { NODE } from './world.ts';

/** A bed of this process: it ends with `close`, or with the process at the latest. */
interface OwnBed extends Bed {
  readonly close: () => Promise<void>;
}

interface StartBedOptions {
  /** Servers that are not started. Default: those named in `SLUICE_REAL_WITHOUT`. */
  readonly leftOut?: readonly Part[];
}

async function layOut(slot: Slot, binaries: Binaries): Promise<Layout> {
  const certificates = await createCertificates(join(slot.directory, 'certificates'));
  const kubeconfig = join(slot.directory, 'admin.kubeconfig');
  await writeFile(kubeconfig, kubeconfigText(localUrl(slot.ports.apiServer, true), certificates.ca, tokenOf('admin')), {
    mode: 0o600,
  });
  await writeTokens(join(slot.directory, 'tokens.csv'));
  await mkdir(join(dataOf(slot, 'git'), 'repositories'), { recursive: true });
  await compilePrograms(slot.directory);
  return { ...slot, binaries, certificates, kubeconfig };
}

/** Starts the process that ends the servers if this one dies. Its standard input is held open by this process alone. */
function startGuard(directory: string): ChildProcess {
  const guard = spawn(process.execPath, [programOf(directory, 'guard'), directory], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  guard.unref();
  return guard;
}

async function startApi(layout: Layout, wanted: (part: Part) => boolean): Promise<void> {
  const start = (plan: ServerPlan) => step(plan.name, () => startServer(layout.directory, plan));
  await start(etcdPlan(layout));
  await start(apiServerPlan(layout));
  const kubernetes = adminAccess(layout);
  await step('CustomResourceDefinitions', () => applyCrds(kubernetes, binary(layout, 'istio-crds')));
  await kubernetes.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: MESH_NAMESPACE } },
    { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE, labels: { 'kubernetes.io/hostname': NODE } } },
  );
  await Promise.all([
    wanted('kube-controller-manager') && start(controllerManagerPlan(layout)),
    wanted('kwok') && start(kwokPlan(layout)),
    wanted('pods') && start(podsPlan(layout)),
    wanted('istiod') && start(await istiodPlan(layout)),
  ]);
  if (!wanted('istiod')) return;
  await kubernetes.apply(...(await meshObjects(layout)));
  if (wanted('envoy')) await start(await envoyPlan(layout));
}

async function startAll(layout: Layout, wanted: (part: Part) => boolean): Promise<void> {
  const early: ServerPlan[] = [];
  // these take their time and need nobody: they come up while the others start
  if (wanted('zipkin')) early.push(zipkinPlan(layout));
  if (wanted('prometheus')) early.push(await prometheusPlan(layout));
  if (wanted('git')) early.push(gitPlan(layout));
  for (const plan of early) launchServer(layout.directory, plan);
  if (wanted('kube-apiserver')) await startApi(layout, wanted);
  for (const plan of early) await step(plan.name, () => awaitServer(layout.directory, plan));
}

async function closeBed(directory: string, guard: ChildProcess): Promise<void> {
  // clients before their servers, so that nobody logs or waits for the end of another
  const order = [...startedServers(directory)].sort((a, b) => Number(a === 'etcd') - Number(b === 'etcd'));
  await Promise.all(
    order.filter(name => name !== 'etcd').map(name => stopServer(directory, name, name === 'zipkin' ? 0 : 2_000)),
  );
  if (order.includes('etcd')) await stopServer(directory, 'etcd', 2_000);
  guard.stdin?.end();
  if (!process.env['SLUICE_REAL_KEEP']) await rm(directory, { recursive: true, force: true });
}

/**
 * Finds or builds the servers, starts them on free ports of loopback, and returns when all are ready.
 * Throws when one cannot be had or does not start; nothing is left running then, and the logs are kept in the directory that the message names.
 * `SLUICE_REAL_KEEP=1` keeps data and logs of a closed bed too.
 */
export async function startBed(options: StartBedOptions = {}): Promise<OwnBed> {
  const leftOut = withDependents(options.leftOut ?? parseParts(process.env['SLUICE_REAL_WITHOUT'] ?? ''));
  const binaries = await findBinaries(leftOut);
  const slot = await claimSlot();
  const layout = await step('keys and programs', () => layOut(slot, binaries));
  const guard = startGuard(slot.directory);
  try {
    await step('all servers', () => startAll(layout, part => !leftOut.includes(part)));
  } catch (error) {
    killAll(slot.directory);
    guard.stdin?.end();
    throw error;
  }
  saveFacts({ ...layout, leftOut });
  return { ...openBed(slot.directory), close: () => closeBed(slot.directory, guard) };
}
