import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, request as secureRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { parse, stringify } from 'yaml';

/** A request as the proxy sees it, before anything became of it. */
export type Asked = { readonly kind: 'list' | 'watch' | 'other'; readonly query: URLSearchParams };

/** What becomes of a request. */
export type Fate =
  | 'passed'
  /** Taken and never answered, as on a connection whose other end is gone without a word. */
  | 'silence'
  /** The connection breaks before there is an answer. */
  | 'broken'
  /** An answer that the server did not give. */
  | { readonly code: number; readonly body: string }
  /** A stream that says this, and then ends, breaks or falls silent. */
  | { readonly says: string; readonly ending: 'end' | 'break' | 'silence' }
  /** Passed on, but from another resourceVersion. */
  | { readonly fromVersion: string };

/** A watch that the server has agreed to. */
export type OpenWatch = {
  /** Nothing comes through any more, and nothing ends: half-open. */
  mute(): void;
  /** Lets through what came meanwhile, and all that comes. */
  unmute(): void;
  /** Lets the client hear what the server did not say. */
  say(text: string): void;
  end(): void;
  break(): void;
};

/** Stands between one client and an API server, and does to it what a server does not do on demand. */
export type ApiProxy = {
  /** The client's kubeconfig; it points here. */
  readonly kubeconfigPath: string;
  readonly asked: readonly Asked[];
  /** Asked once for each request; at first everything passes. */
  fateOf: (request: Asked) => Fate;
  readonly watches: ReadonlySet<OpenWatch>;
  openConnections(): Promise<number>;
  close(): Promise<void>;
};

type Cluster = { server?: string; 'certificate-authority'?: string; 'certificate-authority-data'?: string };

export const startApiProxy = async (kubeconfigPath: string, ownPath: string): Promise<ApiProxy> => {
  const config: { clusters: { cluster: Cluster }[] } = parse(readFileSync(kubeconfigPath, 'utf8'));
  const cluster = config.clusters[0]?.cluster ?? {};
  const { server: upstream = '', 'certificate-authority': file, 'certificate-authority-data': data = '' } = cluster;
  const agent = new Agent({ keepAlive: true, ca: file === undefined ? Buffer.from(data, 'base64') : readFileSync(file) });
  const asked: Asked[] = [];
  const watches = new Set<OpenWatch>();
  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? '/', upstream);
    const request = askedBy(incoming, url.searchParams);
    asked.push(request);
    const fate = proxy.fateOf(request);
    if (typeof fate === 'object' && 'fromVersion' in fate) url.searchParams.set('resourceVersion', fate.fromVersion);
    else if (fate !== 'passed') return void suffer(outgoing, fate);
    forward({ incoming, outgoing, url, agent }, request.kind === 'watch' ? watches : undefined);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  config.clusters = [
    { ...config.clusters[0], cluster: { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } },
  ];
  await writeFile(ownPath, stringify(config));
  const proxy: ApiProxy = {
    kubeconfigPath: ownPath,
    asked,
    watches,
    fateOf: () => 'passed',
    openConnections: () =>
      new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count)))),
    close: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
      agent.destroy();
    },
  };
  return proxy;
};

const askedBy = ({ method }: IncomingMessage, query: URLSearchParams): Asked => {
  const reading = query.has('watch') ? 'watch' : 'list';
  return { kind: method === 'GET' ? reading : 'other', query };
};

const suffer = (outgoing: ServerResponse, fate: Exclude<Fate, 'passed' | { fromVersion: string }>): void => {
  if (fate === 'silence') return;
  if (fate === 'broken') return void outgoing.destroy();
  outgoing.writeHead('code' in fate ? fate.code : 200, { 'content-type': 'application/json' });
  if ('code' in fate) return void outgoing.end(fate.body);
  outgoing.flushHeaders();
  if (fate.ending === 'end') outgoing.end(fate.says);
  else outgoing.write(fate.says, () => fate.ending === 'break' && outgoing.destroy());
};

type Passing = {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly url: URL;
  readonly agent: Agent;
};

const forward = ({ incoming, outgoing, url, agent }: Passing, watches: Set<OpenWatch> | undefined): void => {
  const { method, headers } = incoming;
  const onward = secureRequest(url, { method, headers, agent }, answer => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    outgoing.flushHeaders();
    answer.on('error', () => outgoing.destroy());
    if (watches === undefined) return void answer.pipe(outgoing);
    let keptBack: unknown[] | undefined;
    const watch: OpenWatch = {
      mute: () => {
        keptBack ??= [];
      },
      unmute: () => {
        for (const chunk of keptBack ?? []) outgoing.write(chunk);
        keptBack = undefined;
      },
      say: text => void outgoing.write(text),
      end: () => void outgoing.end(),
      break: () => void outgoing.destroy(),
    };
    watches.add(watch);
    outgoing.on('close', () => watches.delete(watch));
    answer.on('data', chunk => {
      if (keptBack !== undefined) keptBack.push(chunk);
      else if (!outgoing.writableEnded) outgoing.write(chunk);
    });
    answer.on('end', () => keptBack === undefined && outgoing.end());
  });
  onward.on('error', () => outgoing.destroy());
  outgoing.on('close', () => onward.destroy());
  incoming.pipe(onward);
};
