import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { adminAccess, kubeconfigText, tokenOf, type User } from './apiServer.ts';
import { type Credentials, createRepository, type GitRepository } from './git.ts';
import { type Answer, request } from './http.ts';
import type { Kubernetes } from './kubernetes.ts';
import { type Layout, localUrl } from './layout.ts';
import { type Load, type LoadOptions, startLoad } from './load.ts';
import type { Part } from './parts.ts';
import { createPods, type Pods } from './pods.ts';
import type { Ports } from './ports.ts';
import { logOf, restartServer, signalServer, stopServer } from './process.ts';
import { reissued } from './reissuedToken.ts';

/** All that another process needs to use a running bed; kept as JSON in the bed's directory. */
interface BedFacts extends Layout {
  readonly leftOut: readonly Part[];
}

/** Running real servers. Every process may open a running bed by its directory; only the one that started it closes it. */
export interface Bed {
  readonly directory: string;
  readonly ports: Ports;
  readonly apiUrl: string;
  /** PEM file by which clients know the API server. */
  readonly caFile: string;
  /** Kubeconfig of the administrator, a path. */
  readonly kubeconfig: string;
  /** Path of kubectl, 1.30 or newer. */
  readonly kubectl: string;
  readonly gatewayUrl: string;
  readonly envoyAdminUrl: string;
  readonly prometheusUrl: string;
  readonly zipkinUrl: string;
  readonly leftOut: readonly Part[];
  /** Whether all these servers are there: none is left out. */
  readonly has: (...parts: readonly Part[]) => boolean;
  /** The administrator's access to the API server. */
  readonly kubernetes: Kubernetes;
  readonly pods: Pods;
  /** Token by which the API server knows a user; what the user may do is up to RBAC objects. */
  readonly tokenOf: (user: User) => string;
  /** Token of a ServiceAccount, issued by the API server, good for an hour. */
  readonly serviceAccountToken: (namespace: string, name: string) => Promise<string>;
  /** The same, issued so long ago: after an hour it has expired. */
  readonly earlierServiceAccountToken: (namespace: string, name: string, hoursAgo: number) => Promise<string>;
  /** Writes a kubeconfig for a token. Returns its path. */
  readonly writeKubeconfig: (name: string, token: string) => Promise<string>;
  /** One request through the gateway. */
  readonly get: (host: string, headers?: Readonly<Record<string, string>>, path?: string) => Promise<Answer>;
  /** Answers of n requests through the gateway, 20 at a time, by `x-version`, or by status when a proxy answered. */
  readonly split: (host: string, requests: number, headers?: Readonly<Record<string, string>>) => Promise<Record<string, number>>;
  readonly startLoad: (options: LoadOptions) => Load;
  readonly createRepository: (name: string, credentials?: Credentials) => Promise<GitRepository>;
  /** Ends a server: kindly, or at once with `kill`. */
  readonly stop: (part: Part, how?: 'kindly' | 'kill') => Promise<void>;
  /** Starts a stopped server on its old data and waits until it is ready. */
  readonly start: (part: Part) => Promise<void>;
  /** Makes a server hang: it keeps its connections and answers nothing, until `resume`. */
  readonly pause: (part: Part) => void;
  readonly resume: (part: Part) => void;
  /** All that a server has written so far; Envoy's holds its access log. */
  readonly log: (part: Part) => Promise<string>;
  /** Asks until the answer is true. Throws with the name of what was awaited after the time (default 90 s); failed questions count as no. */
  readonly until: (what: string, ask: () => Promise<boolean>, timeoutMs?: number) => Promise<void>;
}

const FACTS = 'bed.json';
const KIND_GRACE_MS = 3_000;

/** Puts down what `openBed` reads. */
export function saveFacts(facts: BedFacts): void {
  mkdirSync(facts.directory, { recursive: true });
  writeFileSync(join(facts.directory, FACTS), JSON.stringify(facts));
}

async function until(what: string, ask: () => Promise<boolean>, timeoutMs = 90_000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  let last = '';
  for (;;) {
    try {
      if (await ask()) return;
      last = '';
    } catch (error) {
      last = `; last: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > deadlineMs) throw new Error(`waiting for ${what}: not within ${timeoutMs / 1000} s${last}`);
    await sleep(100);
  }
}

function versionOf(status: number, headers: IncomingHttpHeaders): string {
  const version = headers['x-version'];
  return typeof version === 'string' && status === 200 ? version : String(status);
}

type Gateway = Pick<Bed, 'get' | 'split'>;

function createGateway(url: string): Gateway {
  const get: Gateway['get'] = (host, headers = {}, path = '/') => request(`${url}${path}`, { headers: { ...headers, host } });
  return {
    get,
    split: async (host, requests, headers) => {
      const counts: Record<string, number> = {};
      let left = requests;
      const worker = async () => {
        while (left-- > 0) {
          const answer = await get(host, headers);
          const key = versionOf(answer.status, answer.headers);
          counts[key] = (counts[key] ?? 0) + 1;
        }
      };
      await Promise.all(Array.from({ length: 20 }, worker));
      return counts;
    },
  };
}

type PartControl = Pick<Bed, 'stop' | 'start' | 'pause' | 'resume'>;

function createPartControl(directory: string): PartControl {
  return {
    stop: (part, how = 'kindly') => stopServer(directory, part, how === 'kill' ? 0 : KIND_GRACE_MS),
    start: part => restartServer(directory, part),
    pause: part => signalServer(directory, part, 'SIGSTOP'),
    resume: part => signalServer(directory, part, 'SIGCONT'),
  };
}

/** Opens a running bed from any process of this machine. */
export function openBed(directory: string): Bed {
  const facts = JSON.parse(readFileSync(join(directory, FACTS), 'utf8')) as BedFacts;
  const { ports, leftOut } = facts;
  const apiUrl = localUrl(ports.apiServer, true);
  const kubernetes = adminAccess(facts);
  const serviceAccountToken: Bed['serviceAccountToken'] = async (namespace, name) => {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3_600 } };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    return (await kubernetes.request<{ status: { token: string } }>('POST', path, body)).status.token;
  };
  return {
    directory,
    ports,
    apiUrl,
    caFile: facts.certificates.ca,
    kubeconfig: facts.kubeconfig,
    kubectl: facts.binaries.kubectl ?? 'kubectl',
    gatewayUrl: localUrl(ports.gateway),
    envoyAdminUrl: localUrl(ports.envoyAdmin),
    prometheusUrl: localUrl(ports.prometheus),
    zipkinUrl: localUrl(ports.zipkin),
    leftOut,
    has: (...parts) => !parts.some(part => leftOut.includes(part)),
    kubernetes,
    pods: createPods(ports.pods),
    tokenOf,
    serviceAccountToken,
    earlierServiceAccountToken: async (namespace, name, hoursAgo) =>
      reissued(await serviceAccountToken(namespace, name), {
        privateKeyFile: facts.certificates.serviceAccounts.privateKey,
        hoursAgo,
      }),
    writeKubeconfig: async (name, token) => {
      const path = join(directory, `${name}.kubeconfig`);
      await writeFile(path, kubeconfigText(apiUrl, facts.certificates.ca, token), { mode: 0o600 });
      return path;
    },
    ...createGateway(localUrl(ports.gateway)),
    ...createPartControl(directory),
    startLoad: options => startLoad(facts, options),
    createRepository: (name, credentials) => createRepository(facts, name, credentials),
    log: part => readFile(logOf(directory, part), 'utf8'),
    until,
  };
}
