import { createServer, type Server } from 'node:http';
import type { PodApp } from '../app/pod.ts';
import type { Faults } from '../faults.ts';
import { at, type KubeObject, listOf, numberOf, objectOf } from '../kube/json.ts';
import type { KubeApi } from '../kube/server.ts';
import { createAddresses, type PodAddress } from './addresses.ts';
import { identityOf, type PodIdentity, workloadOf } from './identity.ts';
import { podStatus } from './podStatus.ts';

/** The running pods. */
export interface Pods {
  /** The address of a running pod, by uid. */
  addressOf(uid: string): PodAddress | undefined;
  close(): Promise<void>;
}

interface RunningPod {
  readonly identity: PodIdentity;
  readonly address: PodAddress;
  server: Server;
}

/** A pod is Ready this long after it was created. */
const START_MS = 100;
/** A deleted pod answers for this long, so that the mesh can take it out first. */
const DRAIN_MS = 1000;

const portOf = (pod: KubeObject): number => {
  const container = objectOf(listOf(at(pod, 'spec', 'containers'))[0]);
  return numberOf(objectOf(listOf(container['ports'])[0])['containerPort']) ?? 8080;
};

/** Plays the node: gives every pod an address in 127/8 and a real HTTP server there, and keeps its readiness. */
export function startPods(api: KubeApi, faults: Faults, app: PodApp): Pods {
  const { store, objects, registry } = api;
  const running = new Map<string, RunningPod>();
  const bind = createAddresses();
  const timers = new Set<NodeJS.Timeout>();
  const draining = new Set<Server>();
  let closed = false;

  const later = (delayMs: number, work: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      work();
    }, delayMs);
    timers.add(timer);
  };
  const serve = (identity: PodIdentity) => createServer({ keepAliveTimeout: 120_000 }, app(identity));

  const report = (pod: KubeObject) => {
    const runner = running.get(pod.metadata.uid ?? '');
    const found = store.get('pods', pod.metadata.namespace ?? '', pod.metadata.name);
    const resource = registry.byId('pods');
    if (!runner || !found || !resource || found.metadata.uid !== pod.metadata.uid) return;
    const ready = !faults.of(runner.identity).notReady;
    const { resourceVersion: _, ...metadata } = found.metadata;
    const next = {
      ...found,
      metadata: { ...metadata, name: found.metadata.name },
      status: podStatus(found, runner.address.host, ready),
    };
    objects.update(resource, found.metadata.namespace ?? '', next, { manager: 'kubelet', subresource: 'status' });
  };

  const start = async (pod: KubeObject) => {
    const identity = identityOf(pod);
    const bound = await bind(() => serve(identity), portOf(pod));
    if (!bound || closed) return void bound?.server.close();
    running.set(pod.metadata.uid ?? '', { identity, ...bound });
    if (faults.of(identity).down) refuse(bound.server);
    if (store.get('pods', identity.namespace, identity.pod)?.metadata.uid === pod.metadata.uid) report(pod);
    else stop(pod.metadata.uid ?? '');
  };
  const refuse = (server: Server) => {
    server.close();
    server.closeAllConnections();
  };
  const stop = (uid: string) => {
    const runner = running.get(uid);
    running.delete(uid);
    if (!runner) return;
    draining.add(runner.server);
    later(DRAIN_MS, () => {
      draining.delete(runner.server);
      refuse(runner.server);
    });
  };
  const applyFault = (name: string) => {
    for (const runner of running.values()) {
      const { workload, pod } = runner.identity;
      if (workload !== name && pod !== name) continue;
      const fault = faults.of(runner.identity);
      if (fault.down && runner.server.listening) refuse(runner.server);
      if (!fault.down && !runner.server.listening) {
        runner.server = serve(runner.identity);
        runner.server.on('error', () => undefined).listen(runner.address.port, runner.address.host);
      }
    }
    for (const pod of store.list('pods')) if (workloadOf(pod) === name || pod.metadata.name === name) report(pod);
  };

  faults.onChange(applyFault);
  const unsubscribe = store.subscribe(change => {
    if (change.resource !== 'pods') return;
    if (change.type === 'ADDED') later(START_MS, () => void start(change.object));
    if (change.type === 'DELETED') stop(change.object.metadata.uid ?? '');
  });
  return {
    addressOf: uid => running.get(uid)?.address,
    close: async () => {
      closed = true;
      unsubscribe();
      for (const timer of timers) clearTimeout(timer);
      for (const server of [...draining, ...[...running.values()].map(runner => runner.server)]) refuse(server);
      running.clear();
    },
  };
}
