import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';

/** What a request asks for, in the words of RBAC. */
export type Asked = {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  /** With its subresource: `rollouts/status`. */
  readonly resource: string;
  readonly group: string;
  readonly namespace: string;
  readonly name: string;
};

/** Stands before the Kubernetes API; the sandbox allows everything, this does not. */
export type RefusingProxy = {
  readonly kubeconfigPath: string;
  /** Whether the service account lacks a right; nothing at first. */
  lacks: (asked: Asked) => boolean;
  /** API groups that seem not to be installed; none at first. */
  absent: readonly string[];
  close(): Promise<void>;
};

type KubeConfig = {
  readonly clusters: readonly { readonly cluster: { server: string; 'certificate-authority-data'?: string } }[];
};

const USER = 'system:serviceaccount:sluice-system:sluice';

export const startRefusingProxy = async (sandbox: Sandbox, folder: string): Promise<RefusingProxy> => {
  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? '/', sandbox.urls.api);
    const asked = askedBy(incoming, url);
    if (proxy.absent.some(group => url.pathname.startsWith(`/apis/${group}`))) return void notFound(outgoing);
    if (asked !== undefined && proxy.lacks(asked)) return void forbid(outgoing, asked);
    forward(incoming, outgoing, url);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kubeconfigPath = join(folder, `kubeconfig-${new URL(address).port}`);
  await writeFile(kubeconfigPath, kubeconfigFor(sandbox.kubeconfig, address));
  const proxy: RefusingProxy = {
    kubeconfigPath,
    lacks: () => false,
    absent: [],
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
};

/** The same kubeconfig for a server at another address. */
export const kubeconfigFor = (kubeconfig: string, server: string): string => {
  const config: KubeConfig = parse(kubeconfig);
  for (const { cluster } of config.clusters) {
    cluster.server = server;
    delete cluster['certificate-authority-data'];
  }
  return stringify(config);
};

const forward = (incoming: IncomingMessage, outgoing: ServerResponse, url: URL): void => {
  const sent = request(url, { method: incoming.method, headers: incoming.headers }, answer => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    outgoing.flushHeaders();
    answer.pipe(outgoing);
  });
  sent.on('error', () => outgoing.destroy());
  outgoing.on('close', () => sent.destroy());
  incoming.pipe(sent);
};

/** `undefined`: discovery, which everybody may read. */
const askedBy = ({ method }: IncomingMessage, { pathname, searchParams }: URL): Asked | undefined => {
  const parts = pathname.split('/').filter(Boolean);
  const group = parts[0] === 'api' ? '' : (parts[1] ?? '');
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  const [namespace = '', [plural, name = '', subresource]] =
    rest[0] === 'namespaces' && rest.length > 2 ? [rest[1], rest.slice(2)] : ['', rest];
  if (plural === undefined) return undefined;
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  const reading = searchParams.has('watch') ? 'watch' : name === '' ? 'list' : 'get';
  const verb = ({ POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const)[method ?? ''] ?? reading;
  return { verb, resource, group, namespace, name };
};

const forbid = (outgoing: ServerResponse, { verb, resource, group, namespace, name }: Asked): void => {
  const what = `${resource.split('/')[0]}${group === '' ? '' : `.${group}`}`;
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const message =
    `${what}${name === '' ? '' : ` "${name}"`} is forbidden: User "${USER}" cannot ${verb} ` +
    `resource "${resource}" in API group "${group}" ${scope}`;
  answerStatus(outgoing, { code: 403, reason: 'Forbidden', message });
};

const notFound = (outgoing: ServerResponse): void =>
  answerStatus(outgoing, { code: 404, reason: 'NotFound', message: 'the server could not find the requested resource' });

const answerStatus = (outgoing: ServerResponse, status: { code: number; reason: string; message: string }): void => {
  outgoing.writeHead(status.code, { 'content-type': 'application/json' });
  outgoing.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', ...status }));
};
