import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { SystemError } from '../../src/controller/ports.ts';
import { ANSWER, approve, createRigs, detailOf, TOKEN } from './rig.ts';

const rigs = createRigs();
afterEach(rigs.close);
afterAll(rigs.closeShared);

const text = (more: object): string => JSON.stringify({ ...ANSWER, ...more });

describe('POST /api/v1/rollouts/{namespace}/{name}/approvals', () => {
  it('R19: says recorded, and by whom, once the desk has said so', async () => {
    const rig = await rigs.shared();
    const answer = await approve(rig, { body: text({ comment: 'looks good' }) });
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { decision: 'approved', by: 'alice', revision: '7c1f09d2', step: 2 },
    ]);
    expect(rig.given).toEqual([
      {
        key: 'weather/forecast',
        revision: '7c1f09d2',
        step: 2,
        decision: 'approved',
        comment: 'looks good',
        identity: 'user:alice',
        groups: ['release'],
        via: 'api',
        at: '2026-11-21T14:00:00.000Z',
      },
    ]);
    expect(rig.outcomes).toEqual(['api recorded']);
  });

  it('R19: passes on which moment of asking was seen', async () => {
    const rig = await rigs.shared();
    expect((await approve(rig, { body: text({ askedAt: '2026-11-21T14:02:11.120Z' }) })).status).toBe(200);
    expect(rig.given[0]?.askedAt).toBe('2026-11-21T14:02:11.120Z');
    const wrong = await approve(rig, { body: text({ askedAt: 'just now' }) });
    expect([wrong.status, await detailOf(wrong)]).toEqual([400, 'askedAt: expected a time such as 2026-11-21T14:03:10Z']);
  });

  it.each([
    [{ kind: 'refused', refusal: { kind: 'stale', reason: 'nobody was asked' } }, 409, 'nobody was asked', 'stale'],
    [{ kind: 'refused', refusal: { kind: 'repeated', reason: 'answered already' } }, 409, 'answered already', 'repeated'],
    [{ kind: 'refused', refusal: { kind: 'notAllowed', reason: 'is none of bob' } }, 403, 'is none of bob', 'notAllowed'],
    [{ kind: 'unknown' }, 404, 'there is no such Rollout', 'unknown'],
    [
      { kind: 'notStored', reason: 'time is over' },
      503,
      'the answer is not known to be recorded: time is over; look at the Rollout, or answer again: it counts once',
      'notStored',
    ],
  ] as const)('R19: says what does not count: %j', async (outcome, status, detail, label) => {
    const rig = await rigs.shared();
    rig.world.outcome = outcome;
    const answer = await approve(rig);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({ type: 'about:blank', status, detail });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, status === 503 ? '5' : null]);
    expect(rig.outcomes).toEqual([`api ${label}`]);
  });

  it('refuses whoever does not say who they are, and repeats no token', async () => {
    const rig = await rigs.shared();
    for (const authorization of ['', 'Bearer', 'Basic YTpi', 'Bearer not-known', 'Bearer a b', `${TOKEN}`, 'Bearer tökén']) {
      const answer = await approve(rig, { headers: { authorization } });
      expect({ authorization, status: answer.status }).toEqual({ authorization, status: 401 });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="sluice"');
      expect(await answer.text()).not.toContain('not-known');
    }
    expect(rig.given).toEqual([]);
    expect(rig.log.lines.join('\n')).not.toContain('not-known');
    expect(rig.outcomes).toEqual([
      'api unauthenticated',
      'api unauthenticated',
      'api unauthenticated',
      'api unauthenticated',
      'api unauthenticated',
      'api unauthenticated',
      'api unauthenticated',
    ]);
    expect((await approve(rig, { headers: { authorization: `bearer ${TOKEN}` } })).status).toBe(200);
  });

  it('refuses who has no right, whether there is such a Rollout or not', async () => {
    const rig = await rigs.shared();
    rig.world.outcome = { kind: 'unknown' };
    const answer = await approve(rig, { path: '/api/v1/rollouts/bank/forecast/approvals' });
    expect([answer.status, await detailOf(answer)]).toEqual([
      403,
      'alice may not approve rollouts.sluice.dev forecast in namespace bank',
    ]);
    expect(rig.given).toEqual([]);
    expect(rig.log.lines.at(-1)).toContain('"user":"alice","rollout":"bank/forecast","outcome":"forbidden"');
  });

  it.each([
    '/api/v1/rollouts/weather%2Fforecast/x/approvals',
    '/api/v1/rollouts/WEATHER/forecast/approvals',
    '/api/v1/rollouts/weather/%2e%2e%2f/approvals',
    '/api/v1/rollouts/weather/../weather/approvals',
    '/api/v1/rollouts/weather/a%00/approvals',
    '/api/v1/rollouts/weather/a..b/approvals',
    `/api/v1/rollouts/weather/${'a'.repeat(254)}/approvals`,
    '/api/v1/rollouts/weather/forecast/approvals/',
    '/api/v1/rollouts//forecast/approvals',
  ])('404 for what is no name: %s', async path => {
    const rig = await rigs.shared();
    expect((await approve(rig, { path })).status).toBe(404);
    expect(rig.given).toEqual([]);
  });

  it.each([
    [415, 'text', { headers: { 'content-type': 'text/plain' } }],
    [415, 'another charset', { headers: { 'content-type': 'application/json; charset=utf-16' } }],
    [415, 'two types', { headers: { 'content-type': 'application/json, application/json' } }],
    [415, 'compressed', { headers: { 'content-encoding': 'gzip' } }],
    [400, 'nothing', { body: '' }],
    [400, 'no JSON', { body: '{"decision":' }],
    [400, 'a byte order mark', { body: `\uFEFF${text({})}` }],
    [400, 'no UTF-8', { body: Buffer.from([0x7b, 0xff, 0x7d]) }],
    [400, 'a list', { body: `[${text({})}]` }],
    [400, 'null', { body: 'null' }],
    [400, 'another decision', { body: text({ decision: 'approved' }) }],
    [400, 'a step in a text', { body: text({ step: '2' }) }],
    [400, 'half a step', { body: text({ step: 2.5 }) }],
    [400, 'step 0', { body: text({ step: 0 }) }],
    [400, 'a huge step', { body: text({}).replace('"step":2', '"step":1e400') }],
    [400, 'no revision', { body: text({ revision: undefined }) }],
    [400, 'a revision of another form', { body: text({ revision: 'a b' }) }],
    [400, 'a field that is not known', { body: text({ force: true }) }],
    [400, 'a field twice', { body: text({}).replace('{', '{"decision":"reject",') }],
    [400, 'a field twice, once escaped', { body: text({}).replace('{', '{"\\u0064ecision":"reject",') }],
    [400, 'a prototype', { body: text({}).replace('{', '{"__proto__":{"step":3},') }],
    [400, 'a constructor', { body: text({}).replace('{', '{"constructor":1,') }],
    [400, 'a long comment', { body: text({ comment: 'x'.repeat(1_001) }) }],
    [400, 'deep', { body: `{"comment":${'['.repeat(50_000)}${']'.repeat(50_000)}}` }],
    [413, 'large', { body: text({ comment: 'x'.repeat(256 * 1024) }) }],
  ])('%i for a body that is not what is expected: %s', async (status, _, request) => {
    const rig = await rigs.shared();
    const answer = await approve(rig, request);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ type: 'about:blank', status });
    expect(rig.given).toEqual([]);
    expect(rig.outcomes).toEqual(['api invalid']);
  });

  it('takes texts with commas, quotes and braces', async () => {
    const rig = await rigs.shared();
    const comment = 'yes, "really", {"step":3} \\ ,';
    expect((await approve(rig, { body: text({ comment }) })).status).toBe(200);
    expect(rig.given[0]?.comment).toBe(comment);
  });

  it('405 for other methods', async () => {
    const rig = await rigs.shared();
    const answer = await fetch(`${rig.url}/api/v1/rollouts/weather/forecast/approvals`);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it.each([
    ['cannot be reached', new SystemError('kubernetes', 'creating tokenreviews', 'unavailable', 'it is away')],
    ['is slow', new DOMException('time is over', 'TimeoutError')],
  ])('503 when the API server %s', async (_, error) => {
    const access = { userOf: () => Promise.reject(error), may: async () => true };
    const rig = await rigs.start({}, { access });
    const answer = await approve(rig);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(rig.outcomes).toEqual(['api unavailable']);
  });

  it('tells nothing of an unexpected error', async () => {
    const answer = async (): Promise<never> => Promise.reject(new Error('the password is sesame'));
    const rig = await rigs.start({}, { answer });
    const response = await approve(rig);
    expect([response.status, await detailOf(response)]).toEqual([500, 'an unexpected error; the log has it']);
    expect(rig.outcomes).toEqual(['api failed']);
  });
});
