import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { type Answer, type ApiClient, apiClient, send } from '../client.ts';

/** What the API server says of tokens and rights, with people that the control server was told of. */

let sandbox: Sandbox;
let api: ApiClient;
beforeAll(async () => {
  sandbox = await startSandbox({ scenario: 'empty' });
  api = apiClient(sandbox);
});
afterAll(() => sandbox.close());

const control = (method: string, path: string, body: object): Promise<Answer> =>
  send(`${sandbox.urls.control}${path}`, { method, body: JSON.stringify(body) });
const tokenStatus = async (token: string, spec: object = {}) =>
  (await api.post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token, ...spec } })).body.status;
const accessReview = (spec: object, kind = 'subjectaccessreviews') => api.post(`/apis/authorization.k8s.io/v1/${kind}`, { spec });
const may = async (user: string, attributes: object, groups: readonly string[] = []): Promise<boolean> => {
  const resourceAttributes = { group: 'sluice.dev', resource: 'rollouts', verb: 'approve', name: 'forecast', ...attributes };
  return (await accessReview({ user, groups, resourceAttributes })).body.status.allowed;
};

describe('tokens', () => {
  it('belong to somebody, until they are taken away', async () => {
    const answer = await control('POST', '/people', { token: 'a-1', user: 'alice@example.com', groups: ['release'] });
    expect(answer).toMatchObject({ code: 200, body: { user: 'alice@example.com' } });
    expect(JSON.stringify(answer.body)).not.toContain('a-1');
    expect(await tokenStatus('a-1')).toMatchObject({
      authenticated: true,
      user: { username: 'alice@example.com', groups: ['release', 'system:authenticated'] },
    });
    expect((await control('DELETE', '/people', { token: 'a-1' })).body).toEqual({ removed: true });
    expect((await control('DELETE', '/people', { token: 'a-1' })).body).toEqual({ removed: false });
    expect(await tokenStatus('a-1')).toEqual({ user: {}, error: expect.stringContaining('invalid bearer token') });
  });

  it('end when they expire', async () => {
    const at = (ms: number) => new Date(Date.now() + ms).toISOString();
    await control('POST', '/people', { token: 'old', user: 'alice', expiresAt: at(-1) });
    await control('POST', '/people', { token: 'young', user: 'alice', expiresAt: at(600_000) });
    expect((await tokenStatus('old')).authenticated).toBeUndefined();
    expect((await tokenStatus('young')).authenticated).toBe(true);
  });

  it('are good for the API server only', async () => {
    expect((await tokenStatus(api.token, { audiences: ['vault'] })).error).toContain('target audiences');
    expect((await tokenStatus(api.token)).authenticated).toBe(true);
  });

  it('must be given', async () => {
    expect((await api.post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: {} })).body).toMatchObject({
      code: 400,
      message: 'token is required for TokenReview in authentication',
    });
  });

  it.each([
    [{ user: 'x' }, 'token'],
    [{ token: 'x' }, 'user'],
    [{ token: 'x', user: 'x', groups: [1] }, 'groups'],
    [{ token: 'x', user: 'x', may: ['approve'] }, 'may'],
    [{ token: 'x', user: 'x', expiresAt: 'soon' }, 'expiresAt'],
  ])('a wrong request to the control server is refused: %j', async (body, field) => {
    expect(await control('POST', '/people', body)).toMatchObject({
      code: 400,
      body: { error: expect.stringContaining(`${field}: expected`) },
    });
  });
});

describe('rights', () => {
  beforeAll(async () => {
    await control('POST', '/people', {
      token: 'bob',
      user: 'bob',
      may: [
        { verb: 'approve', namespace: 'weather', name: 'forecast' },
        { verb: 'get', namespace: 'weather' },
      ],
    });
    await control('POST', '/people', { token: 'carol', user: 'carol', may: [{ verb: '*' }] });
  });

  it('hold for a verb, a namespace and a name', async () => {
    expect(await may('bob', { namespace: 'weather' })).toBe(true);
    expect(await may('bob', { namespace: 'weather', name: 'other' })).toBe(false);
    expect(await may('bob', { namespace: 'default' })).toBe(false);
    expect(await may('bob', {})).toBe(false);
    expect(await may('bob', { namespace: 'weather', verb: 'update' })).toBe(false);
    expect(await may('bob', { namespace: 'weather', group: '' })).toBe(false);
    expect(await may('bob', { namespace: 'weather', subresource: 'status' })).toBe(false);
    expect(await may('carol', { namespace: 'anywhere' })).toBe(true);
  });

  it("are nobody else's, but administrators may do everything", async () => {
    expect(await may('mallory', { namespace: 'weather' })).toBe(false);
    expect(await may('mallory', { namespace: 'weather' }, ['system:masters'])).toBe(true);
  });

  it('are asked about with a subject and one thing to do', async () => {
    expect((await accessReview({ resourceAttributes: { verb: 'get' } })).body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect((await accessReview({ user: 'bob' })).body).toMatchObject({ code: 422, reason: 'Invalid' });
    const self = await accessReview({ resourceAttributes: { verb: 'get', resource: 'pods' } }, 'selfsubjectaccessreviews');
    expect(self.body.status.allowed).toBe(true);
  });

  it('everybody may ask who they are', async () => {
    const path = `${sandbox.urls.api}/apis/authentication.k8s.io/v1/selfsubjectreviews`;
    const ask = (token: string) =>
      send(path, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify({ metadata: {} }) });
    expect(await ask('carol')).toMatchObject({
      code: 201,
      body: { status: { userInfo: { username: 'carol', groups: ['system:authenticated'] } } },
    });
    expect((await ask('nobody')).code).toBe(401);
  });

  it('hold for the API itself', async () => {
    const as = (token: string, path: string, method = 'GET') =>
      send(`${sandbox.urls.api}${path}`, { method, headers: { authorization: `Bearer ${token}` } });
    expect((await as('carol', '/api/v1/namespaces/default/pods')).body).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: 'pods is forbidden: User "carol" cannot list resource "pods" in API group "" in the namespace "default"',
    });
    expect((await as('bob', '/api/v1/namespaces/default/configmaps/x', 'DELETE')).body.message).toContain('cannot delete');
    expect((await as('nobody', '/api/v1/pods')).code).toBe(401);
    expect((await as('bob', '/apis')).code).toBe(200);
  });
});
