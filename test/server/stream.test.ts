import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Access } from '../../src/controller/channel-ports.ts';
import type { StoredRollout } from '../../src/controller/ports.ts';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import type { StreamLimits } from '../../src/server/stream/streams.ts';
import { readEvents } from './events.ts';
import { ALICE, createRigs, createRollouts, TOKEN } from './rig.ts';

const rigs = createRigs();
afterEach(rigs.close);

const rollout = (namespace: string, name: string, status: Partial<RolloutStatus> = {}): StoredRollout => ({
  uid: `uid-${namespace}-${name}`,
  namespace,
  name,
  generation: 1,
  resourceVersion: '1',
  creationTimestamp: '2026-11-21T14:00:00Z',
  spec: { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50 }] } } },
  status: { phase: 'Healthy', reason: 'Promoted', message: 'v2 is stable', stableVersion: 'v2', ...status },
});

/** What Alice may do, as `verb namespace`; `get *`: everywhere. */
const rightsIn = (rights: Set<string>): Access => ({
  userOf: async token => (token === TOKEN && rights.has('token') ? ALICE : undefined),
  may: async (_, verb, { namespace }) => rights.has(`${verb} ${namespace}`) || rights.has(`${verb} *`),
});

const start = async ({
  rights = ['token', 'get *'],
  streams = {},
  anonymousRead = false,
}: {
  readonly rights?: readonly string[];
  readonly streams?: StreamLimits;
  readonly anonymousRead?: boolean;
} = {}) => {
  const rollouts = createRollouts([rollout('weather', 'forecast'), rollout('bookinfo', 'reviews')]);
  const held = new Set(rights);
  const rig = await rigs.start({ streams, anonymousRead }, { newest: rollouts.newest, access: rightsIn(held) });
  const watch = (query = '', token = TOKEN): Promise<Response> =>
    fetch(`${rig.url}/api/v1/stream${query}`, { headers: { authorization: `Bearer ${token}` } });
  return { ...rig, rollouts, rights: held, watch, events: async (query?: string) => readEvents(await watch(query)) };
};

const ONE = '?namespace=weather&name=forecast';

describe('GET /api/v1/stream', () => {
  it('begins with all that the caller may read, then tells what is different, and what is gone', async () => {
    const { rollouts, events, watch } = await start();
    const { next } = await events();
    expect(await next()).toMatchObject({ event: 'lines', data: { items: [{ name: 'forecast' }, { name: 'reviews' }] } });
    // the same once more is no news
    rollouts.put(rollout('weather', 'forecast'));
    rollouts.put(rollout('bookinfo', 'reviews', { phase: 'Paused', reason: 'PausedByPerson', message: 'paused by alice' }));
    expect(await next()).toMatchObject({ event: 'line', data: { name: 'reviews', attention: 'asks', title: 'paused' } });
    rollouts.remove('weather/forecast');
    expect(await next()).toEqual({ event: 'gone', data: { namespace: 'weather', name: 'forecast' } });
    expect((await watch()).headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  });

  it('sends nothing of other namespaces, and takes in new ones that the caller may read', async () => {
    const { rollouts, rights, events } = await start({ rights: ['token', 'get weather'] });
    const { next } = await events();
    expect(await next()).toMatchObject({ data: { items: [{ namespace: 'weather' }] } });
    rights.add('get shop');
    rollouts.put(rollout('bookinfo', 'reviews', { message: 'secret' }));
    rollouts.put(rollout('shop', 'cart'));
    expect(await next()).toMatchObject({
      event: 'lines',
      data: { items: [{ namespace: 'weather' }, { namespace: 'shop' }] },
    });
    rollouts.put(rollout('shop', 'cart', { message: 'another' }));
    expect(await next()).toMatchObject({ event: 'line', data: { message: 'another' } });
  });

  it('of one Rollout: what GET answers, at once and at each change, and each new point of its timeline', async () => {
    const { rollouts, events, url } = await start({ rights: ['token', 'get *', 'update weather'] });
    const { next } = await events(ONE);
    const got = await fetch(`${url}/api/v1/rollouts/weather/forecast`, { headers: { authorization: `Bearer ${TOKEN}` } });
    const first = await next();
    expect(first).toEqual({ event: 'rollout', data: await got.json() });
    expect(first).toMatchObject({ data: { may: { update: true, approve: false }, links: [], view: { title: 'promoted' } } });
    rollouts.put(rollout('weather', 'forecast', { phase: 'Progressing', reason: 'StepEntered', message: 'step 1/1 at 50%' }));
    expect(await next()).toMatchObject({ event: 'point', data: { phase: 'Progressing', version: 'v2' } });
    expect(await next()).toMatchObject({ event: 'rollout', data: { view: { message: 'step 1/1 at 50%' } } });
    rollouts.remove('weather/forecast');
    expect(await next()).toEqual({ event: 'gone', data: { namespace: 'weather', name: 'forecast' } });
  });

  it('answers 401 without a token that holds, 403 without the right, 404 for what is not there, and nothing to HEAD', async () => {
    const { watch, url } = await start({ rights: ['token', 'get weather'] });
    const statuses = [
      (await fetch(`${url}/api/v1/stream`)).status,
      (await watch('', 'another')).status,
      (await watch('?namespace=bookinfo&name=reviews')).status,
      (await watch('?namespace=weather&name=none')).status,
      (await watch('?namespace=weather')).status,
      (await watch('?namespace=..%2F&name=x')).status,
    ];
    expect(statuses).toEqual([401, 401, 403, 404, 404, 404]);
    const head = await fetch(`${url}/api/v1/stream`, { method: 'HEAD', headers: { authorization: `Bearer ${TOKEN}` } });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('ends when the token is not valid any more, or the right is gone', async () => {
    const streams = { lookMs: 10, checkMs: 10 };
    const { rights, events } = await start({ rights: ['token', 'get *'], streams });
    const [list, one] = [await events(), await events(ONE)];
    await Promise.all([list.next(), one.next()]);
    rights.delete('get *');
    expect(await one.next()).toBeUndefined();
    expect(await list.next()).toMatchObject({ event: 'lines', data: { items: [] } });
    rights.delete('token');
    expect(await list.next()).toBeUndefined();
  });

  it('tells a viewer of one Rollout when they may do something else', async () => {
    const { rights, events } = await start({ streams: { lookMs: 10, checkMs: 10 } });
    const { next } = await events(ONE);
    expect(await next()).toMatchObject({ data: { may: { update: false } } });
    rights.add('update weather');
    expect(await next()).toMatchObject({ event: 'rollout', data: { may: { update: true } } });
  });

  it('goes on when somebody has written a status that nobody can read', async () => {
    const { rollouts, events, url } = await start();
    const [list, one] = [await events(), await events(ONE)];
    await Promise.all([list.next(), one.next()]);
    const odd = { gates: 'none', step: {}, plan: {}, approvals: {} } as unknown as Partial<RolloutStatus>;
    rollouts.put(rollout('weather', 'forecast', odd));
    expect(await list.next()).toMatchObject({ data: { name: 'forecast', title: 'cannot be shown', attention: 'broken' } });
    const listed = await fetch(`${url}/api/v1/rollouts`, { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(await listed.json()).toMatchObject({ items: [{ title: 'cannot be shown' }, { title: 'promoted' }] });
    expect(await one.next()).toMatchObject({
      event: 'rollout',
      data: { view: { message: 'its status is not as Sluice writes it' } },
    });
    rollouts.put(rollout('weather', 'forecast', { message: 'mended' }));
    expect(await one.next()).toMatchObject({ event: 'point' });
    expect(await one.next()).toMatchObject({ event: 'rollout', data: { view: { message: 'mended' } } });
  });

  it('says that it is still there, and lets in only so many', async () => {
    const { events, watch } = await start({ streams: { lookMs: 10, idleMs: 10, mostViewers: 1 } });
    const first = await events();
    await first.next();
    expect(await first.next()).toEqual({});
    const more = await watch();
    expect([more.status, more.headers.get('retry-after')]).toEqual([503, '5']);
    const { watch: again } = await start({ streams: { mostOfUser: 1 } });
    expect([(await again()).status, (await again()).status]).toEqual([200, 429]);
    await first.cancel();
    while ((await watch()).status !== 200) await delay(5);
    const { url } = await start({ streams: { mostOfUser: 1 }, anonymousRead: true });
    const anonymous = (): Promise<Response> => fetch(`${url}/api/v1/stream`);
    expect([(await anonymous()).status, (await anonymous()).status]).toEqual([200, 429]);
  });

  it('ends at once when the process does, and others are refused', async () => {
    const { server, events, watch } = await start();
    const { next } = await events();
    await next();
    server.endStreams();
    expect(await next()).toBeUndefined();
    expect((await watch()).status).toBe(503);
  });

  it('gives a place back when its viewer leaves before the first event, or waits behind another one', async () => {
    const { newest } = createRollouts([rollout('weather', 'forecast')]);
    let asks = 0;
    let answer = (): void => {};
    const answered = new Promise<void>(resolve => {
      answer = resolve;
    });
    const may = async (): Promise<boolean> => {
      asks += 1;
      await answered;
      return true;
    };
    const streams = { mostViewers: 2, lookMs: 10 };
    const { url, server } = await rigs.start({ streams }, { newest, access: { userOf: async () => ALICE, may } });
    const [host = '', port] = server.address.split(':');
    const request = `GET /api/v1/stream HTTP/1.1\r\nhost: sluice\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`;
    const early = connect(Number(port), host);
    early.write(request);
    while (asks < 1) await delay(5);
    early.destroy();
    await delay(20);
    answer();
    const twice = connect(Number(port), host);
    twice.write(request + request);
    await once(twice, 'readable');
    await delay(50);
    twice.destroy();
    const watch = async (): Promise<number> =>
      (await fetch(`${url}/api/v1/stream`, { headers: { authorization: `Bearer ${TOKEN}` } })).status;
    await delay(50);
    expect([await watch(), await watch()]).toEqual([200, 200]);
  });

  it('sends a reader that did not read for a while the newest state only', async () => {
    const { rollouts, server } = await start();
    const [host = '', port] = server.address.split(':');
    const socket = connect(Number(port), host);
    socket.write(`GET /api/v1/stream HTTP/1.1\r\nhost: sluice\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`);
    await once(socket, 'readable');
    const large = 'x'.repeat(2_000_000);
    for (let round = 0; round < 12; round += 1) {
      rollouts.put(rollout('weather', 'forecast', { message: `round ${round} ${large}` }));
      await delay(25);
    }
    const rounds: number[] = [];
    for await (const chunk of socket) {
      for (const [, round] of String(chunk).matchAll(/round (\d+)/g)) rounds.push(Number(round));
      if (rounds.at(-1) === 11) break;
    }
    expect(rounds.length).toBeLessThan(12);
    expect(rounds).toEqual([...rounds].sort((one, other) => one - other));
  });
});
