import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

/** One request that passed the proxy. */
export interface Passed {
  readonly atMs: number;
  /** `PATCH rollouts/status`, `GET virtualservices?watch`. */
  readonly what: string;
  /** Empty for a request that concerns no namespace. */
  readonly namespace: string;
}

/** What becomes of a request: it is passed on, or never sent, or sent and its answer kept back (the function is called when it is there). */
export type Fate = 'passed' | 'unsent' | { readonly onAnswerKeptBack: () => void };

interface CountingProxy {
  /** Stands for the API server; plain HTTP, so that the proxy can see what passes. */
  readonly url: string;
  readonly passed: readonly Passed[];
  readonly close: () => Promise<void>;
}

function passedOf(method: string, target: string): Passed {
  const { pathname, searchParams } = new URL(target, 'http://proxy');
  const parts = pathname.split('/').filter(part => part !== '');
  // /api/v1/... or /apis/<group>/<version>/...
  const resource = parts.slice(parts[0] === 'api' ? 2 : 3);
  const namespace = resource[0] === 'namespaces' && resource.length > 2 ? (resource[1] ?? '') : '';
  const [plural = pathname, , subresource] = namespace === '' ? resource : resource.slice(2);
  const what = `${method} ${plural}${subresource === undefined ? '' : `/${subresource}`}`;
  return { atMs: Date.now(), what: searchParams.has('watch') ? `${what}?watch` : what, namespace };
}

/**
 * Passes everything on to an API server and keeps a record of it: a count that owes nothing to the program that is counted.
 * `fateOf` may decide otherwise, once for each request.
 */
export async function startCountingProxy(
  apiUrl: string,
  caFile: string,
  fateOf: (request: Passed) => Fate = () => 'passed',
): Promise<CountingProxy> {
  const passed: Passed[] = [];
  const agent = new https.Agent({ keepAlive: true, ca: readFileSync(caFile) });
  const server = http.createServer((incoming, outgoing) => {
    const { method = 'GET', url = '/', headers } = incoming;
    const request = passedOf(method, url);
    passed.push(request);
    const fate = fateOf(request);
    if (fate === 'unsent') {
      outgoing.destroy();
      return;
    }
    const onward = https.request(`${apiUrl}${url}`, { method, headers, agent }, answer => {
      if (fate !== 'passed') {
        answer.resume().on('end', fate.onAnswerKeptBack);
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      // a watch may have nothing to tell for long after its head
      outgoing.flushHeaders();
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed,
    close: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
      agent.destroy();
    },
  };
}

/** How often each kind of request was made. */
export type Counted = Readonly<Record<string, number>>;

/** Counts from a moment on, of one namespace or of all. */
export function countOf(passed: readonly Passed[], range: { readonly fromMs: number; readonly namespace?: string }): Counted {
  const counts: Record<string, number> = {};
  for (const { atMs, what, namespace } of passed) {
    if (atMs >= range.fromMs && (range.namespace === undefined || namespace === range.namespace)) {
      counts[what] = (counts[what] ?? 0) + 1;
    }
  }
  return counts;
}

/** What is more in one count than in another, divided; kinds that are as many in both are left out. */
export function difference(more: Counted, less: Counted, by: number): Counted {
  const kinds = [...new Set([...Object.keys(more), ...Object.keys(less)])].sort();
  const entries = kinds.map(what => [what, ((more[what] ?? 0) - (less[what] ?? 0)) / by] as const);
  return Object.fromEntries(entries.filter(([, count]) => count !== 0));
}
