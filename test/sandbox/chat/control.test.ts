import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { type Answer, send } from '../client.ts';
import { actions, button, jsonCall } from './client.ts';

/** What tests and stories do with the chat of a whole sandbox. */

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ scenario: 'empty' });
});
afterAll(() => sandbox.close());

const control = (method: string, path: string, body: object = {}): Promise<Answer> =>
  send(`${sandbox.urls.control}${path}`, { method, body: method === 'GET' ? '' : JSON.stringify(body) });

it('the control server sets the chat up, presses, deletes and tells everything', async () => {
  const settings = { interactivityUrl: '', signingSecret: 'sesame', token: 'xoxb-2', rateLimitedForMs: 0, error: '' };
  expect((await control('POST', '/chat', settings)).code).toBe(200);
  expect((await control('POST', '/chat/channels', { name: '#team', hasBot: true })).body).toMatchObject({ name: 'team' });
  const call = jsonCall({ channel: '#team', text: 'x', blocks: [actions(button('go'))] });
  const headers = { ...call.headers, authorization: 'Bearer xoxb-2' };
  const { channel, ts } = (await send(`${sandbox.urls.chat}/api/chat.postMessage`, { ...call, headers })).body;
  const press = { user: 'U0ALICE01', channel, ts, action: 'go' };
  expect((await control('POST', '/chat/press', press)).body).toMatchObject({ problem: 'no interactivity URL is set' });
  const told = (await control('GET', '/chat')).body;
  expect(told).toMatchObject({
    appId: 'A0SANDBOX',
    messages: [{ channelName: 'team', text: 'x', ts }],
    presses: [{ user: 'U0ALICE01', action: 'go' }],
    calls: [{ method: 'chat.postMessage', outcome: 'ok' }],
    responseUrlUses: 0,
  });
  expect(JSON.stringify(told)).not.toMatch(/sesame|xoxb/);
  expect((await control('DELETE', '/chat/messages', { channel, ts })).body).toEqual({ removed: true });
  expect((await control('DELETE', '/chat/messages', { channel, ts })).body).toEqual({ removed: false });
});

it.each([
  ['/chat', { interactivityUrl: 'nowhere' }, 'interactivityUrl'],
  ['/chat', { signingSecret: '' }, 'signingSecret'],
  ['/chat/channels', { isPrivate: true }, 'name'],
  ['/chat/press', { user: 'x' }, 'channel'],
])('a wrong request is refused: %s %j', async (path, body, field) => {
  expect(await control('POST', path, body)).toMatchObject({ code: 400, body: { error: expect.stringContaining(field) } });
});

it('the chat can be put out of order as the others', async () => {
  await control('POST', '/outage', { server: 'chat', mode: 'error500' });
  expect((await send(`${sandbox.urls.chat}/api/auth.test`, jsonCall({}))).code).toBe(500);
  await control('POST', '/outage', { server: 'chat', mode: 'ok' });
  expect((await send(`${sandbox.urls.chat}/`)).code).toBe(200);
});
