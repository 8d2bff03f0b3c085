import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it as test } from 'vitest';
import { json, type Loopback, listen, type Received } from '../adapters/http/loopback.ts';
import { openWorld, type World } from './world.ts';

/** One second of pause, and judged by nothing but another program. */
const judgedBy = (gate: object, pause = '1s') => ({
  strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: pause } }] } },
  analysis: { interval: '1s', gates: [gate] },
});

describe.concurrent('webhook gates', () => {
  let world: World;
  let judge: Loopback;
  const received: Received[] = [];
  /** Answers by the namespace that is asked for. */
  const answers: Record<string, { readonly body: object; readonly status?: number }> = {
    passes: { body: { verdict: 'pass', message: '12 checks' } },
    fails: { body: { verdict: 'fail', value: 3, message: '3 of 12 checks failed' } },
    broken: { body: { error: 'out of disk' }, status: 500 },
  };
  beforeAll(async () => {
    [world, judge] = await Promise.all([
      openWorld(),
      listen((request, response) => {
        received.push(request);
        const { body, status } = answers[JSON.parse(request.body).namespace] ?? { body: {} };
        json(response, body, status);
      }),
    ]);
    const secretFile = join(world.folder, 'secret');
    await writeFile(secretFile, 'sesame\n');
    await world.controller({
      config: {
        gateTemplates: { smoke: { webhook: { url: `${judge.url}/smoke?app={{name}}`, timeout: '20s' } } },
        webhookGates: { allow: [judge.url, 'http://localhost:*'], secretFile },
      },
    });
  });
  afterAll(async () => {
    await world.close();
    await judge.close();
  });

  test('R14: a template of the configuration is asked, with a signature, and its pass lets the version go on', async ({
    expect,
  }) => {
    const app = await world.app('passes');
    await app.roll('v2', judgedBy({ template: 'smoke' }));
    await app.reaches(({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v2', 'v2 to be stable');
    const asked = received.find(({ body }) => JSON.parse(body).namespace === 'passes');
    expect(`${asked?.request.method} ${asked?.request.url}`).toBe('POST /smoke?app=forecast');
    expect(JSON.parse(asked?.body ?? '')).toMatchObject({ name: 'forecast', version: 'v2', stable: 'v1', step: 1 });
    const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signature } = asked?.request.headers ?? {};
    expect(signature).toBe(`v1,${createHmac('sha256', 'sesame').update(`${id}.${seconds}.${asked?.body}`).digest('base64')}`);
  });

  test('R17: what fails more than once in a row rolls back, and what it says is told', async ({ expect }) => {
    const app = await world.app('fails');
    await app.roll('v2', judgedBy({ name: 'ci', webhook: { url: judge.url } }, '10m'));
    const done = await app.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
    expect(done.message).toContain('3 of 12 checks failed');
    expect(await app.weights()).toEqual({ v1: 100, v2: 0 });
  });

  test('R16: one that is broken holds, and says so', async ({ expect }) => {
    const app = await world.app('broken');
    await app.roll('v2', judgedBy({ name: 'ci', webhook: { url: judge.url } }));
    const held = await app.reaches(({ reason }) => reason === 'ProviderError', 'the hold');
    expect(held.message).toContain('failed with HTTP 500');
    expect(await app.weights()).toEqual({ v1: 50, v2: 50 });
  });

  test('a name that leads to this machine is not called, though the list covers it', async ({ expect }) => {
    const app = await world.app('local');
    await app.roll(
      'v2',
      judgedBy({ name: 'ci', webhook: { url: `http://localhost:${new URL(world.sandbox.urls.prometheus).port}/` } }),
    );
    const held = await app.reaches(({ reason }) => reason === 'ProviderError', 'the hold');
    expect(held.message).toMatch(/localhost leads to \S+, a loopback or link-local address/);
    expect(held.message).toContain('list it by address');
  });

  test('R12: a URL that the configuration does not allow is invalid', async ({ expect }) => {
    const app = await world.app('foreign');
    await app.roll('v2', judgedBy({ name: 'ci', webhook: { url: 'https://ci.example.com/' } }));
    const invalid = await app.reaches(({ phase }) => phase === 'Invalid', 'the refusal');
    expect(invalid.message).toContain('leads to https://ci.example.com, which the configuration does not allow');
  });
});
