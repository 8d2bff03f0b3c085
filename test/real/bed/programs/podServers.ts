import http from 'node:http';
import type { Behaviours, PodRole } from './behaviour.ts';
import type { Pod, PodListener } from './podWatch.ts';

/** Told about every answer that a Pod gave. */
export type AnswerObserver = (role: PodRole & { readonly workload: string }, status: number, durationMs: number) => void;

interface PodServersOptions {
  /** Pods whose address starts with this are played. */
  readonly addressPrefix: string;
  readonly behaviours: Behaviours;
  readonly answered: AnswerObserver;
}

interface PodServers extends PodListener {
  /** Opens and closes ports as the behaviours say now. */
  readonly behave: () => void;
  readonly count: () => number;
}

interface Played {
  readonly server: http.Server;
  readonly role: PodRole;
  readonly address: string;
  readonly port: number;
  isOpen: boolean;
  dying: boolean;
}

// a proxy learns a little later that a Pod is gone, and still sends requests
const AFTERLIFE_MS = 2_000;

function idOf(pod: Pod): string {
  return `${pod.metadata.namespace}/${pod.metadata.name}`;
}

/** Name of the Deployment: that of the ReplicaSet without the hash of the template. */
function workloadOf(pod: Pod): string {
  const owner = pod.metadata.ownerReferences?.[0];
  if (!owner) return pod.metadata.name;
  return owner.kind === 'ReplicaSet' ? owner.name.replace(/-[^-]+$/, '') : owner.name;
}

function roleOf(pod: Pod): PodRole & { workload: string } {
  const labels = pod.metadata.labels ?? {};
  return {
    namespace: pod.metadata.namespace,
    app: labels['app'] ?? 'unknown',
    version: labels['version'] ?? 'latest',
    pod: pod.metadata.name,
    workload: workloadOf(pod),
  };
}

function createServer(pod: Pod, options: PodServersOptions): http.Server {
  const role = roleOf(pod);
  const server = http.createServer((request, response) => {
    const startedMs = performance.now();
    const behaviour = options.behaviours.of(role);
    const answer = () => {
      const status = Math.random() < behaviour.errorRate ? behaviour.status : 200;
      response.writeHead(status, { 'content-type': 'application/json', 'x-version': role.version, 'x-pod': role.pod });
      response.end(`${JSON.stringify({ ...role, path: request.url })}\n`);
      options.answered(role, status, performance.now() - startedMs);
    };
    request.resume();
    if (behaviour.latencyMs > 0) setTimeout(answer, behaviour.latencyMs);
    else answer();
  });
  // connections are the proxy's to close: ending one while it sends the next request would be an error of the bed
  server.keepAliveTimeout = 600_000;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  server.on('error', error => console.error(`${idOf(pod)}: ${error.message}`));
  return server;
}

/** Plays the containers: one HTTP server per Pod, from the moment it has an address until a little after its end. */
export function createPodServers(options: PodServersOptions): PodServers {
  const played = new Map<string, Played>();

  const close = (id: string, one: Played) => {
    if (played.get(id) === one) played.delete(id);
    one.server.close();
    one.server.closeAllConnections();
  };
  const drop = (id: string) => {
    const one = played.get(id);
    if (!one || one.dying) return;
    one.dying = true;
    setTimeout(() => close(id, one), AFTERLIFE_MS);
  };
  const changed = (pod: Pod) => {
    const id = idOf(pod);
    const address = pod.status?.podIP;
    const port = pod.spec.containers[0]?.ports?.[0]?.containerPort;
    if (played.has(id) || !address?.startsWith(options.addressPrefix) || port === undefined) return;
    for (const [otherId, other] of played) if (other.address === address) close(otherId, other);
    const one = { server: createServer(pod, options), role: roleOf(pod), address, port, isOpen: false, dying: false };
    played.set(id, one);
    behave(one);
  };
  const behave = (one: Played) => {
    const wanted = !options.behaviours.of(one.role).refuses;
    if (one.isOpen === wanted) return;
    one.isOpen = wanted;
    if (wanted) one.server.listen(one.port, one.address);
    else {
      one.server.close();
      one.server.closeAllConnections();
    }
  };
  return {
    behave: () => {
      for (const one of played.values()) behave(one);
    },
    changed,
    deleted: pod => drop(idOf(pod)),
    listed: pods => {
      const ids = new Set(pods.map(idOf));
      for (const id of played.keys()) if (!ids.has(id)) drop(id);
      for (const pod of pods) changed(pod);
    },
    count: () => [...played.values()].filter(one => !one.dying).length,
  };
}
