import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Chat, createChat } from '../../src/sandbox/chat/chat.ts';
import type { Bed } from './bed/bed.ts';
import { type Answer, request } from './bed/http.ts';
import { localUrl } from './bed/layout.ts';
import { PROGRAM } from './installed.ts';

const RBAC = 'rbac.authorization.k8s.io';

/** Lets somebody approve in a namespace, as the documentation says. */
const allow = (bed: Bed, namespace: string, name: string, subject: object) =>
  bed.kubernetes.apply({
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: { name, namespace },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'sluice-approver' },
    subjects: [subject],
  });

/** Lets a user of the bed approve in a namespace. */
export const allowPerson = (bed: Bed, namespace: string, name: string): Promise<void> =>
  allow(bed, namespace, name, { apiGroup: RBAC, kind: 'User', name });

/** How a step names the ServiceAccount as an approver. */
export const robot = (namespace: string): string => `user:system:serviceaccount:${namespace}:robot`;

/** Makes a ServiceAccount that may approve in its own namespace, which is made too. Returns its token. */
export async function makeRobot(bed: Bed, namespace: string, name = 'robot'): Promise<string> {
  await bed.kubernetes.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'istio-injection': 'enabled' } } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
  );
  await allow(bed, namespace, name, { kind: 'ServiceAccount', name, namespace });
  return bed.serviceAccountToken(namespace, name);
}

/** Runs the program to its end, whatever its exit code. */
export const sluice = (
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> =>
  new Promise(resolve => {
    execFile(process.execPath, [PROGRAM, ...args], { timeout: 60_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
    );
  });

/** An answer for the Rollout `forecast`, or another one, to one of the controllers. */
export interface Sent {
  readonly url: string;
  readonly namespace: string;
  readonly name?: string;
  readonly token?: string;
  readonly body: object;
}

export const send = ({ url, namespace, name = 'forecast', token, body }: Sent): Promise<Answer> =>
  request(`${url}/api/v1/rollouts/${namespace}/${name}/approvals`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
    timeoutMs: 30_000,
  });

/** The chat of the sandbox, on a port of its own. */
export type RunningChat = Chat & {
  /** `notify.slack` of a controller. */
  readonly settings: object;
  readonly close: () => Promise<void>;
};

export async function startChat(bed: Bed): Promise<RunningChat> {
  let url = '';
  const chat = createChat(() => url);
  const server = createServer(chat.listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = localUrl((server.address() as AddressInfo).port);
  const files = { tokenFile: join(bed.directory, 'chat-token'), signingSecretFile: join(bed.directory, 'chat-secret') };
  const { token, signingSecret } = chat.workspace.settings();
  await Promise.all([writeFile(files.tokenFile, token), writeFile(files.signingSecretFile, signingSecret)]);
  return {
    ...chat,
    settings: { ...files, channel: '#deploys', apiUrl: `${url}/api` },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
