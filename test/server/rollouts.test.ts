import { afterEach, describe, expect, it } from 'vitest';
import type { Access } from '../../src/controller/channel-ports.ts';
import type { StoredRollout } from '../../src/controller/ports.ts';
import { ALICE, createRigs, TOKEN } from './rig.ts';

const rigs = createRigs();
afterEach(rigs.close);

const rollout = (namespace: string, name: string): StoredRollout => ({
  uid: `uid-${namespace}-${name}`,
  namespace,
  name,
  generation: 1,
  resourceVersion: '1',
  creationTimestamp: '2026-11-21T14:00:00Z',
  spec: { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50 }] } } },
  status: { phase: 'Healthy', reason: 'Promoted', message: 'v2 is stable', stableVersion: 'v2' },
});

const ALL = [rollout('weather', 'forecast'), rollout('bookinfo', 'reviews')];
const store = {
  keys: () => ALL.map(({ namespace, name }) => `${namespace}/${name}`),
  get: (key: string) => ALL.find(({ namespace, name }) => `${namespace}/${name}` === key),
};

/** Alice may get Rollouts in weather, and nothing else. */
const access: Access = {
  userOf: async token => (token === TOKEN ? ALICE : undefined),
  may: async (_, verb, { namespace }) => verb === 'get' && namespace === 'weather',
};

const get = (url: string, token?: string): Promise<Response> =>
  fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });

describe('GET /api/v1/rollouts', () => {
  it('holds what the caller may get, and nothing of other namespaces', async () => {
    const { url } = await rigs.start({}, { store, access });
    const answer = await get(`${url}/api/v1/rollouts`, TOKEN);
    const { items } = (await answer.json()) as { items: readonly { namespace: string; message: string }[] };
    expect(items.map(({ namespace, message }) => [namespace, message])).toEqual([['weather', 'v2 is stable']]);
  });

  it('answers 401 without a token that holds, 403 without the right whether there is one or not, 404 for those who may look', async () => {
    const { url } = await rigs.start({}, { store, access });
    const path = `${url}/api/v1/rollouts`;
    const statuses = [
      await get(path),
      await get(`${path}/weather/forecast`, 'another'),
      await get(`${path}/bookinfo/reviews`, TOKEN),
      await get(`${path}/bookinfo/none`, TOKEN),
      await get(`${path}/weather/none`, TOKEN),
      await get(`${path}/weather/forecast/history`, TOKEN),
    ].map(({ status }) => status);
    expect(statuses).toEqual([401, 401, 403, 403, 404, 200]);
  });

  it('needs no token where everybody may read', async () => {
    const { url } = await rigs.start({ anonymousRead: true }, { store, access });
    const answer = await get(`${url}/api/v1/rollouts/bookinfo/reviews`);
    expect([answer.status, await answer.json()]).toMatchObject([200, { name: 'reviews', status: { phase: 'Healthy' } }]);
  });
});

describe('the page of a Rollout', () => {
  it('comes without data, and may load nothing of elsewhere', async () => {
    const { url } = await rigs.start({}, { store, access });
    const page = await get(`${url}/rollouts/weather/forecast`);
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(await page.text()).not.toContain('forecast');
    const script = await get(`${url}/dashboard/rollout.js`);
    expect([script.status, script.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
    expect(await script.text()).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|eval/);
  });
});
