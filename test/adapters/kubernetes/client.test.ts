import { chmod, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKubeClient, type KubeClient } from '../../../src/adapters/kubernetes/client.ts';
import { PODS, ROLLOUTS } from '../../../src/adapters/kubernetes/resources.ts';
import { kubeconfigText, type ScriptedApi, sendJson, sendStatus, startScriptedApi } from './scriptedApi.ts';

const REF = { namespace: 'weather', name: 'forecast' };
const OBJECT = { metadata: { ...REF, resourceVersion: '7' } };

let api: ScriptedApi;
let client: KubeClient;
let counted: string[];

beforeEach(async () => {
  api = await startScriptedApi();
  counted = [];
  client = createKubeClient({
    kubeconfigPath: api.kubeconfigPath,
    onRequest: (verb, resource, code, seconds) => counted.push(`${verb} ${resource} ${code} ${seconds < 5}`),
  });
});

afterEach(async () => {
  client.close();
  await api.close();
});

describe('streams', () => {
  it('a watch whose line never ends is given up before it fills the memory', async () => {
    api.answer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const piece = 'x'.repeat(1024 * 1024);
      const more = (): void => {
        while (response.write(piece) && !response.destroyed);
      };
      response.on('drain', more).on('error', () => {});
      more();
    });
    const watching = client.watch(
      PODS,
      { resourceVersion: '1', timeoutSeconds: 60 },
      { open: () => {}, event: () => {} },
      AbortSignal.timeout(20_000),
    );
    await expect(watching).rejects.toThrow(/line of the stream is longer than 16777216 characters/);
  });
});

describe('requests', () => {
  it('names objects as the API does and sends the token', async () => {
    api.answer((_, response) => sendJson(response, 200, OBJECT));
    expect(await client.get(ROLLOUTS, { ...REF, subresource: 'status' })).toEqual(OBJECT);
    await client.jsonPatch(ROLLOUTS, REF, [{ op: 'remove', path: '/spec' }], { fieldManager: 'sluice', dryRun: true });
    await client.mergePatch(PODS, REF, {});
    await client.apply(ROLLOUTS, OBJECT, { fieldManager: 'sluice-git', force: true });
    await client.replace(ROLLOUTS, OBJECT);
    await client.create(ROLLOUTS, OBJECT);
    await client.delete(ROLLOUTS, REF, { uid: 'u1', propagationPolicy: 'Background' });
    const rollouts = '/apis/sluice.dev/v1alpha1/namespaces/weather/rollouts';
    const sent = api.requests.map(
      ({ method, path, query, headers }) => `${method} ${path}?${query} ${headers['content-type'] ?? ''}`,
    );
    expect(sent).toEqual([
      `GET ${rollouts}/forecast/status? `,
      `PATCH ${rollouts}/forecast?fieldManager=sluice&dryRun=All&timeout=9000ms application/json-patch+json`,
      'PATCH /api/v1/namespaces/weather/pods/forecast?timeout=9000ms application/merge-patch+json',
      `PATCH ${rollouts}/forecast?fieldManager=sluice-git&force=true&timeout=9000ms application/apply-patch+yaml`,
      `PUT ${rollouts}/forecast?timeout=9000ms application/json`,
      `POST ${rollouts}?timeout=9000ms application/json`,
      `DELETE ${rollouts}/forecast?timeout=9000ms application/json`,
    ]);
    expect(new Set(api.requests.map(request => request.headers.authorization))).toEqual(new Set(['Bearer secret-token']));
    expect(JSON.parse(api.requests[6]?.body ?? '')).toEqual({ preconditions: { uid: 'u1' }, propagationPolicy: 'Background' });
  });

  it('keeps one connection for requests one after the other, and counts each', async () => {
    api.answer((_, response) => sendJson(response, 200, OBJECT));
    for (let round = 0; round < 5; round += 1) await client.get(ROLLOUTS, REF);
    expect(await api.openSockets()).toBe(1);
    expect(counted).toEqual(Array(5).fill('get rollouts.sluice.dev 200 true'));
  });

  it('sends again when the server has closed an idle connection', async () => {
    api.answer((_, response) => sendJson(response, 200, OBJECT));
    await client.get(ROLLOUTS, REF);
    let dropped = false;
    api.answer((_, response) => {
      if (dropped) return sendJson(response, 200, OBJECT);
      dropped = true;
      response.socket?.destroy();
    });
    expect(await client.get(ROLLOUTS, REF)).toEqual(OBJECT);
  });

  it('R31: calls the guard in the tick of the send, for writes only; what it throws stops the write', async () => {
    api.answer((_, response) => sendJson(response, 200, OBJECT));
    const refusal = new Error('the lease is over');
    const guarded = client.withGuard(() => {
      throw refusal;
    });
    await expect(guarded.mergePatch(ROLLOUTS, REF, {})).rejects.toBe(refusal);
    expect(await guarded.get(ROLLOUTS, REF)).toEqual(OBJECT);
    expect(api.requests.map(request => request.method)).toEqual(['GET']);
    expect(counted).toHaveLength(1);
  });

  it('ends when its signal does', async () => {
    api.answer(() => {});
    const controller = new AbortController();
    const pending = client.get(ROLLOUTS, REF, controller.signal);
    controller.abort();
    await expect(pending).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('failures', () => {
  const json = { kind: 'ConfigMap', causes: [{ field: 'data' }] };
  it.each([
    [409, { message: 'the object has been modified' }, 'conflict', 'the object has been modified'],
    [422, { message: 'the server rejected our request', details: {} }, 'conflict', 'not as the patch expects it'],
    [422, { message: 'data: Invalid value', details: json }, 'refused', 'data: Invalid value'],
    [400, { message: 'admission webhook "w" denied the request: no' }, 'refused', 'denied the request'],
    [401, { message: 'Unauthorized' }, 'refused', 'does not accept the credentials'],
    [
      403,
      { message: 'User "s" cannot patch resource "rollouts"' },
      'refused',
      'not allowed to patch rollouts.sluice.dev; an RBAC',
    ],
    [
      403,
      { message: 'User "s" cannot patch resource "rollouts" in API group "sluice.dev" in the namespace "weather"' },
      'refused',
      'this verb and resource in namespace weather is missing, see ClusterRole sluice in `sluice install` (User',
    ],
    [403, { message: 'admission webhook "w" denied the request' }, 'refused', ': admission webhook "w" denied the request'],
    [404, { message: 'rollouts "forecast" not found' }, 'notFound', 'not found'],
    [410, { message: 'too old resource version' }, 'unavailable', 'too old'],
    [429, { message: 'slow down' }, 'unavailable', 'slow down'],
    [500, { message: 'failed calling webhook "v.istio.io": deadline' }, 'unavailable', 'the admission webhook v.istio.io, whose'],
    [504, { message: 'Timeout: not in time' }, 'unavailable', "an admission webhook may not answer, istiod's for example"],
    [503, { message: 'etcd' }, 'unavailable', 'the API server answered 503: etcd'],
  ])('%i %o is %s', async (code, status, kind, text) => {
    api.answer((_, response) => sendStatus(response, code, status));
    const failure = await client.mergePatch(ROLLOUTS, REF, {}).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'KubeError', system: 'kubernetes', kind, code });
    expect(String(failure)).toContain('patching rollouts weather/forecast: ');
    expect(String(failure)).toContain(text);
  });

  it.each([
    ['broken JSON', 200, '{"metadata":'],
    ['a login page', 200, '<html>'],
    ['no object', 200, '[]'],
    ['an object without metadata', 200, '{}'],
    ['a redirect', 302, ''],
  ])('%s is a bad answer', async (_, code, body) => {
    api.answer((_request, response) => {
      response.writeHead(code);
      response.end(body);
    });
    await expect(client.get(ROLLOUTS, REF)).rejects.toMatchObject({ kind: 'badAnswer' });
  });

  it('says how long it waited, before the answer and in the middle of it', async () => {
    const hasty = createKubeClient({ kubeconfigPath: api.kubeconfigPath, timeoutMs: 50 });
    api.answer(() => {});
    const silent = { kind: 'unavailable', message: expect.stringContaining('no answer within 0.05 s') };
    await expect(hasty.get(ROLLOUTS, REF)).rejects.toMatchObject(silent);
    api.answer((_, response) => void response.write('{"metadata":'));
    await expect(hasty.get(ROLLOUTS, REF)).rejects.toMatchObject(silent);
    hasty.close();
  });

  it('names a server that cannot be reached, and counts the request', async () => {
    await api.close();
    const failure = await client.get(ROLLOUTS, REF).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: 'unavailable' });
    expect(String(failure)).toContain(`${api.url} does not answer: connect ECONNREFUSED`);
    expect(counted).toEqual(['get rollouts.sluice.dev error true']);
    api = await startScriptedApi();
  });

  it('names a connection that breaks', async () => {
    const sockets: Socket[] = [];
    const server = createServer(socket => void sockets.push(socket.on('data', () => socket.destroy())));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const path = join(api.folder, 'broken');
    await writeFile(path, kubeconfigText(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`));
    const broken = createKubeClient({ kubeconfigPath: path });
    await expect(broken.get(ROLLOUTS, REF)).rejects.toMatchObject({ kind: 'unavailable' });
    await new Promise(resolve => server.close(resolve));
  });
});

describe('kubeconfig', () => {
  const write = async (text: string): Promise<string> => {
    const path = join(api.folder, 'other');
    await writeFile(path, text);
    return path;
  };
  const whole = () => JSON.parse(kubeconfigText(api.url)) as Record<string, unknown>;

  it.each([
    ['not YAML', () => 'users: [token: "s3cret', 'is not YAML'],
    ['something else', () => 'hello', 'expected a kubeconfig'],
    ['empty', () => '', 'expected a kubeconfig'],
    ['no context', () => JSON.stringify({ ...whole(), 'current-context': undefined }), 'current-context is not set'],
    ['wrong context', () => JSON.stringify({ ...whole(), 'current-context': 'y' }), 'there is no context y'],
    ['no cluster', () => JSON.stringify({ ...whole(), clusters: [] }), 'there is no cluster c, which context x names'],
    ['no user', () => JSON.stringify({ ...whole(), users: [] }), 'there is no user u, which context x names'],
    ['no server', () => JSON.stringify({ ...whole(), clusters: [{ name: 'c', cluster: {} }] }), 'server is missing'],
    ['no URL', () => kubeconfigText('api.example.com'), 'server api.example.com is not an http(s) URL'],
  ])('%s is said', async (_, text, reason) => {
    const path = await write(text());
    expect(() => createKubeClient({ kubeconfigPath: path })).toThrow(reason);
    expect(() => createKubeClient({ kubeconfigPath: path })).toThrow(`reading kubeconfig ${path}`);
    expect(() => createKubeClient({ kubeconfigPath: path })).not.toThrow('s3cret');
  });

  it('a file that does not exist is named, also one that it refers to', async () => {
    const missing = join(api.folder, 'missing');
    const message = `reading kubeconfig ${missing}: there is no such file`;
    expect(() => createKubeClient({ kubeconfigPath: missing })).toThrow(message);
    const clusters = [{ name: 'c', cluster: { server: api.url, 'certificate-authority': 'ca.crt' } }];
    const path = await write(JSON.stringify({ ...whole(), clusters }));
    expect(() => createKubeClient({ kubeconfigPath: path })).toThrow(`there is no file ${join(api.folder, 'ca.crt')}`);
  });

  it('without a path $KUBECONFIG is used; when there is nothing at all, that is said', async () => {
    vi.stubEnv('HOME', api.folder);
    vi.stubEnv('KUBECONFIG', api.kubeconfigPath);
    expect(createKubeClient({}).server).toBe(api.url);
    vi.stubEnv('KUBECONFIG', await write('users: [token: "s3cret\nmore: {'));
    expect(() => createKubeClient({})).toThrow('looking for a kubeconfig: ');
    expect(() => createKubeClient({})).not.toThrow('s3cret');
    vi.stubEnv('KUBECONFIG', '');
    expect(() => createKubeClient({})).toThrow('there is neither $KUBECONFIG nor ~/.kube/config nor a service account');
    vi.unstubAllEnvs();
  });

  async function headerFor(user: object): Promise<string | undefined> {
    api.answer((_, response) => sendJson(response, 200, OBJECT));
    const other = createKubeClient({ kubeconfigPath: await write(kubeconfigText(api.url, user)) });
    await other.get(ROLLOUTS, REF).finally(() => other.close());
    return api.requests.at(-1)?.headers.authorization;
  }

  it('reads a token from a file, with a line feed at its end', async () => {
    await writeFile(join(api.folder, 'token'), 'from-file\n');
    expect(await headerFor({ tokenFile: 'token' })).toBe('Bearer from-file');
  });

  it('gets a token from a credential plugin', async () => {
    const plugin = join(api.folder, 'plugin');
    await writeFile(plugin, `#!/bin/sh\necho '{"status":{"token":"from-plugin"}}'\n`);
    await chmod(plugin, 0o755);
    expect(await headerFor({ exec: { command: plugin } })).toBe('Bearer from-plugin');
  });

  it('takes a user and a password', async () => {
    expect(await headerFor({ username: 'a', password: 'b' })).toBe(`Basic ${Buffer.from('a:b').toString('base64')}`);
  });

  it('says that a credential plugin failed, without what it printed', async () => {
    const plugin = join(api.folder, 'plugin');
    await writeFile(plugin, '#!/bin/sh\necho s3cret\n');
    await chmod(plugin, 0o755);
    const failure = await headerFor({ exec: { command: plugin } }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: 'refused', operation: 'getting credentials for the API server' });
    expect(String(failure)).not.toContain('s3cret');
    await expect(headerFor({ exec: { command: join(api.folder, 'none') } })).rejects.toThrow('ENOENT');
  });
});
