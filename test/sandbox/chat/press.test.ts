import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Loopback, listen } from '../../adapters/http/loopback.ts';
import { send } from '../client.ts';
import { actions, button, type OpenChat, openChat, section } from './client.ts';

/** A press goes to the app as Slack sends it. */

type Taken = { readonly body: string; readonly headers: Readonly<Record<string, string | string[] | undefined>> };

let open: OpenChat;
let app: Loopback;
const taken: Taken[] = [];
let status = 200;
beforeAll(async () => {
  open = await openChat();
  app = await listen(({ request, body }, response) => {
    taken.push({ body, headers: request.headers });
    if (status === 302) response.setHeader('location', `${open.url}/elsewhere`);
    response.writeHead(status).end();
  });
  open.chat.workspace.configure({ interactivityUrl: `${app.url}/hooks/slack`, signingSecret: 'sesame' });
});
afterAll(async () => {
  open.close();
  await app.close();
});

const question = async () => {
  const blocks = [section('Half of all?'), actions(button('approve', { style: 'primary' }), button('reject'))];
  const { channel, ts } = await open.call('chat.postMessage', { channel: 'deploys', text: 'Half of all?', blocks });
  return { channel, ts, user: 'U0ALICE01', action: 'approve' };
};

describe('a press', () => {
  it('is signed, and says who, where and what', async () => {
    const press = await question();
    status = 200;
    expect(await open.chat.press(press)).toEqual({ status: 200, tookMs: expect.any(Number) });
    const { body, headers } = taken.at(-1) ?? { body: '', headers: {} };
    const timestamp = headers['x-slack-request-timestamp'];
    const signature = createHmac('sha256', 'sesame').update(`v0:${timestamp}:${body}`).digest('hex');
    expect(headers).toMatchObject({
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-signature': `v0=${signature}`,
    });
    expect(Math.abs(Number(timestamp) - Date.now() / 1_000)).toBeLessThan(5);
    const payload = JSON.parse(new URLSearchParams(body).get('payload') ?? '');
    expect(payload).toMatchObject({
      type: 'block_actions',
      user: { id: 'U0ALICE01', username: 'alice', team_id: 'T0SANDBOX' },
      team: { id: 'T0SANDBOX' },
      api_app_id: 'A0SANDBOX',
      container: { type: 'message', message_ts: press.ts, channel_id: press.channel },
      channel: { id: press.channel, name: 'deploys' },
      message: { ts: press.ts, app_id: 'A0SANDBOX' },
      actions: [{ type: 'button', action_id: 'approve', value: 'value of approve', block_id: expect.any(String) }],
      response_url: expect.stringContaining(`${open.url}/actions/T0SANDBOX/`),
    });
    expect((await send(payload.response_url, { method: 'POST' })).code).toBe(200);
    expect(open.chat.responseUrlUses()).toBe(1);
  });

  it('shows a warning sign when the app refuses, sends elsewhere, or is not there', async () => {
    const press = await question();
    status = 401;
    expect(await open.chat.press(press)).toMatchObject({ status: 401, problem: 'the app answered 401' });
    status = 302;
    expect(await open.chat.press(press)).toMatchObject({ problem: 'the app answered 302' });
    open.chat.workspace.configure({ interactivityUrl: 'http://127.0.0.1:9/' });
    expect((await open.chat.press(press)).problem).toBeTruthy();
    open.chat.workspace.configure({ interactivityUrl: '' });
    expect(await open.chat.press(press)).toMatchObject({ problem: 'no interactivity URL is set' });
    open.chat.workspace.configure({ interactivityUrl: `${app.url}/hooks/slack` });
  });

  it('of a button that is gone, or by nobody, goes nowhere', async () => {
    const press = await question();
    const before = taken.length;
    expect((await open.chat.press({ ...press, user: 'U1' })).problem).toContain('no such member');
    await open.call('chat.update', { channel: press.channel, ts: press.ts, text: 'done', blocks: [] });
    expect((await open.chat.press(press)).problem).toContain('no such button');
    expect(taken).toHaveLength(before);
  });
});
