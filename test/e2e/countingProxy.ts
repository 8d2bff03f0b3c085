import { writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';

/** Stands before the Kubernetes API and writes down what is asked. */
export type CountingProxy = {
  /** Points at the proxy. */
  readonly kubeconfigPath: string;
  /** `METHOD path` of each request so far, without queries; watches are `WATCH path`. */
  readonly requests: string[];
  close(): Promise<void>;
};

type KubeConfig = {
  readonly clusters: readonly { readonly cluster: { server: string; 'certificate-authority-data'?: string } }[];
};

export const startCountingProxy = async (sandbox: Sandbox, folder: string): Promise<CountingProxy> => {
  const requests: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? '/', sandbox.urls.api);
    requests.push(`${url.searchParams.has('watch') ? 'WATCH' : incoming.method} ${url.pathname}`);
    const sent = request(url, { method: incoming.method, headers: incoming.headers }, answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    sent.on('error', () => outgoing.destroy());
    outgoing.on('close', () => sent.destroy());
    incoming.pipe(sent);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const config: KubeConfig = parse(sandbox.kubeconfig);
  for (const { cluster } of config.clusters) {
    cluster.server = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    delete cluster['certificate-authority-data'];
  }
  const kubeconfigPath = join(folder, 'kubeconfig-counting');
  await writeFile(kubeconfigPath, stringify(config));
  return {
    kubeconfigPath,
    requests,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
