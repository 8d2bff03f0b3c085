import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createRigs } from './rig.ts';

const rigs = createRigs();
const open: Socket[] = [];
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await rigs.close();
});

/** Sends this, and goes on holding the connection; resolves at the first answer, or once it is open when none is due. */
const hold = (url: string, text: string, { from = '127.0.0.1', isAnswered = true } = {}): Promise<Socket> =>
  new Promise(resolve => {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), localAddress: from });
    open.push(socket);
    socket.on('error', () => {});
    socket.once('close', () => resolve(socket));
    socket.once(isAnswered ? 'data' : 'connect', () => resolve(socket));
    if (text !== '') socket.write(text);
  });

const holdMany = async (count: number, ...[url, text, options]: Parameters<typeof hold>): Promise<Socket[]> => {
  const held: Socket[] = [];
  while (held.length < count) held.push(...(await Promise.all(Array.from({ length: 50 }, () => hold(url, text, options)))));
  return held;
};

const GET = 'GET /healthz HTTP/1.1\r\nHost: sluice\r\n\r\n';
/** Once the server has the request in hand, it asks for the body. */
const STALLED = 'POST /hooks/slack HTTP/1.1\r\nHost: sluice\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n';

const isAlive = async (url: string): Promise<boolean> => {
  const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) });
  return answer.ok;
};
const openOf = (sockets: readonly Socket[]): number => sockets.filter(({ readyState }) => readyState === 'open').length;

describe('connections', () => {
  it('that one address keeps without a request in hand keep nobody out, and are at most 250', async () => {
    const { url } = await rigs.start();
    const idle = await holdMany(1_000, url, GET);
    expect(await isAlive(url)).toBe(true);
    await expect.poll(() => openOf(idle)).toBeLessThanOrEqual(250);
  });

  it('that never send anything make room for those that do', async () => {
    const { url } = await rigs.start();
    await holdMany(300, url, '', { isAnswered: false });
    expect(await isAlive(url)).toBe(true);
  });

  it('of trusted proxies may be more; idle ones are closed before nobody else is let in', async () => {
    const { url } = await rigs.start({ trustedProxies: ['127.0.0.0/8'] });
    const idle = await holdMany(700, url, GET);
    expect(openOf(idle)).toBe(700);
    idle.push(...(await holdMany(300, url, GET)));
    expect(await isAlive(url)).toBe(true);
    expect(openOf(idle)).toBeLessThan(750);
  });

  it('with a request in hand are not closed for new ones, which are for other addresses then', async () => {
    const rig = await rigs.start();
    const stalled = await holdMany(250, rig.hooks, STALLED);
    const refused = await hold(rig.hooks, GET);
    await expect.poll(() => refused.readyState).not.toBe('open');
    const other = await hold(rig.hooks, GET, { from: '127.0.0.2' });
    expect(openOf([...stalled, other])).toBe(251);
  });
});
