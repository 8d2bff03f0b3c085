import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Slot } from './ports.ts';
import type { LoadSettings } from './programs/load.ts';
import type { LoadQuestion, LoadSummary, RequestRecord, TimeRange } from './programs/loadRecords.ts';
import { programOf } from './programs.ts';

export interface LoadOptions {
  /** Host header: the external name of a world. */
  readonly host: string;
  readonly ratePerSecond: number;
  /** Default: `/`. */
  readonly path?: string;
  /** Headers of the requests, one set after the other. Default: one empty set. */
  readonly headerSets?: readonly Readonly<Record<string, string>>[];
  /** Default: 10 s. */
  readonly timeoutMs?: number;
}

/** Requests at a steady rate through the gateway, sent by a process of its own whether or not answers come. */
export interface Load {
  /** Counts of the requests that were started in the range (wall clock) and are over. */
  readonly summary: (range?: TimeRange) => Promise<LoadSummary>;
  /** Requests without an answer or with a status of 500 and above. */
  readonly failures: (range?: TimeRange) => Promise<RequestRecord[]>;
  readonly records: (range?: TimeRange) => Promise<RequestRecord[]>;
  /** Sends no more, waits for the answers that are due, and returns the summary of all. Records can still be asked for until `close`. */
  readonly stop: () => Promise<LoadSummary>;
  readonly close: () => Promise<void>;
}

type Ask = <T>(kind: LoadQuestion['kind'], range?: TimeRange) => Promise<T>;

/** Questions and answers over the IPC channel. All open questions fail when the process ends. */
function createAsk(child: ChildProcess): Ask {
  const open = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  let last = 0;
  child.on('message', message => {
    const { id, answer } = message as { id: number; answer: unknown };
    open.get(id)?.resolve(answer);
    open.delete(id);
  });
  child.on('exit', () => {
    for (const { reject } of open.values()) reject(new Error('asking the load for its records: it has ended'));
    open.clear();
  });
  return <T>(kind: LoadQuestion['kind'], range: TimeRange = {}) =>
    new Promise<T>((resolve, reject) => {
      const id = ++last;
      open.set(id, { resolve: answer => resolve(answer as T), reject });
      child.send({ id, kind, range } satisfies LoadQuestion, error => {
        if (error) reject(error);
      });
    });
}

export function startLoad(slot: Slot, options: LoadOptions): Load {
  const settings: LoadSettings = {
    host: '127.0.0.1',
    port: slot.ports.gateway,
    authority: options.host,
    path: options.path ?? '/',
    ratePerSecond: options.ratePerSecond,
    headerSets: options.headerSets ?? [{}],
    timeoutMs: options.timeoutMs ?? 10_000,
  };
  const child = fork(programOf(slot.directory, 'load'), [JSON.stringify(settings)], { execArgv: ['--enable-source-maps'] });
  const ask = createAsk(child);
  return {
    summary: range => ask('summary', range),
    failures: range => ask('failures', range),
    records: range => ask('records', range),
    stop: async () => {
      // the process answers as often as asked; every answer tells how many requests are still on their way
      while ((await ask<{ inFlight: number }>('stop')).inFlight > 0) await new Promise(resolve => setTimeout(resolve, 20));
      return ask('summary');
    },
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}
