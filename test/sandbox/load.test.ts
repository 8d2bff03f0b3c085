import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { type Load, startLoad } from '../../src/sandbox/load.ts';
import { until } from './client.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const loadOf = async (listener: RequestListener, rate: number): Promise<Load> => {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const load = startLoad(
    `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    { host: 'forecast', path: '/' },
    rate,
  );
  closers.push(load.close, () => {
    server.closeAllConnections();
    server.close();
  });
  return load;
};

it('leaves at most some hundred requests without an answer, and goes on when answers come', async () => {
  const open = new Set<ServerResponse>();
  let most = 0;
  const load = await loadOf((_, response) => {
    open.add(response);
    most = Math.max(most, open.size);
    response.on('close', () => open.delete(response));
  }, 5_000);
  await until(() => open.size === 500 || undefined, 'as many requests as there may be');
  for (let round = 1; round <= 3; round += 1) {
    for (const response of open) response.end();
    await until(() => (load.stats().requests >= round * 500 && open.size === 500) || undefined, `round ${round}`);
  }
  expect(most).toBe(500);
});

it('sends a request again whose connection the other side closes as idle, and tells of those that broke', async () => {
  const used = new Map<Socket, number>();
  const load = await loadOf(({ socket, url }, response) => {
    used.set(socket, (used.get(socket) ?? 0) + 1);
    if (url === '/broken' || used.get(socket) === 2) socket.destroy();
    else response.end();
  }, 200);
  await until(() => load.stats().requests >= 50 || undefined, 'requests');
  expect([...used.values()].filter(times => times === 2).length).toBeGreaterThan(10);
  expect(load.stats().failed).toBe(0);
  load.setTarget({ path: '/broken' });
  await until(() => load.stats().failed >= 10 || undefined, 'failures');
  expect(load.stats().statuses['broken']).toBe(load.stats().failed);
});
