import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { approve, createRigs, detailOf, type Rig, SIGNATURE } from './rig.ts';

const rigs = createRigs();
const servers: Server[] = [];
afterEach(async () => {
  await rigs.close();
  await Promise.all(
    servers.splice(0).map(server => {
      server.closeAllConnections();
      return new Promise(resolve => server.close(resolve));
    }),
  );
});

/** Two processes; the second one follows the first. */
const startPair = async (): Promise<{ readonly leader: Rig; readonly follower: Rig }> => {
  const leader = await rigs.start();
  const follower = await rigs.start();
  follower.world.leader = { kind: 'other', addresses: leader.server.reachedAt };
  return { leader, follower };
};

/** What takes the place of the leader and answers as the test wants. */
const startLeader = async (answer: (request: IncomingMessage) => void): Promise<string> => {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const press = ({ hooks }: Rig, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${hooks}/hooks/slack`, { method: 'POST', headers: { signature: SIGNATURE, ...headers }, body: 'payload=%7B%7D' });

describe('a process that follows', () => {
  it('R19: passes answers on to the one that leads, which looks at them by itself, and passes its answer back', async () => {
    const { leader, follower } = await startPair();
    const answer = await approve(follower);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { decision: 'approved', by: 'alice', revision: '7c1f09d2', step: 2 },
    ]);
    expect([leader.given.length, follower.given.length]).toEqual([1, 0]);
    expect([leader.world.reviews, follower.world.reviews]).toEqual([1, 1]);
    leader.world.outcome = { kind: 'refused', refusal: { kind: 'stale', reason: 'nobody was asked' } };
    const refused = await approve(follower);
    expect([refused.status, refused.headers.get('content-type')]).toEqual([409, 'application/problem+json']);
    expect(await detailOf(refused)).toBe('nobody was asked');
    expect(follower.outcomes).toEqual([]);
    expect(leader.outcomes).toEqual(['api recorded', 'api stale']);
  });

  it('passes hooks on with the bytes that were signed', async () => {
    const { leader, follower } = await startPair();
    expect((await press(follower)).status).toBe(200);
    await expect.poll(() => leader.told.length).toBe(1);
    expect(follower.told).toEqual([]);
    const options = { method: 'POST', headers: { signature: SIGNATURE } };
    expect((await fetch(`${follower.hooks}/hooks/git/fleet`, options)).status).toBe(202);
    expect([leader.woken, follower.woken]).toEqual([['fleet'], []]);
    const board = await fetch(`${follower.hooks}/hooks/approvals/change-board`, options);
    expect([board.status, leader.given.length]).toEqual([200, 2]);
  });

  it('does not trouble the leader with what proves nothing', async () => {
    let isAsked = false;
    const follower = await rigs.start();
    const api = await startLeader(() => {
      isAsked = true;
    });
    follower.world.leader = { kind: 'other', addresses: { api, hooks: api } };
    expect((await press(follower, { signature: 'forged' })).status).toBe(401);
    expect((await approve(follower, { headers: { authorization: 'Bearer forged' } })).status).toBe(401);
    expect(isAsked).toBe(false);
  });

  it('503 when no process leads, or nobody knows where, or it does not answer', async () => {
    const follower = await rigs.start();
    const gone = await rigs.start();
    await gone.server.close();
    for (const leader of [
      { kind: 'nobody' },
      { kind: 'other', addresses: {} },
      { kind: 'other', addresses: gone.server.reachedAt },
    ] as const) {
      follower.world.leader = leader;
      for (const answer of [await approve(follower), await press(follower)])
        expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    }
    expect(follower.given).toEqual([]);
    expect(follower.outcomes).toEqual(Array(3).fill(['api unavailable', 'slack unavailable']).flat());
  });

  it('passes nothing on twice: what was passed on meets a process that leads, or is refused', async () => {
    const one = await rigs.start();
    const two = await rigs.start();
    one.world.leader = { kind: 'other', addresses: two.server.reachedAt };
    two.world.leader = { kind: 'other', addresses: one.server.reachedAt };
    expect((await press(one)).status).toBe(503);
    expect((await approve(two)).status).toBe(503);
    expect((await press(one, { 'sluice-forwarded': '1' })).status).toBe(503);
    one.world.leader = { kind: 'self' };
    expect((await press(one, { 'sluice-forwarded': '1' })).status).toBe(200);
  });

  it('tells the leader who the caller is, and keeps connections', async () => {
    const seen: IncomingMessage[] = [];
    const ports = new Set<number | undefined>();
    const follower = await rigs.start();
    const hooks = await startLeader(request => {
      seen.push(request);
      ports.add(request.socket.remotePort);
      request.resume();
      const { method, url } = request;
      const response = JSON.stringify({ method, url });
      request.socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${response.length}\r\nset-cookie: a=b\r\n\r\n${response}`);
    });
    follower.world.leader = { kind: 'other', addresses: { hooks } };
    for (let count = 0; count < 3; count += 1) {
      const answer = await press(follower, { 'x-forwarded-for': '192.0.2.7', host: 'elsewhere' });
      expect([answer.headers.get('set-cookie'), await answer.json()]).toEqual([null, { method: 'POST', url: '/hooks/slack' }]);
    }
    expect(seen[0]?.headers).toMatchObject({ 'x-forwarded-for': '192.0.2.7, 127.0.0.1', 'sluice-forwarded': '1', host: hooks });
    expect(ports.size).toBe(1);
  });

  it('R35: says so in time for the chat when the leader hangs', async () => {
    const follower = await rigs.start();
    const hooks = await startLeader(() => {});
    follower.world.leader = { kind: 'other', addresses: { hooks } };
    const startedMs = performance.now();
    expect((await press(follower)).status).toBe(503);
    expect(performance.now() - startedMs).toBeGreaterThan(1_900);
  });
});
