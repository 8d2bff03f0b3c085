import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonObject, KubeObject } from './json.ts';
import type { Selector } from './selectors.ts';
import { expired } from './status.ts';
import type { Change, Store } from './store.ts';

/** One watch request. */
export interface WatchRequest {
  readonly resource: string;
  readonly namespace: string;
  readonly selector: Selector;
  /** `undefined` or 0: begin with what exists. */
  readonly from: number | undefined;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
  /** The wire form of one object (version, Table). */
  readonly present: (object: KubeObject) => JsonObject;
  readonly bookmark: (revision: number) => JsonObject;
  /** While true nothing is sent; events are kept in the store's history. */
  readonly stalled: () => boolean;
}

const BOOKMARK_MS = 10_000;

/** What a change means to a watcher with this selector, or undefined when it concerns nobody. */
function eventType(change: Change, selector: Selector): string | undefined {
  const now = change.type !== 'DELETED' && selector(change.object);
  const before = change.previous !== undefined && selector(change.previous);
  if (now) return before ? 'MODIFIED' : 'ADDED';
  return before ? 'DELETED' : undefined;
}

/** Streams changes until the client leaves, the time is up or the history is lost. Throws 410 when the start is too old. */
export function serveWatch(store: Store, watch: WatchRequest, request: IncomingMessage, response: ServerResponse): void {
  let sent = watch.from || store.revision();
  if (sent < store.oldest()) throw expired(`too old resource version: ${sent} (${store.oldest()})`);
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  const send = (type: string, object: JsonObject) => void response.write(`${JSON.stringify({ type, object })}\n`);
  if (!watch.from)
    for (const object of store.list(watch.resource, watch.namespace))
      if (watch.selector(object)) send('ADDED', watch.present(object));

  const deliver = (change: Change) => {
    const concerned =
      change.resource === watch.resource && (!watch.namespace || change.object.metadata.namespace === watch.namespace);
    const type = concerned ? eventType(change, watch.selector) : undefined;
    if (type) send(type, watch.present(change.object));
  };
  const pump = () => {
    if (watch.stalled()) return;
    const changes = store.since(sent);
    if (changes === 'expired') {
      send('ERROR', expired(`too old resource version: ${sent} (${store.oldest()})`).body);
      end();
      return;
    }
    for (const change of changes) deliver(change);
    sent = Math.max(sent, changes.at(-1)?.revision ?? 0);
  };
  let scheduled = false;
  const unsubscribe = store.subscribe(() => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      pump();
    });
  });
  const tick = setInterval(() => {
    pump();
    if (watch.bookmarks && !watch.stalled() && !response.writableEnded) send('BOOKMARK', watch.bookmark(store.revision()));
  }, BOOKMARK_MS);
  const timer = setTimeout(() => {
    // a bookmark that runs ahead of a change would take it from the watcher
    pump();
    if (watch.bookmarks && !watch.stalled() && !response.writableEnded) send('BOOKMARK', watch.bookmark(store.revision()));
    end();
  }, watch.timeoutMs);
  const end = () => {
    unsubscribe();
    clearInterval(tick);
    clearTimeout(timer);
    if (!response.writableEnded) response.end();
  };
  // what happened between the version asked for and now; it may be the last thing that happens for long
  pump();
  request.on('close', end);
  response.on('close', end);
  response.on('error', end);
}
