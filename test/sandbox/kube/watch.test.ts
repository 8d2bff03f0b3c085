import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createStore } from '../../../src/sandbox/kube/store.ts';
import { serveWatch } from '../../../src/sandbox/kube/watch.ts';

it('the bookmark at the end of a watch comes after every change before it, also after a time in which nothing was sent', async () => {
  const store = createStore();
  let isStalled = true;
  const server = createServer((request, response) => {
    const watch = {
      resource: 'maps',
      namespace: '',
      selector: () => true,
      from: store.revision(),
      bookmarks: true,
      timeoutMs: 100,
    };
    const present = { present: (object: object) => ({ ...object }), bookmark: (revision: number) => ({ revision }) };
    serveWatch(store, { ...watch, ...present, stalled: () => isStalled }, request, response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  store.put('maps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } });
  await nextTurn();
  isStalled = false;
  const events = (await answer.text()).trim().split('\n');
  expect(events.map(line => JSON.parse(line).type)).toEqual(['ADDED', 'BOOKMARK']);
  await new Promise(resolve => server.close(resolve));
});

it('a watch from an older version tells at once what has happened since, also when nothing happens any more', async () => {
  const store = createStore();
  const from = store.revision();
  store.put('maps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } });
  const server = createServer((request, response) => {
    const watch = { resource: 'maps', namespace: '', selector: () => true, from, bookmarks: false, timeoutMs: 60_000 };
    const present = { present: (object: object) => ({ ...object }), bookmark: (revision: number) => ({ revision }) };
    serveWatch(store, { ...watch, ...present, stalled: () => false }, request, response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const leaving = new AbortController();
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { signal: leaving.signal });
  const { value } = (await answer.body?.getReader().read()) ?? {};
  expect(JSON.parse(new TextDecoder().decode(value)).type).toBe('ADDED');
  leaving.abort();
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
}, 5_000);
