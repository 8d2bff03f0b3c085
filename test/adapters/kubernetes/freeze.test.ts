import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createKubeClient, type KubeClient } from '../../../src/adapters/kubernetes/client.ts';
import { createFreezeWatch, type FreezeWatch, freeze, unfreeze } from '../../../src/adapters/kubernetes/freeze.ts';
import { CONFIG_MAPS } from '../../../src/adapters/kubernetes/resources.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { createLines } from './quiet.ts';
import { type ScriptedApi, sendJson, sendStatus, startScriptedApi } from './scriptedApi.ts';

const NAMESPACE = 'default';
const ANN = { by: 'ann', since: '2026-11-21T14:00:00Z', reason: 'release of the shop' };
const QUICK = { firstDelayMs: 1, longestDelayMs: 20, livedMs: 200 };
const clock = { now: () => Date.UTC(2026, 10, 21, 14) };

/** Follows a freeze; `next` resolves with the state after its next change. */
const follow = (client: KubeClient) => {
  const log = createLines();
  const watch = createFreezeWatch({ client, namespace: NAMESPACE, logger: log.logger, clock, timing: QUICK });
  const waiting: (() => void)[] = [];
  watch.onChange(() => {
    for (const resolve of waiting.splice(0)) resolve();
  });
  watch.start();
  return { watch, log, next: () => new Promise<void>(resolve => waiting.push(resolve)).then(() => watch.current()) };
};

describe('a freeze in a cluster', () => {
  let sandbox: Sandbox;
  let client: KubeClient;
  let watch: FreezeWatch | undefined;
  beforeAll(async () => {
    sandbox = await startSandbox({ portBase: 0, rate: 0, scenario: 'empty' });
    client = createKubeClient({ kubeconfigPath: sandbox.kubeconfigPath });
  });
  afterEach(() => watch?.stop());
  afterAll(async () => {
    client.close();
    await sandbox.close();
  });

  it('R20: is followed by one watch of one object, from its beginning to its end', async () => {
    const { watch: watched, next } = follow(client);
    watch = watched;
    await watch.known;
    expect(watch.current()).toBeUndefined();
    const frozen = next();
    expect(await freeze(client, NAMESPACE, ANN)).toEqual({ freeze: ANN, isNew: true });
    expect(await frozen).toEqual(ANN);
    const lifted = next();
    expect(await unfreeze(client, NAMESPACE)).toEqual(ANN);
    expect(await lifted).toBeUndefined();
  });

  it('R20: that stands at the start is known before anything else is', async () => {
    await freeze(client, NAMESPACE, ANN);
    watch = follow(client).watch;
    await watch.known;
    expect(watch.current()).toEqual(ANN);
    await unfreeze(client, NAMESPACE);
  });

  it('declared twice, the first one stays; lifted twice, the second time nothing was there', async () => {
    await freeze(client, NAMESPACE, ANN);
    expect(await freeze(client, NAMESPACE, { ...ANN, by: 'bob' })).toEqual({ freeze: ANN, isNew: false });
    expect(await unfreeze(client, NAMESPACE)).toEqual(ANN);
    expect(await unfreeze(client, NAMESPACE)).toBeUndefined();
  });

  it('R20: a ConfigMap without any data is a freeze too', async () => {
    const metadata = { namespace: NAMESPACE, name: 'sluice-freeze' };
    await client.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
    watch = follow(client).watch;
    await watch.known;
    expect(watch.current()).toEqual({ by: 'somebody', since: expect.stringMatching(/^20\d\d-.*Z$/) });
    await unfreeze(client, NAMESPACE);
  });

  it('another ConfigMap of the namespace is none', async () => {
    const metadata = { namespace: NAMESPACE, name: 'other' };
    await client.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { by: 'eve' } });
    watch = follow(client).watch;
    await watch.known;
    expect(watch.current()).toBeUndefined();
  });
});

describe('a freeze that cannot be read', () => {
  let api: ScriptedApi;
  let client: KubeClient;
  let watch: FreezeWatch | undefined;
  beforeEach(async () => {
    api = await startScriptedApi();
    client = createKubeClient({ kubeconfigPath: api.kubeconfigPath });
  });
  afterEach(async () => {
    await watch?.stop();
    client.close();
    await api.close();
  });

  const forbid: Parameters<ScriptedApi['answer']>[0] = (_, response) =>
    sendStatus(response, 403, {
      reason: 'Forbidden',
      message: 'User "s" cannot list resource "configmaps" in the namespace "default"',
    });
  const nothing: Parameters<ScriptedApi['answer']>[0] = ({ query }, response) => {
    if (query.has('watch')) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
    } else sendJson(response, 200, { metadata: { resourceVersion: '7' }, items: [] });
  };

  it('R20: counts as a freeze that names the missing rule, until it can be read', async () => {
    api.answer(forbid);
    const { watch: watched, log, next } = follow(client);
    watch = watched;
    await watch.known;
    expect(watch.current()).toMatchObject({
      by: 'Sluice itself',
      reason: expect.stringMatching(/Role sluice-freeze/),
      end: 'when the ConfigMap default/sluice-freeze can be read, which the Role sluice-freeze allows (sluice install prints it)',
    });
    expect(log.lines.some(({ level, message }) => level === 'error' && message.includes('cannot be read'))).toBe(true);
    const readable = next();
    api.answer(nothing);
    expect(await readable).toBeUndefined();
    expect(api.requests.map(({ query }) => query.get('fieldSelector'))).toContain('metadata.name=sluice-freeze');
  });

  it('R20: that was read before stays as it was last seen', async () => {
    let refused = (): void => {};
    const twice = new Promise<void>(resolve => {
      refused = resolve;
    });
    api.answer(({ query }, response) => {
      if (query.has('watch')) sendStatus(response, 410, { reason: 'Expired', message: 'too old' });
      else nothing({ method: 'GET', path: '', query, headers: {}, body: '' }, response);
    });
    watch = follow(client).watch;
    await watch.known;
    let lists = 0;
    api.answer((request, response) => {
      forbid(request, response);
      lists += 1;
      if (lists === 2) refused();
    });
    await twice;
    expect(watch.current()).toBeUndefined();
  });
});
