import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kubeconfigText } from './bed/apiServer.ts';
import type { Bed } from './bed/bed.ts';
import { request } from './bed/http.ts';
import { localUrl } from './bed/layout.ts';
import { signalServer, startServer, stopServer } from './bed/process.ts';
import { type Passed, startCountingProxy } from './bench/countingProxy.ts';
import { planController } from './controllerProcess.ts';
import { SLUICE_NAMESPACE } from './installed.ts';

/** A write of one of two processes, and what the API server answered, if it has. */
export interface Write {
  readonly by: string;
  readonly what: string;
  readonly code: number | undefined;
}

/** One of two controllers with one lease, each with a proxy of its own: who wrote what is known without asking it. */
export interface Rival {
  readonly pause: () => void;
  readonly resume: () => void;
  readonly leads: () => Promise<boolean>;
  /**
   * The next request of this kind is held back on its way, and the process is stopped (SIGSTOP) in the same moment, as if it stopped between
   * its last check of the lease and the send. Resolves when that has happened, with what lets the request go on to the API server.
   */
  readonly pauseAt: (what: string) => Promise<() => void>;
  readonly stop: () => Promise<void>;
}

interface RivalOptions {
  readonly name: string;
  readonly port: number;
  readonly namespace: string;
  readonly repositoryUrl: string;
  /** Takes its writes to what a rollout consists of, in the order in which they were sent. */
  readonly writes: Write[];
}

const ROLLOUT = ['rollouts', 'rollouts/status', 'virtualservices', 'destinationrules'];
const STOP_WITHIN_MS = 60_000;

/** Lets the installed controller keep a lease in this namespace, too. */
export async function allowLease(bed: Bed, namespace: string): Promise<void> {
  const rbac = 'rbac.authorization.k8s.io';
  const metadata = { name: 'lease', namespace };
  const rules = [
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create', 'get', 'update'] },
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] },
  ];
  await bed.kubernetes.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'istio-injection': 'enabled' } } },
    { apiVersion: `${rbac}/v1`, kind: 'Role', metadata, rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'lease' },
      subjects: [{ kind: 'ServiceAccount', name: 'sluice', namespace: SLUICE_NAMESPACE }],
    },
  );
}

interface Held {
  readonly what: string;
  readonly onHeld: (release: () => void) => void;
}

/** Starts one of the two; resolves when its caches are filled. */
export async function startRival(bed: Bed, { name, port, namespace, repositoryUrl, writes }: RivalOptions): Promise<Rival> {
  const server = `${namespace}-${name}`;
  let wanted: Held | undefined;
  const pause = () => signalServer(bed.directory, server, 'SIGSTOP');
  const indexes = new Map<Passed, number>();
  const fateOf = (sent: Passed) => {
    const [method, resource = ''] = sent.what.split(' ');
    if (method !== 'GET' && !sent.isDryRun && ROLLOUT.includes(resource)) {
      indexes.set(sent, writes.length);
      writes.push({ by: name, what: sent.what, code: undefined });
    }
    if (sent.what !== wanted?.what) return 'passed' as const;
    const { onHeld } = wanted;
    wanted = undefined;
    pause();
    return { until: new Promise<void>(onHeld) };
  };
  const onAnswer = (sent: Passed, code: number) => {
    const index = indexes.get(sent);
    if (index !== undefined) writes[index] = { by: name, what: sent.what, code };
  };
  const proxy = await startCountingProxy(bed.apiUrl, bed.caFile, { fateOf, onAnswer });
  const kubeconfig = join(bed.directory, `${server}.kubeconfig`);
  const token = await bed.serviceAccountToken(SLUICE_NAMESPACE, 'sluice');
  await writeFile(kubeconfig, kubeconfigText(proxy.url, bed.caFile, token), { mode: 0o600 });
  const place = { kubeconfig, namespaces: [namespace], repositoryUrl, leaderElection: true, leaseNamespace: namespace };
  await startServer(bed.directory, await planController(bed, server, port, place));
  return {
    pause,
    resume: () => signalServer(bed.directory, server, 'SIGCONT'),
    leads: async () => /^sluice_leader 1$/m.test((await request(`${localUrl(port)}/metrics`)).body),
    pauseAt: what =>
      new Promise<() => void>(resolve => {
        wanted = { what, onHeld: resolve };
      }),
    stop: async () => {
      await stopServer(bed.directory, server, STOP_WITHIN_MS);
      await proxy.close();
    },
  };
}
