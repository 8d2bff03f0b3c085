import { afterEach, describe, expect, it } from 'vitest';
import type { Access } from '../../src/controller/channel-ports.ts';
import type { StoredRollout } from '../../src/controller/ports.ts';
import { ALICE, createRigs, createRollouts, TOKEN } from './rig.ts';

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
const newest = createRollouts(ALL).newest;

/** Alice may get Rollouts in weather, and nothing else. */
const access: Access = {
  userOf: async token => (token === TOKEN ? ALICE : undefined),
  may: async (_, verb, { namespace }) => verb === 'get' && namespace === 'weather',
};

const get = (url: string, token?: string): Promise<Response> =>
  fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });

describe('GET /api/v1/rollouts', () => {
  it('holds what the caller may get, and nothing of other namespaces', async () => {
    const { url } = await rigs.start({}, { newest, access });
    const answer = await get(`${url}/api/v1/rollouts`, TOKEN);
    const { items } = (await answer.json()) as { items: readonly { namespace: string; message: string }[] };
    expect(items.map(({ namespace, message }) => [namespace, message])).toEqual([['weather', 'v2 is stable']]);
  });

  it('answers 401 without a token that holds, 403 without the right whether there is one or not, 404 for those who may look', async () => {
    const { url } = await rigs.start({}, { newest, access });
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
    const { url } = await rigs.start({ anonymousRead: true }, { newest, access });
    const answer = await get(`${url}/api/v1/rollouts/bookinfo/reviews`);
    expect([answer.status, await answer.json()]).toMatchObject([200, { name: 'reviews', status: { phase: 'Healthy' } }]);
  });
});

describe('GET /api/v1/rollouts as a list', () => {
  it('is that of a namespace or a phase, if one is named', async () => {
    const { url } = await rigs.start({ anonymousRead: true }, { newest });
    const named = async (query: string): Promise<readonly string[]> => {
      const { items } = (await (await get(`${url}/api/v1/rollouts?${query}`)).json()) as { items: readonly { name: string }[] };
      return items.map(({ name }) => name);
    };
    expect(await named('namespace=bookinfo')).toEqual(['reviews']);
    expect(await named('phase=Healthy')).toEqual(['forecast', 'reviews']);
    expect(await named('phase=Paused')).toEqual([]);
  });

  it('comes as gzip where it is long and somebody takes that', async () => {
    const many = Array.from({ length: 200 }, (_, index) => rollout('weather', `rollout-${index}`));
    const { url } = await rigs.start({ anonymousRead: true }, { newest: createRollouts(many).newest });
    const encodings = ['gzip', 'br, gzip;q=0.5', 'gzip;q=0', 'identity'].map(async encoding => {
      const answer = await fetch(`${url}/api/v1/rollouts`, { headers: { 'accept-encoding': encoding } });
      const { items } = (await answer.json()) as { items: readonly object[] };
      return [answer.headers.get('content-encoding'), items.length];
    });
    expect(await Promise.all(encodings)).toEqual([
      ['gzip', 200],
      ['gzip', 200],
      [null, 200],
      [null, 200],
    ]);
  });
});

describe('GET /api/v1/rollouts/{namespace}/{name}', () => {
  it('has what people see of it, where they look further, and what the caller may do', async () => {
    const links = [{ title: 'dashboard', url: 'https://sluice.example.com/rollouts/weather/forecast' }];
    const { url } = await rigs.start({}, { newest, access, linksOf: () => links, askOf: () => 'Half of all users?' });
    expect(await (await get(`${url}/api/v1/rollouts/weather/forecast`, TOKEN)).json()).toMatchObject({
      uid: 'uid-weather-forecast',
      status: { phase: 'Healthy' },
      view: { title: 'promoted', attention: 'fine', versions: { wanted: 'v2', stable: 'v2' } },
      links,
      ask: 'Half of all users?',
      may: { update: false, approve: false },
    });
  });

  it('has its timeline and its mesh objects beside it', async () => {
    const objects = [{ kind: 'VirtualService', namespace: 'weather', name: 'forecast', now: {}, later: [] }] as const;
    const rollouts = createRollouts(ALL);
    for (const one of ALL) rollouts.put(one);
    const { url } = await rigs.start({}, { newest: rollouts.newest, access, mesh: { preview: () => ({ objects }) } });
    expect(await (await get(`${url}/api/v1/rollouts/weather/forecast/mesh`, TOKEN)).json()).toEqual({ objects });
    expect(await (await get(`${url}/api/v1/rollouts/weather/forecast/timeline`, TOKEN)).json()).toEqual({
      since: '2026-11-21T14:00:00.000Z',
      points: [{ at: '2026-11-21T14:00:00.000Z', phase: 'Healthy', version: 'v2', weight: 100, gates: [] }],
    });
  });

  it('works out mesh objects once for all who wait, one Rollout after the other, with rests between', async () => {
    const all = ['forecast', 'reviews'].map(name => rollout('weather', name));
    const spans: { readonly from: number; readonly to: number; readonly name: string }[] = [];
    const preview = ({ name }: StoredRollout) => {
      const from = performance.now();
      while (performance.now() - from < 20);
      spans.push({ from, to: performance.now(), name });
      return { objects: [] };
    };
    const { url } = await rigs.start({}, { newest: createRollouts(all).newest, access, mesh: { preview } });
    const asked = Array.from({ length: 20 }, (_, at) => `${url}/api/v1/rollouts/weather/${all[at % 2]?.name}/mesh`);
    const answers = await Promise.all(asked.map(path => get(path, TOKEN)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(spans.length).toBeLessThanOrEqual(4);
    for (const [at, { from }] of spans.slice(1).entries()) expect(from - (spans[at]?.to ?? 0)).toBeGreaterThanOrEqual(70);
  });
});

describe('GET /api/v1/self', () => {
  const self = async (url: string, token?: string): Promise<unknown> => {
    const answer = await get(`${url}/api/v1/self`, token);
    return answer.status === 200 ? await answer.json() : answer.status;
  };

  it('says who the caller is, and whether everything stands still', async () => {
    const freeze = { by: 'bob', since: '2026-11-21T14:00:00Z', reason: 'exam' };
    const { url } = await rigs.start({}, { newest, access, freeze: () => freeze });
    expect(await self(url, TOKEN)).toEqual({ version: '0.0.0-test', user: 'alice', anonymousRead: false, freeze });
    expect([await self(url), await self(url, 'another')]).toEqual([401, 401]);
  });

  it('knows nobody where nobody has to say who they are, but those who do', async () => {
    const { url } = await rigs.start({ anonymousRead: true }, { newest, access });
    expect(await self(url)).toEqual({ version: '0.0.0-test', anonymousRead: true });
    expect(await self(url, TOKEN)).toMatchObject({ user: 'alice' });
    expect(await self(url, 'another')).toBe(401);
  });
});

describe('the page of a Rollout', () => {
  it('comes without data, and may load nothing of elsewhere', async () => {
    const { url } = await rigs.start({}, { newest, access });
    const page = await get(`${url}/rollouts/weather/forecast`);
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(await page.text()).not.toContain('forecast');
    const script = await get(`${url}/dashboard/rollout.js`);
    expect([script.status, script.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
    expect(await script.text()).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|eval/);
  });
});
