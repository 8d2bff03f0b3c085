import { readFileSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

/** One request that passed the proxy. */
export interface Passed {
  readonly atMs: number;
  /** `PATCH rollouts/status`, `GET virtualservices?watch`. */
  readonly what: string;
  /** Empty for a request that concerns no namespace. */
  readonly namespace: string;
  /** Asks what a write would do, and changes nothing. */
  readonly isDryRun: boolean;
}

/** A watch that is open, in the hands of a test. */
export interface WatchStream {
  /** From now on nothing comes through, as if the connection were half open; `release` lets all of it come. */
  readonly hold: () => void;
  readonly release: () => void;
  /** Breaks the connection. */
  readonly drop: () => void;
  /** Says something that the API server did not, and ends the watch. */
  readonly end: (event: unknown) => void;
}

/**
 * What becomes of a request. `unsent`: it never gets there, and the connection breaks; `unanswered`: it never gets there, and nothing ever comes
 * back; `onAnswerKeptBack`: it gets there, and nothing comes back (called when the answer is there; not for watches); `answer`: it never
 * gets there, and this comes back; `until`: it gets there later; `onWatch`: it is passed on, and the test gets hold of the watch.
 */
export type Fate =
  | 'passed'
  | 'unsent'
  | 'unanswered'
  | { readonly onAnswerKeptBack: () => void }
  | { readonly answer: { readonly code: number; readonly headers?: Readonly<Record<string, string>>; readonly body: unknown } }
  | { readonly until: Promise<void> }
  | { readonly onWatch: (stream: WatchStream) => void };

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
  const isDryRun = searchParams.has('dryRun');
  return { atMs: Date.now(), what: searchParams.has('watch') ? `${what}?watch` : what, namespace, isDryRun };
}

interface Interference {
  /** Asked once for each request. Default: everything passes. */
  readonly fateOf?: (request: Passed) => Fate;
  /** Told what the API server answered to a request that got there; its answer may still be kept back. */
  readonly onAnswer?: (request: Passed, code: number) => void;
}

function streamOf(answer: IncomingMessage, outgoing: ServerResponse): WatchStream {
  return {
    hold: () => answer.unpipe(outgoing),
    release: () => answer.pipe(outgoing),
    drop: () => outgoing.destroy(),
    end: event => {
      answer.unpipe(outgoing);
      outgoing.end(`${JSON.stringify(event)}\n`);
    },
  };
}

/** Gives the answer of the API server to the client, as the fate of the request has it. */
function pass(answer: IncomingMessage, outgoing: ServerResponse, fate: Fate): void {
  if (typeof fate === 'object' && 'onAnswerKeptBack' in fate) {
    answer.resume().on('end', fate.onAnswerKeptBack);
    return;
  }
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
  // a watch may have nothing to tell for long after its head
  outgoing.flushHeaders();
  answer.pipe(outgoing);
  answer.on('error', () => outgoing.destroy());
  if (typeof fate === 'object' && 'onWatch' in fate) fate.onWatch(streamOf(answer, outgoing));
}

/** Answers without the API server; false when the request is to get there. */
function intercept(fate: Fate, outgoing: ServerResponse): boolean {
  if (fate === 'unsent') outgoing.destroy();
  if (typeof fate === 'object' && 'answer' in fate) {
    const { code, headers = {}, body } = fate.answer;
    outgoing.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  }
  return fate === 'unsent' || fate === 'unanswered' || (typeof fate === 'object' && 'answer' in fate);
}

/** Passes everything on to an API server and keeps a record of it: a count that owes nothing to the program that is counted. */
export async function startCountingProxy(
  apiUrl: string,
  caFile: string,
  { fateOf = () => 'passed', onAnswer }: Interference = {},
): Promise<CountingProxy> {
  const passed: Passed[] = [];
  const agent = new https.Agent({ keepAlive: true, ca: readFileSync(caFile) });
  const server = http.createServer((incoming, outgoing) => {
    const { method = 'GET', url = '/', headers } = incoming;
    const request = passedOf(method, url);
    passed.push(request);
    const fate = fateOf(request);
    if (intercept(fate, outgoing)) return;
    const send = () => {
      const onward = https.request(`${apiUrl}${url}`, { method, headers, agent }, answer => {
        onAnswer?.(request, answer.statusCode ?? 502);
        pass(answer, outgoing, fate);
      });
      onward.on('error', () => outgoing.destroy());
      outgoing.on('close', () => onward.destroy());
      incoming.pipe(onward);
    };
    if (typeof fate === 'object' && 'until' in fate) void fate.until.then(send);
    else send();
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
