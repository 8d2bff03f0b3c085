import { type Fate, type Passed, startCountingProxy, type WatchStream } from './bench/countingProxy.ts';

/** What becomes of the writes of one namespace, and of its watches. */
export interface Trouble {
  /** Asked for each write with its number among those of its kind since `reset` (1-based). */
  readonly onWrite?: (what: string, nth: number) => Fate;
  /** Kinds whose watches say nothing, those that are opened later included: `virtualservices`. */
  readonly silent?: readonly string[];
}

/** One namespace as the proxy sees it. */
export interface Cell {
  /** Begins to count anew. */
  readonly reset: (trouble: Trouble) => void;
  /** How often each kind of write was tried since `reset`: `PATCH rollouts/status`. */
  readonly tried: (what: string) => number;
  /** How often each kind of write was accepted by the API server. */
  readonly accepted: (what: string) => number;
  /** All open watches. */
  readonly streams: () => readonly WatchStream[];
  /** The next request for a watch of each kind is answered with 410. */
  readonly expire: () => void;
}

const statusOf = (code: number, reason: string, message: string) => ({
  ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' },
  ...{ message, reason, code },
});

/** An answer as the API server words it. */
export const refusal = (code: number, reason: string, message: string, headers: Readonly<Record<string, string>> = {}): Fate => ({
  answer: { code, headers, body: statusOf(code, reason, message) },
});

/** What a watch says when the server has forgotten the version. */
export const EXPIRED = { type: 'ERROR', object: statusOf(410, 'Expired', 'too old resource version') };

const GONE = refusal(410, 'Expired', 'The resourceVersion for the provided watch is too old.');

function count(counts: Map<string, number>, what: string): number {
  const next = (counts.get(what) ?? 0) + 1;
  counts.set(what, next);
  return next;
}

function createCell() {
  const tries = new Map<string, number>();
  const accepted = new Map<string, number>();
  const streams = new Map<string, WatchStream>();
  const gone = new Set<string>();
  let trouble: Trouble = {};
  // an answer to what was sent before a reset is no news of the time after it
  let sent = new WeakSet<Passed>();
  const isSilent = (what: string) => trouble.silent?.some(kind => what === `GET ${kind}?watch`) ?? false;
  const fateOf = (request: Passed): Fate => {
    const { what } = request;
    sent.add(request);
    if (!what.startsWith('GET ')) {
      const nth = count(tries, what);
      return trouble.onWrite?.(what, nth) ?? 'passed';
    }
    if (!what.endsWith('?watch')) return 'passed';
    if (gone.delete(what)) return GONE;
    const onWatch = (stream: WatchStream) => {
      streams.set(what, stream);
      if (isSilent(what)) stream.hold();
    };
    return { onWatch };
  };
  const cell: Cell = {
    reset: next => {
      tries.clear();
      accepted.clear();
      sent = new WeakSet();
      trouble = next;
      for (const [what, stream] of streams) {
        if (isSilent(what)) stream.hold();
        else stream.release();
      }
    },
    tried: what => tries.get(what) ?? 0,
    accepted: what => accepted.get(what) ?? 0,
    streams: () => [...streams.values()],
    expire: () => {
      for (const what of streams.keys()) gone.add(what);
    },
  };
  const onAnswer = (request: Passed, code: number) => {
    if (code < 300 && sent.has(request)) count(accepted, request.what);
  };
  return { cell, fateOf, onAnswer };
}

/** Stands between a controller and the API server, and makes trouble for each namespace by itself. */
export async function startFaultyProxy(api: { readonly url: string; readonly caFile: string }, namespaces: readonly string[]) {
  const cells = new Map(namespaces.map(namespace => [namespace, createCell()]));
  const proxy = await startCountingProxy(api.url, api.caFile, {
    fateOf: request => cells.get(request.namespace)?.fateOf(request) ?? 'passed',
    onAnswer: (request, code) => cells.get(request.namespace)?.onAnswer(request, code),
  });
  return {
    url: proxy.url,
    cellOf: (namespace: string): Cell => {
      const made = cells.get(namespace);
      if (!made) throw new Error(`there is no cell ${namespace}`);
      return made.cell;
    },
    close: proxy.close,
  };
}
