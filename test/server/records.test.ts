import { afterEach, describe, expect, it } from 'vitest';
import { SystemError } from '../../src/controller/ports.ts';
import type { RecordReader } from '../../src/controller/view-ports.ts';
import { type EvidenceRecord, encodeRecord } from '../../src/rollout/index.ts';
import { asked } from '../rollout/asked.ts';
import { ALICE, createRigs, createRollouts, detailOf, TOKEN } from './rig.ts';

const rigs = createRigs();
afterEach(rigs.close);

const DIGEST = 'a'.repeat(64);

const start = async (records: RecordReader, anonymousRead = false) => {
  const world = asked();
  const { newest } = createRollouts([{ ...world.rollout(), resourceVersion: '1', creationTimestamp: '' }]);
  const { url } = await rigs.start(
    { anonymousRead },
    {
      newest,
      records,
      access: { userOf: async token => (token === TOKEN ? ALICE : undefined), may: async (_, verb) => verb === 'get' },
    },
  );
  const get = (path = '', token: string | undefined = TOKEN): Promise<Response> =>
    fetch(`${url}/api/v1/rollouts/weather/forecast/records${path}`, {
      headers: token === '' ? {} : { authorization: `Bearer ${token}` },
    });
  return { world, get };
};

const recordText = (): string => {
  const world = asked();
  const [rollout, observation] = [world.rollout(), world.observe()];
  const record = {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'EvidenceRecord',
    format: 1,
    controller: '0.1.0',
    at: '2026-11-21T14:03:10.000Z',
    action: 'paused',
    rollout,
    observation,
    decision: { status: rollout.status ?? expect.unreachable('a status'), actions: [] },
  } satisfies EvidenceRecord;
  return encodeRecord(record);
};

describe('GET /api/v1/rollouts/{namespace}/{name}/records', () => {
  it('R37: lists the decisions, and gives the record behind each, read with the token of the caller', async () => {
    const text = recordText();
    const tokens: string[] = [];
    const { get, world } = await start({
      read: async token => {
        tokens.push(token);
        const named = { attempt: 1, name: '20261121T140310000Z-paused' };
        return [
          { ...named, digest: DIGEST, text },
          { ...named, digest: 'b'.repeat(64), text: '{"kind":"EvidenceRecord"}' },
          { ...named, digest: 'c'.repeat(64), text: text.replace(/"gates":\[/g, '"gates":[null,') },
        ];
      },
    });
    const list = await get();
    expect([list.status, list.headers.get('cache-control')]).toEqual([200, 'no-store']);
    const { items } = (await list.json()) as { items: readonly object[] };
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({
      digest: DIGEST,
      attempt: 1,
      name: '20261121T140310000Z-paused',
      at: '2026-11-21T14:03:10.000Z',
      action: 'paused',
      phase: 'AwaitingApproval',
      step: 1,
      weight: 20,
      message: world.status?.message,
    });
    const one = await get(`/${DIGEST}`);
    expect([one.status, one.headers.get('content-type'), await one.text()]).toEqual([200, 'application/json', text]);
    expect((await get(`/${'d'.repeat(64)}`)).status).toBe(404);
    expect(tokens).toEqual([TOKEN, TOKEN, TOKEN]);
  });

  it('needs a token, also where everybody may read', async () => {
    const { get } = await start({ read: async () => expect.unreachable('nobody asked') }, true);
    expect((await get('', '')).status).toBe(401);
    expect((await get('', 'another')).status).toBe(401);
  });

  it.each([
    [
      'refused',
      403,
      'alice may not list configmaps in namespace weather, where the records are kept; a Role with this right is needed',
    ],
    ['unavailable', 503, 'the API server does not give the records; try again'],
  ] as const)('says why there are none: %s', async (kind, status, detail) => {
    const { get } = await start({
      read: async () => {
        throw new SystemError('kubernetes', 'listing configmaps', kind, 'the reason of the API server');
      },
    });
    const answer = await get();
    expect([answer.status, await detailOf(answer)]).toEqual([status, detail]);
  });
});
