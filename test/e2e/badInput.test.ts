import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type BareRepository, createBareRepository } from '../adapters/git/bareRepository.ts';
import { type GitServer, startGitServer } from '../adapters/git/gitServer.ts';
import { send } from '../sandbox/client.ts';
import { BAD_FILES, rolloutFile, withQuery, withWebhook } from './badFiles.ts';
import { type Running, run } from './running.ts';
import { expectSays, nextLine, snapshot } from './snapshot.ts';
import { type App, adopted, openWorld, type World } from './world.ts';

const ROLLOUTS = '/apis/sluice.dev/v1alpha1/namespaces';

describe('bad files', () => {
  let world: World;
  let app: App;
  let other: App;
  let repository: BareRepository;
  let git: GitServer;
  let fromGit: Running;
  const inGit = (bad: string, interval = '1s') => ({
    'rollouts/bad.yaml': bad,
    'rollouts/good.yaml': rolloutFile('other', 'v1', interval),
  });

  beforeAll(async () => {
    world = await openWorld();
    [app, other] = [await world.app('bad'), await world.app('other', { rate: 1 })];
    mkdirSync(join(world.folder, 'repositories'));
    repository = await createBareRepository(join(world.folder, 'repositories/fleet.git'));
    git = await startGitServer(join(world.folder, 'repositories'));
    await repository.commit(inGit(rolloutFile('bad', 'v1')));
    const source = {
      name: 'fleet',
      url: `${git.origin}/fleet.git`,
      path: 'rollouts',
      namespaces: ['*'],
      schedule: '*/1 * * * * *',
    };
    fromGit = await world.controller({ config: { sources: [source] } });
    for (const each of [app, other]) await adopted(each);
  });
  afterAll(async () => {
    await world.close();
    await git.close();
  });

  const validate = async (text: string, ...args: readonly string[]) => {
    const path = join(world.folder, 'rollout.yaml');
    await writeFile(path, text);
    // the memory of a small pod
    const ended = await run(['validate', ...args, path], { env: { NODE_OPTIONS: '--max-old-space-size=64' } });
    return { ...ended, path };
  };

  it('a good file: sluice validate ends with 0', async () => {
    const good = await validate(rolloutFile('bad', 'v2'));
    expect(good).toMatchObject({ code: 0, output: `${good.path}: 1 rollout, no problems\n` });
  });

  it.each(BAD_FILES)('$what: sluice validate ends with 1 and names file, line and what was expected', async row => {
    const before = await snapshot(world);
    const { code, output, path } = await validate(row.text('bad'));
    expectSays(output, [`${path}:${row.line}:`, ...row.says]);
    expect(code).toBe(1);
    expect(await snapshot(world)).toEqual(before);
  });

  /** As `kubectl apply --server-side` sends it. */
  const apply = (namespace: string, text: string) =>
    send(
      `${world.sandbox.urls.api}${ROLLOUTS}/${namespace}/rollouts/forecast?fieldManager=kubectl&force=true&fieldValidation=Strict`,
      {
        method: 'PATCH',
        headers: { authorization: `Bearer ${world.api.token}`, 'content-type': 'application/apply-patch+yaml' },
        body: text,
      },
    );

  const refusedByApi = BAD_FILES.flatMap(row => (row.api === undefined ? [] : [{ ...row, api: row.api }]));
  it.each(refusedByApi)('$what: the API server refuses it with $api.code, nothing changes', async ({ text, api }) => {
    const before = await snapshot(world);
    const { code, body } = await apply('bad', text('bad'));
    expectSays(JSON.stringify(body.message ?? body).replaceAll('\\"', '"'), api.says);
    expect(code).toBe(api.code);
    expect(await snapshot(world)).toEqual(before);
  });

  it.each(BAD_FILES)('R32: $what: the Git source names file and line, keeps the last good spec, writes the others', async row => {
    const before = await snapshot(world, '/other/', '/events/');
    const said = nextLine(fromGit, ({ msg }) => msg === 'not applied');
    const interval = `${2 + BAD_FILES.findIndex(({ what }) => what === row.what)}s`;
    await repository.commit(inGit(row.text('bad'), interval));
    const line = await said;
    expect(line).toMatchObject({ source: 'fleet', file: 'rollouts/bad.yaml', kind: 'badFile' });
    if (row.gitSays === undefined) expect(line).toMatchObject({ line: row.line });
    expectSays(String(line['message']), row.gitSays ?? row.says);
    await expect.poll(async () => (await specOf('other')).analysis.interval).toBe(interval);
    const place = row.gitSays === undefined ? `rollouts/bad.yaml:${row.line}: ` : 'rollouts/bad.yaml: ';
    await expect.poll(async () => (await app.events()).map(({ message }) => message).join('\n')).toContain(place);
    expect(await snapshot(world, '/other/', '/events/')).toEqual(before);
  });

  const specOf = async (namespace: string) => (await world.api.get(`${ROLLOUTS}/${namespace}/rollouts/forecast`)).body.spec;

  it('the mended file is applied by itself', async () => {
    await repository.commit(inGit(rolloutFile('bad', 'v2')));
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(await other.status()).toMatchObject({ phase: 'Healthy', stableVersion: 'v1' });
  });

  const path = (field: string) => `spec.analysis.gates[0].prometheus.${field}`;

  it.each([
    {
      what: 'unknown provider',
      text: withQuery('asked', 'query: up, provider: shpo'),
      says: [`${path('provider')}: is shpo, which the configuration does not know`, 'default'],
    },
    {
      what: 'unknown template name',
      text: withQuery('asked', `query: 'sum(up{version="{{canry}}"})'`),
      says: [`${path('query')}: is no valid template`, '"canry" is unknown; did you mean "canary"?'],
    },
    {
      what: 'broken PromQL',
      text: withQuery('asked', `query: 'sum(up'`),
      says: [`${path('query')}: is no PromQL expression: it ends too early, expected \`)\``],
    },
  ])('$what: sluice validate ends with 1 and names file, line and what was expected', async ({ text, says }) => {
    const config = join(world.folder, 'sluice.yaml');
    await writeFile(config, 'providers: {prometheus: {default: {url: "http://127.0.0.1:9090"}}}\n');
    const before = await snapshot(world);
    const { code, output, path: file } = await validate(text, '--config', config);
    expectSays(output, [`${file}:18:`, ...says]);
    expect(code).toBe(1);
    expect(await snapshot(world)).toEqual(before);
  });
});

describe('what only the controller can refuse', () => {
  let world: World;
  let controller: Running;
  beforeAll(async () => {
    world = await openWorld();
    controller = await world.controller();
  });
  afterAll(() => world.close());

  const object = (yaml: string): { spec: object } => parse(yaml);
  const adoptedApp = async (namespace: string) => {
    const app = await world.app(namespace);
    await app.roll('v1', object(rolloutFile(namespace, 'v1')).spec);
    await adopted(app);
    return app;
  };

  it.each([
    {
      namespace: 'decreasing',
      text: rolloutFile('decreasing', 'v2').replace('- setWeight: 50', '- setWeight: 60\n      - setWeight: 50'),
      says: ['spec.strategy.canary.steps[1].setWeight is 50, expected at least 60: weights of the steps must not decrease'],
    },
    {
      namespace: 'provider',
      text: withQuery('provider', 'query: up, provider: shpo'),
      says: ['spec.analysis.gates[0].prometheus.provider is shpo, which the configuration does not know: configured are default'],
    },
    {
      namespace: 'template',
      text: withQuery('template', `query: 'sum(up{version="{{canry}}"})'`),
      says: ['spec.analysis.gates[0].prometheus.query is no valid template: line 1: "canry" is unknown; did you mean "canary"?'],
    },
    {
      namespace: 'promql',
      text: withQuery('promql', `query: 'sum(up'`),
      says: ['spec.analysis.gates[0].prometheus.query is no PromQL expression: it ends too early, expected `)`'],
    },
    {
      namespace: 'webhook',
      text: withWebhook('webhook', 'https://ci.example.com/smoke'),
      says: [
        'spec.analysis.gates[0].webhook.url leads to https://ci.example.com, which the configuration does not allow',
        'webhookGates.allow is empty',
      ],
    },
  ])('R12: $namespace: Invalid, no mesh object is touched; a mended one starts by itself', async ({ namespace, text, says }) => {
    const app = await adoptedApp(namespace);
    const before = await snapshot(world, '/rollouts/', '/events/');
    await app.change({ spec: object(text).spec });
    const told = await app.reaches(({ phase }) => phase === 'Invalid', 'Invalid');
    expectSays(told.message, [...says, 'nothing starts until the spec is mended']);
    expect(await snapshot(world, '/rollouts/', '/events/')).toEqual(before);
    await app.change({ spec: object(rolloutFile(namespace, 'v2')).spec });
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
  });

  it('R16: what only Prometheus can refuse is an error: nothing moves on, and a mended query goes on from there', async () => {
    const app = await adoptedApp('refused');
    await app.change({ spec: object(withQuery('refused', 'query: rate(up)')).spec });
    const told = await app.reaches(({ reason }) => reason === 'ProviderError', 'ProviderError');
    expect(told).toMatchObject({ phase: 'Progressing', step: { index: 1 } });
    expect(told.gates?.find(({ name }) => name === 'success')).toMatchObject({ verdict: 'Error' });
    expectSays(told.message, ['success: ', 'running the query: Prometheus "default" at http://127.0.0.1:', 'bad_data']);
    expect(await app.weights()).toEqual({ v1: 50, v2: 50 });
    await app.change({ spec: object(rolloutFile('refused', 'v2')).spec });
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(controller.log.filter(({ level }) => level >= 50)).toEqual([]);
  });
});
