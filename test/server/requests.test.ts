import { afterEach, describe, expect, it } from 'vitest';
import { createRigs, detailOf, TOKEN } from './rig.ts';

const rigs = createRigs();
afterEach(rigs.close);

const PROMOTE = { revision: '7c1f09d2', step: 2 };

const send = (url: string, verb: string, body: unknown, more: { headers?: Record<string, string>; place?: string } = {}) =>
  fetch(`${url}/api/v1/rollouts/${more.place ?? 'weather/forecast'}/${verb}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...more.headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('POST /api/v1/rollouts/{namespace}/{name}/{verb}', () => {
  it('R22: carries out what the user of the token asks, and says what became of it', async () => {
    const { url, wished, outcomes } = await rigs.start();
    const answer = await send(url, 'promote', { ...PROMOTE, startedAt: '2026-11-21T14:00:00.120Z', reason: 'looks good' });
    expect([answer.status, answer.headers.get('cache-control'), await answer.json()]).toEqual([
      200,
      'no-store',
      { outcome: 'accepted: paused' },
    ]);
    expect((await send(url, 'abort', { force: true })).status).toBe(200);
    expect((await send(url, 'pause', '{ }')).status).toBe(200);
    expect(wished).toEqual([
      {
        key: 'weather/forecast',
        verb: 'promote',
        ...PROMOTE,
        startedAt: '2026-11-21T14:00:00.120Z',
        reason: 'looks good',
        by: 'alice',
      },
      { key: 'weather/forecast', verb: 'abort', force: true, by: 'alice' },
      { key: 'weather/forecast', verb: 'pause', by: 'alice' },
    ]);
    expect(outcomes).toEqual(['promote recorded', 'abort recorded', 'pause recorded']);
  });

  it.each([
    ['a revision that is none', 'promote', { ...PROMOTE, revision: 7 }, 400, 'revision: expected a text'],
    ['a step in quotes', 'promote', { ...PROMOTE, step: '2' }, 400, 'step: expected the number of a step'],
    ['a name of their own', 'pause', { by: 'bob' }, 400, 'the body: has a field that is not known'],
    ['force where nothing is forced', 'pause', { force: true }, 400, 'the body: has a field that is not known'],
    ['a field twice', 'abort', '{"reason":"a","reason":"b"}', 400, 'the body: has a field twice, or one that is not known'],
    ['nothing', 'abort', '', 400, 'the body is no JSON'],
    ['a list', 'abort', [], 400, 'the body: expected an object'],
    [
      'a time that is none',
      'promote',
      { ...PROMOTE, startedAt: 'soon' },
      400,
      'startedAt: expected a time such as 2026-11-21T14:03:10Z',
    ],
    ['a long reason', 'abort', { reason: 'x'.repeat(1_001) }, 400, 'reason: expected at most 1000 characters'],
  ])('refuses %s', async (_, verb, body, status, detail) => {
    const { url, wished, outcomes } = await rigs.start();
    const answer = await send(url, verb, body);
    expect([answer.status, await detailOf(answer)]).toEqual([status, detail]);
    expect([wished, outcomes]).toEqual([[], [`${verb} invalid`]]);
  });

  it('takes JSON only, which no page of elsewhere can send unasked, and a token in its header only', async () => {
    const { url, wished } = await rigs.start();
    const statuses = [
      await send(url, 'abort', '{}', { headers: { 'content-type': 'text/plain' } }),
      await send(url, 'abort', '{}', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
      await send(url, 'abort', '{}', { headers: { authorization: '', cookie: `token=${TOKEN}` } }),
      await send(url, 'abort', '{}', { headers: { authorization: 'Bearer another' } }),
      await send(url, 'abort', '{}', { place: 'bookinfo/reviews' }),
      await send(url, 'abort', '{}', { place: 'WEATHER/forecast' }),
      await send(url, 'delete', '{}'),
      await fetch(`${url}/api/v1/rollouts/weather/forecast/abort`, { headers: { authorization: `Bearer ${TOKEN}` } }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([415, 415, 401, 401, 403, 404, 404, 405]);
    expect(wished).toEqual([]);
  });

  it('also where everybody may read, nobody changes anything without a token', async () => {
    const { url, wished } = await rigs.start({ anonymousRead: true });
    expect((await send(url, 'abort', '{}', { headers: { authorization: '' } })).status).toBe(401);
    expect(wished).toEqual([]);
  });

  it.each([
    [{ kind: 'refused', reason: 'the first step has not begun' }, 409, 'the first step has not begun', 'stale'],
    [{ kind: 'unknown' }, 404, 'there is no such Rollout', 'unknown'],
    [
      { kind: 'notStored', reason: 'nobody has acted on it within 10 s' },
      503,
      'the request is not known to be carried out: nobody has acted on it within 10 s; look at the Rollout first',
      'notStored',
    ],
  ] as const)('R22: says what was not carried out: %j', async (outcome, status, detail, label) => {
    const { url, world, outcomes } = await rigs.start();
    world.wishOutcome = outcome;
    const answer = await send(url, 'abort', '{}');
    expect([answer.status, await detailOf(answer), outcomes]).toEqual([status, detail, [`abort ${label}`]]);
  });

  it('R31: a process that follows passes it on to the one that leads', async () => {
    const [leader, follower] = [await rigs.start(), await rigs.start()];
    follower.world.leader = { kind: 'other', addresses: leader.server.reachedAt };
    const answer = await send(follower.url, 'promote', PROMOTE);
    expect([answer.status, await answer.json()]).toEqual([200, { outcome: 'accepted: paused' }]);
    expect([leader.wished.length, follower.wished.length]).toEqual([1, 0]);
    follower.world.leader = { kind: 'nobody' };
    expect((await send(follower.url, 'promote', PROMOTE)).status).toBe(503);
  });
});
