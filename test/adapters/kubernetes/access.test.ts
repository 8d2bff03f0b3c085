import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAccess } from '../../../src/adapters/kubernetes/access.ts';
import { createKubeClient, type KubeClient } from '../../../src/adapters/kubernetes/client.ts';
import type { Access, KubeUser } from '../../../src/controller/channel-ports.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { type ScriptedApi, sendJson, sendStatus, startScriptedApi } from './scriptedApi.ts';

const clock = { nowMs: 0, now: () => clock.nowMs };
const forEver = new AbortController().signal;
const FORECAST = { namespace: 'weather', name: 'forecast' };

describe('who a token belongs to, and what they may do', () => {
  let api: ScriptedApi;
  let client: KubeClient;
  let access: Access;
  beforeAll(async () => {
    api = await startScriptedApi();
    client = createKubeClient({ kubeconfigPath: api.kubeconfigPath });
  });
  afterAll(async () => {
    client.close();
    await api.close();
  });
  beforeEach(() => {
    api.requests.length = 0;
    access = createAccess({ client, clock });
  });

  const says = (status: object): void => api.answer((_, response) => sendJson(response, 201, { metadata: {}, status }));
  const alice = { username: 'alice', uid: '7', groups: ['release'], extra: { 'example.com/scopes': ['a', 'b'] } };

  it('is asked of the API server, with all that it said of the user', async () => {
    says({ authenticated: true, user: alice });
    const user = await access.userOf('secret', forEver);
    expect(user).toEqual({ name: 'alice', uid: '7', groups: ['release'], extra: { 'example.com/scopes': ['a', 'b'] } });
    says({ allowed: true });
    expect(await access.may(user as KubeUser, 'approve', FORECAST, forEver)).toBe(true);
    const [tokens, rights] = api.requests.map(({ path, body }) => ({ path, body: JSON.parse(body) }));
    expect(tokens).toEqual({
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec: { token: 'secret' } },
    });
    expect(rights?.path).toBe('/apis/authorization.k8s.io/v1/subjectaccessreviews');
    expect(rights?.body).toMatchObject({
      kind: 'SubjectAccessReview',
      spec: {
        user: 'alice',
        uid: '7',
        groups: ['release'],
        extra: { 'example.com/scopes': ['a', 'b'] },
        resourceAttributes: { ...FORECAST, verb: 'approve', group: 'sluice.dev', version: 'v1alpha1', resource: 'rollouts' },
      },
    });
  });

  it.each([
    {},
    { authenticated: false, user: alice },
    { authenticated: 'true', user: alice },
    { authenticated: true },
    { authenticated: true, user: { username: '' } },
    { error: 'expired' },
  ])('a token is of nobody when the answer is %j', async status => {
    says(status);
    expect(await access.userOf('secret', forEver)).toBeUndefined();
  });

  it.each([{}, { allowed: false }, { allowed: 'true' }, { allowed: true, denied: true }])(
    'nothing is allowed by %j',
    async status => {
      says(status);
      expect(await access.may({ name: 'alice', groups: [], extra: {} }, 'approve', FORECAST, forEver)).toBe(false);
    },
  );

  it('a valid token is remembered for ten seconds, one that is not and what somebody may approve are not', async () => {
    says({ authenticated: true, user: { username: 'alice' } });
    const user = (await access.userOf('secret', forEver)) as KubeUser;
    clock.nowMs += 9_999;
    expect(await access.userOf('secret', forEver)).toEqual(user);
    expect(api.requests).toHaveLength(1);
    clock.nowMs += 1;
    says({});
    expect(await access.userOf('secret', forEver)).toBeUndefined();
    expect(await access.userOf('secret', forEver)).toBeUndefined();
    expect(api.requests).toHaveLength(3);
    says({ allowed: true });
    await access.may(user, 'approve', FORECAST, forEver);
    await access.may(user, 'approve', FORECAST, forEver);
    expect(api.requests).toHaveLength(5);
  });

  it('does not believe a token for longer when the clock is set back', async () => {
    says({ authenticated: true, user: { username: 'alice' } });
    await access.userOf('secret', forEver);
    clock.nowMs -= 3_600_000;
    says({});
    expect(await access.userOf('secret', forEver)).toBeUndefined();
  });

  it('throws without the token when the API server refuses', async () => {
    api.answer((_, response) => sendStatus(response, 403, { message: 'tokenreviews.authentication.k8s.io is forbidden' }));
    const error = await access.userOf('s3cret', forEver).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ system: 'kubernetes', kind: 'refused' });
    expect(String(error)).not.toContain('s3cret');
  });

  const ALICE: KubeUser = { name: 'alice', uid: '7', groups: ['release'], extra: {} };

  it('what somebody may not do is remembered for ten seconds, and what they may get; of nobody and nothing else', async () => {
    says({ allowed: false });
    expect(await access.may(ALICE, 'approve', FORECAST, forEver)).toBe(false);
    says({ allowed: true });
    expect(await access.may(ALICE, 'approve', FORECAST, forEver)).toBe(false);
    expect(await access.may(ALICE, 'get', FORECAST, forEver)).toBe(true);
    says({ allowed: false });
    expect(await access.may(ALICE, 'get', FORECAST, forEver)).toBe(true);
    expect(api.requests).toHaveLength(2);
    const others: KubeUser[] = [
      { ...ALICE, name: 'bob' },
      { ...ALICE, uid: '8' },
      { ...ALICE, groups: [] },
      { ...ALICE, extra: { a: ['b'] } },
    ];
    for (const user of others) expect(await access.may(user, 'get', FORECAST, forEver)).toBe(false);
    expect(await access.may(ALICE, 'get', { ...FORECAST, name: 'other' }, forEver)).toBe(false);
    expect(await access.may(ALICE, 'get', { ...FORECAST, namespace: 'bank' }, forEver)).toBe(false);
    expect(api.requests).toHaveLength(8);
    clock.nowMs += 10_000;
    expect(await access.may(ALICE, 'get', FORECAST, forEver)).toBe(false);
    says({ allowed: true });
    expect(await access.may(ALICE, 'approve', FORECAST, forEver)).toBe(true);
  });

  it('one user who reads a lot asks the API server about each namespace once', async () => {
    says({ allowed: false });
    const readAll = async (): Promise<void> => {
      for (let index = 0; index <= 50; index += 1)
        await access.may(ALICE, 'get', { namespace: index === 0 ? '' : `team-${index}`, name: '' }, forEver);
    };
    await Promise.all(Array.from({ length: 100 }, readAll));
    expect(api.requests).toHaveLength(51);
  });

  it('one user has 8 questions at once, and others are not kept waiting', async () => {
    const waiting: (() => void)[] = [];
    api.answer((_, response) => void waiting.push(() => sendJson(response, 201, { metadata: {}, status: { allowed: true } })));
    const ask = (user: KubeUser, index: number, signal = forEver): Promise<boolean> =>
      access.may(user, 'approve', { namespace: 'weather', name: `rollout-${index}` }, signal);
    const own = Array.from({ length: 40 }, (_, index) => ask(ALICE, index));
    const late = ask(ALICE, 40, AbortSignal.abort()).catch((error: unknown) => error);
    await expect.poll(() => waiting.length).toBe(8);
    const other = ask({ ...ALICE, name: 'bob' }, 0);
    await expect.poll(() => waiting.length).toBe(9);
    waiting.pop()?.();
    expect(await other).toBe(true);
    expect(waiting).toHaveLength(8);
    says({ allowed: true });
    for (const go of waiting) go();
    expect(await Promise.all(own)).toEqual(Array(40).fill(true));
    expect(await late).toMatchObject({ name: 'AbortError' });
    expect(api.requests).toHaveLength(41);
  });

  it('a token that many requests bring at once is asked about once', async () => {
    says({ authenticated: true, user: { username: 'alice' } });
    const users = await Promise.all(Array.from({ length: 50 }, () => access.userOf('secret', forEver)));
    expect(users.every(user => user?.name === 'alice')).toBe(true);
    expect(api.requests).toHaveLength(1);
  });

  it('does not ask about more than 32 at once', async () => {
    const waiting: (() => void)[] = [];
    api.answer((_, response) => void waiting.push(() => sendJson(response, 201, { metadata: {}, status: {} })));
    const asked = Array.from({ length: 33 }, (_, index) => access.userOf(`guess-${index}`, new AbortController().signal));
    await expect(asked[32]).rejects.toMatchObject({ kind: 'unavailable' });
    await expect.poll(() => waiting.length).toBe(32);
    for (const go of waiting) go();
    expect((await Promise.all(asked.slice(0, 32))).every(user => user === undefined)).toBe(true);
  });
});

describe('people of the sandbox', () => {
  let sandbox: Sandbox;
  let client: KubeClient;
  beforeAll(async () => {
    sandbox = await startSandbox({ scenario: 'empty' });
    client = createKubeClient({ kubeconfigPath: sandbox.kubeconfigPath });
  });
  afterAll(async () => {
    client.close();
    await sandbox.close();
  });

  it('are known by their tokens, and may what they were given', async () => {
    const person = { token: 't-1', user: 'alice', groups: ['release'], may: [{ verb: 'approve', namespace: 'weather' }] };
    await fetch(`${sandbox.urls.control}/people`, { method: 'POST', body: JSON.stringify(person) });
    const access = createAccess({ client, clock });
    const user = (await access.userOf('t-1', forEver)) as KubeUser;
    expect(user.name).toBe('alice');
    expect(user.groups).toContain('release');
    expect(await access.may(user, 'approve', FORECAST, forEver)).toBe(true);
    expect(await access.may(user, 'approve', { ...FORECAST, namespace: 'bank' }, forEver)).toBe(false);
    expect(await access.may(user, 'update', FORECAST, forEver)).toBe(false);
    expect(await access.userOf('t-2', forEver)).toBeUndefined();
  });
});
