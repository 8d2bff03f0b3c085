import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { createKubernetes, type Kubernetes, type KubernetesObject } from './kubernetes.ts';
import { binary, dataOf, type Layout, localUrl } from './layout.ts';
import type { ServerPlan } from './process.ts';

/**
 * People of the bed, known to the API server by token. Authorization is real (RBAC): only `admin` may do anything,
 * all others have what a test binds to their names. `sluice` is for the controller.
 */
const USERS = {
  admin: ['system:masters'],
  sluice: [],
  alice: ['release'],
  bob: [],
} as const satisfies Record<string, readonly string[]>;
export type User = keyof typeof USERS;

export function tokenOf(user: User): string {
  return `bed-token-of-${user}`;
}

/** Writes the file from which the API server learns the tokens. */
export async function writeTokens(path: string): Promise<void> {
  const lines = Object.entries(USERS).map(([user, groups]) =>
    [tokenOf(user as User), user, user, `"${groups.join(',')}"`].join(','),
  );
  await writeFile(path, `${lines.join('\n')}\n`, { mode: 0o600 });
}

/** Text of a kubeconfig for any token. */
export function kubeconfigText(apiUrl: string, caFile: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bed', cluster: { server: apiUrl, 'certificate-authority': caFile } }],
    users: [{ name: 'user', user: { token } }],
    contexts: [{ name: 'bed', context: { cluster: 'bed', user: 'user' } }],
    'current-context': 'bed',
  });
}

export function etcdPlan(layout: Layout): ServerPlan {
  const client = localUrl(layout.ports.etcd);
  const peer = localUrl(layout.ports.etcdPeer);
  return {
    name: 'etcd',
    command: binary(layout, 'etcd'),
    args: [
      ...['--name=bed', `--data-dir=${dataOf(layout, 'etcd')}`, '--log-level=error', '--unsafe-no-fsync'],
      ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
      ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=bed=${peer}`],
    ],
    env: {},
    cwd: layout.directory,
    ready: { url: `${client}/health` },
    readyTimeoutMs: 180_000,
    stopGraceMs: 3_000,
  };
}

export function apiServerPlan(layout: Layout): ServerPlan {
  const { apiServer, ca, serviceAccounts } = layout.certificates;
  return {
    name: 'kube-apiserver',
    command: binary(layout, 'kube-apiserver'),
    args: [
      ...[`--etcd-servers=${localUrl(layout.ports.etcd)}`, '--bind-address=127.0.0.1', `--secure-port=${layout.ports.apiServer}`],
      ...[`--tls-cert-file=${apiServer.certificate}`, `--tls-private-key-file=${apiServer.key}`],
      // the Service `kubernetes` would get this server's address, and EndpointSlices refuse those of loopback
      ...['--advertise-address=127.0.0.1', '--endpoint-reconciler-type=none', '--service-cluster-ip-range=10.96.0.0/16'],
      ...[`--token-auth-file=${join(layout.directory, 'tokens.csv')}`, '--authorization-mode=RBAC'],
      // Pods need no tokens here, and nobody makes the ServiceAccount `default` in time
      '--disable-admission-plugins=ServiceAccount',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${serviceAccounts.publicKey}`,
      `--service-account-signing-key-file=${serviceAccounts.privateKey}`,
      '--profiling=false',
    ],
    env: {},
    cwd: layout.directory,
    ready: {
      url: `${localUrl(layout.ports.apiServer, true)}/readyz`,
      caFile: ca,
      headers: { authorization: `Bearer ${tokenOf('admin')}` },
    },
    readyTimeoutMs: 180_000,
    stopGraceMs: 3_000,
  };
}

const CONTROLLERS = ['deployment', 'replicaset', 'garbage-collector', 'namespace', 'serviceaccount'].map(
  name => `${name}-controller`,
);

export function controllerManagerPlan(layout: Layout): ServerPlan {
  const { kubeconfig, ports, certificates } = layout;
  return {
    name: 'kube-controller-manager',
    command: binary(layout, 'kube-controller-manager'),
    args: [
      ...[`--kubeconfig=${kubeconfig}`, `--authentication-kubeconfig=${kubeconfig}`, `--authorization-kubeconfig=${kubeconfig}`],
      ...[`--controllers=${CONTROLLERS.join(',')}`, '--leader-elect=false', '--kube-api-qps=100', '--kube-api-burst=200'],
      ...['--bind-address=127.0.0.1', `--secure-port=${ports.controllerManager}`],
      ...[`--tls-cert-file=${certificates.apiServer.certificate}`, `--tls-private-key-file=${certificates.apiServer.key}`],
      `--service-account-private-key-file=${certificates.serviceAccounts.privateKey}`,
    ],
    env: {},
    cwd: layout.directory,
    ready: { url: `${localUrl(ports.controllerManager, true)}/healthz`, caFile: certificates.ca },
    readyTimeoutMs: 180_000,
    stopGraceMs: 3_000,
  };
}

/** KWOK brings Nodes and Pods to life without a kubelet, and gives Pods addresses of loopback, where something can really listen. */
export function kwokPlan(layout: Layout): ServerPlan {
  return {
    name: 'kwok',
    command: binary(layout, 'kwok'),
    args: [
      ...[`--kubeconfig=${layout.kubeconfig}`, `--config=${binary(layout, 'kwok-stages')}`, '--manage-all-nodes=true'],
      ...[`--cidr=${layout.podNetwork}.0.1/16`, '--node-ip=127.0.0.1', `--server-address=127.0.0.1:${layout.ports.kwok}`],
    ],
    env: {},
    cwd: layout.directory,
    ready: { url: `${localUrl(layout.ports.kwok)}/healthz` },
    readyTimeoutMs: 180_000,
    stopGraceMs: 3_000,
  };
}

/** The administrator's access to the API server. */
export function adminAccess(layout: Layout): Kubernetes {
  return createKubernetes({
    apiUrl: localUrl(layout.ports.apiServer, true),
    caFile: layout.certificates.ca,
    token: tokenOf('admin'),
  });
}

interface Conditions {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Applies the CustomResourceDefinitions of a file and waits until all of them are served. */
export async function applyCrds(kubernetes: Kubernetes, file: string): Promise<void> {
  const documents = parseAllDocuments(await readFile(file, 'utf8')).map(document => document.toJS() as KubernetesObject | null);
  const crds = documents.filter(crd => crd !== null);
  await Promise.all(crds.map(crd => kubernetes.apply(crd)));
  const path = (crd: KubernetesObject) => `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crd.metadata.name}`;
  const deadlineMs = Date.now() + 60_000;
  for (const crd of crds) {
    while (
      !(await kubernetes.get<Conditions>(path(crd))).status?.conditions?.some(
        c => c.type === 'Established' && c.status === 'True',
      )
    ) {
      if (Date.now() > deadlineMs) throw new Error(`applying ${crd.metadata.name}: not established after 60 s`);
    }
  }
}
