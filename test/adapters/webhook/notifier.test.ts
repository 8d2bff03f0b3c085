import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createWebhookAnswerHook } from '../../../src/adapters/webhook/answers.ts';
import { createWebhookNotifier, type WebhookNotifierOptions } from '../../../src/adapters/webhook/notifier.ts';
import type { Message, RenderMessage } from '../../../src/controller/channel-ports.ts';
import { SystemError } from '../../../src/controller/ports.ts';
import type { OpenQuestion } from '../../../src/rollout/index.ts';
import { type Loopback, listen, type Received } from '../http/loopback.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 14);
const MESSAGE: Message = {
  id: 'f3b0-forecast-7c1f09d2',
  at: '2026-11-21T14:00:00.000Z',
  namespace: 'weather',
  name: 'forecast',
  uid: 'f3b0',
  type: 'Warning',
  reason: 'GateFailed',
  message: 'going back',
  phase: 'RollingBack',
  weight: 0,
  facts: { kind: 'rolledBack', title: 'going back: a gate failed', why: [], todo: [], gates: [] },
  links: [{ title: 'dashboard', url: 'https://sluice.example.com/rollouts/weather/forecast' }],
  ask: 'more?',
  notify: { slack: '#weather' },
};

const QUESTION: OpenQuestion = {
  revision: '7c1f09d2',
  step: 2,
  askedAt: '2026-11-21T13:59:00.000Z',
  approval: {
    when: 'before',
    required: 2,
    approvers: ['webhook:change-board', 'group:release'],
    timeoutMs: 14_400_000,
    onTimeout: 'rollback',
    allowAuthor: false,
  },
  weight: 50,
  given: ['alice'],
};

const open: Loopback[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const receiver = async (answer: (response: ServerResponse) => void = response => response.writeHead(204).end()) => {
  const received: Received[] = [];
  const server = await listen((request, response) => {
    received.push(request);
    answer(response);
  });
  open.push(server);
  return { url: server.url, received };
};

const notifierOf = (url: string, more: Partial<WebhookNotifierOptions> = {}) =>
  createWebhookNotifier({ name: 'audit', url, events: ['*'], clock: { now: () => NOW_MS }, render, ...more });
const render: RenderMessage = ({ name, facts }, channel) => `${channel}: ${name} ${facts.title}\nsecond line`;

const send = (url: string, more: Partial<WebhookNotifierOptions> = {}): Promise<void> =>
  notifierOf(url, more).send(MESSAGE, new AbortController().signal);

const failure = async (sending: Promise<void>): Promise<SystemError> => {
  const error: unknown = await sending.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SystemError) return error;
  throw new Error('it was sent');
};

describe('a webhook for messages', () => {
  it('R35: gets the message as JSON, signed, under the id of the message', async () => {
    const { url, received } = await receiver();
    const { facts: _facts, ask: _ask, notify: _notify, ...told } = MESSAGE;
    await send(`${url}/hooks/T0/secret?x=1`, { secret: () => 'sesame' });
    const [{ request, body } = { request: undefined, body: '' }] = received;
    expect(request?.method).toBe('POST');
    expect(request?.url).toBe('/hooks/T0/secret?x=1');
    expect(JSON.parse(body)).toEqual({
      ...told,
      kind: 'rolledBack',
      text: 'text: forecast going back: a gate failed\nsecond line',
    });
    const signature = createHmac('sha256', 'sesame')
      .update(`${MESSAGE.id}.${NOW_MS / 1000}.${body}`)
      .digest('base64');
    expect(request?.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': MESSAGE.id,
      'webhook-timestamp': String(NOW_MS / 1000),
      'webhook-signature': `v1,${signature}`,
    });
  });

  const asked = async (question: OpenQuestion, more: Partial<Message> = {}) => {
    const { url, received } = await receiver();
    const message = { ...MESSAGE, step: 1, ...more, facts: { ...MESSAGE.facts, question } };
    await notifierOf(url).send(message, new AbortController().signal);
    return JSON.parse(received[0]?.body ?? '{}') as { readonly question?: object };
  };

  it('R19: is told what is asked, with all that an answer has to name, until nothing is open', async () => {
    expect((await asked(QUESTION)).question).toEqual({
      revision: '7c1f09d2',
      step: 2,
      askedAt: '2026-11-21T13:59:00.000Z',
      weight: 50,
      required: 2,
      given: ['alice'],
      approvers: ['webhook:change-board', 'group:release'],
      until: '2026-11-21T17:59:00.000Z',
      ask: 'more?',
    });
    const late = { ...QUESTION, askedAt: '2026-11-21T09:59:00.000Z' };
    expect((await asked(late)).question).not.toHaveProperty('until');
    const { timeoutMs: _, ...endless } = QUESTION.approval;
    expect((await asked({ ...QUESTION, approval: endless })).question).not.toHaveProperty('until');
  });

  it('R19: can answer it: the answer of docs/notifications.md is one that we take, to the question that stands there', async () => {
    const page = readFileSync(resolve(import.meta.dirname, '../../../docs/notifications.md'), 'utf8');
    const [shown = '', answer = ''] = [...(page.split('### Questions\n')[1] ?? '').matchAll(/```json\n([\s\S]*?)```/g)].map(
      ([, json = '']) => json,
    );
    const told: unknown = JSON.parse(shown);
    expect(told).toEqual({ question: (await asked(QUESTION, { ask: 'Half of all users for forecast?' })).question });
    const secret = 'sesame';
    const signature = createHmac('sha256', secret)
      .update(`m1.${NOW_MS / 1000}.${answer}`)
      .digest('base64');
    const hook = createWebhookAnswerHook({ name: 'change-board', secret: () => secret, clock: { now: () => NOW_MS } });
    const request = {
      headers: {
        'content-type': ['application/json'],
        'webhook-id': ['m1'],
        'webhook-timestamp': [String(NOW_MS / 1000)],
        'webhook-signature': [`v1,${signature}`],
      },
      body: Buffer.from(answer),
    };
    await hook.verify(request);
    const { revision, step } = QUESTION;
    expect(await hook.read(request)).toMatchObject({
      ...{ key: `${MESSAGE.namespace}/${MESSAGE.name}`, revision, step },
      ...{ decision: 'approved', identity: 'webhook:change-board' },
    });
  });

  it('gets what its events name', () => {
    const wants = (events: readonly string[]) => {
      const notifier = notifierOf('http://127.0.0.1/', { events });
      return ['GateFailed', 'Promoted'].map(reason => notifier.wants(reason));
    };
    expect(wants(['*'])).toEqual([true, true]);
    expect(wants(['GateFailed'])).toEqual([true, false]);
    expect(wants([])).toEqual([false, false]);
  });

  it('may answer anything with 2xx', async () => {
    const { url } = await receiver(response => response.writeHead(202).end('<html>'));
    await send(url);
  });

  it.each<[number, SystemError['kind']]>([
    [302, 'badAnswer'],
    [400, 'badAnswer'],
    [401, 'refused'],
    [404, 'notFound'],
    [410, 'badAnswer'],
    [429, 'unavailable'],
    [500, 'unavailable'],
    [503, 'unavailable'],
  ])('%s is no delivery: %s', async (status, kind) => {
    const { url } = await receiver(response => response.writeHead(status).end());
    expect((await failure(send(url))).kind).toBe(kind);
  });

  it('its path and query, which may be secrets, stand in no message', async () => {
    const { url } = await receiver(response => response.writeHead(500).end());
    const { message } = await failure(send(`${url}/hooks/s3cret?token=s3cret`));
    expect(message).toBe(`sending GateFailed: Webhook "audit" at ${url} failed with HTTP 500`);
  });

  it('can say when it wants to be asked again', async () => {
    const date = 'Sat, 21 Nov 2026 14:00:00 GMT';
    const asked = async (after: string): Promise<number | undefined> => {
      const { url } = await receiver(response => response.writeHead(503, { 'retry-after': after, date }).end());
      return (await failure(send(url))).retryAfterMs;
    };
    expect(await asked('90')).toBe(90_000);
    expect(await asked('Sat, 21 Nov 2026 14:02:00 GMT')).toBe(120_000);
    expect(await asked('Sat, 21 Nov 2026 13:02:00 GMT')).toBeUndefined();
    expect(await asked('soon')).toBeUndefined();
  });

  it('is left alone when nobody waits for it any more', async () => {
    const controller = new AbortController();
    const { url } = await receiver(() => controller.abort());
    const sending = notifierOf(url).send(MESSAGE, controller.signal);
    expect((await failure(sending)).message).toContain('cancelled');
  });
});
