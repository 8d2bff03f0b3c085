import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { send } from '../client.ts';
import { actions, button, jsonCall, type OpenChat, openChat, section } from './client.ts';

/** The API of the chat answers as Slack does. */

let open: OpenChat;
beforeAll(async () => {
  open = await openChat();
});
afterAll(() => open.close());

describe('messages', () => {
  it('are posted, answered in a thread, and changed', async () => {
    const posted = await open.call('chat.postMessage', { channel: '#deploys', text: 'hello', blocks: [section('*hello*')] });
    expect(posted).toMatchObject({
      ok: true,
      channel: expect.stringMatching(/^C0/),
      ts: expect.stringMatching(/^\d{10}\.\d{6}$/),
    });
    expect(posted.message).toMatchObject({
      type: 'message',
      text: 'hello',
      app_id: 'A0SANDBOX',
      bot_id: 'B0SANDBOX',
      team: 'T0SANDBOX',
    });
    expect(posted.message.blocks).toEqual([{ ...section('*hello*'), block_id: expect.any(String) }]);
    const { channel, ts } = posted;
    const reply = await open.call('chat.postMessage', { channel, text: 'more', thread_ts: ts, reply_broadcast: true });
    expect(reply.message.thread_ts).toBe(ts);
    expect(Number(reply.ts)).toBeGreaterThan(Number(ts));
    const changed = await open.call('chat.update', { channel, ts, text: 'bye' });
    expect(changed).toMatchObject({ ok: true, ts, text: 'bye', message: { edited: { ts: expect.any(String) } } });
    expect(open.chat.workspace.find(channel, reply.ts)).toMatchObject({ threadTs: ts, isBroadcast: true });
  });

  it('keep their buttons when a change names no blocks, and lose them with an empty list', async () => {
    const { channel, ts } = await open.call('chat.postMessage', {
      channel: 'deploys',
      text: 'x',
      blocks: [actions(button('a'))],
    });
    expect((await open.call('chat.update', { channel, ts, text: 'y' })).message.blocks).toHaveLength(1);
    expect((await open.call('chat.update', { channel, ts, text: 'y', blocks: [] })).message.blocks).toBeUndefined();
  });

  it('may be for one member only', async () => {
    const args = { channel: '#deploys', user: 'U0BOB0002', text: 'psst' };
    const { ok, message_ts } = await open.call('chat.postEphemeral', args);
    expect(ok).toBe(true);
    const { id = '' } = open.chat.workspace.channel('deploys') ?? {};
    expect(open.chat.workspace.find(id, message_ts)).toMatchObject({ onlyFor: 'U0BOB0002' });
    expect(await open.call('chat.update', { channel: id, ts: message_ts, text: 'x' })).toMatchObject({
      error: 'cant_update_message',
    });
    expect(await open.call('chat.postEphemeral', { ...args, user: 'U1' })).toMatchObject({ error: 'user_not_in_channel' });
  });

  it('come as a form, too', async () => {
    const form = new URLSearchParams({
      token: 'xoxb-sandbox',
      channel: 'weather',
      text: 'x',
      blocks: JSON.stringify([section('y')]),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const { body } = await send(`${open.url}/api/chat.postMessage`, { method: 'POST', headers, body: String(form) });
    expect(body).toMatchObject({ ok: true, message: { blocks: [{ type: 'section' }] } });
  });

  it('a bot is told who it is', async () => {
    const who = { ok: true, team_id: 'T0SANDBOX', bot_id: 'B0SANDBOX', user_id: 'U0SLUICE0' };
    expect(await open.call('auth.test', {})).toMatchObject(who);
  });
});

describe('refusals', () => {
  beforeAll(() => {
    open.chat.workspace.setChannel({ name: 'secret', isPrivate: true, hasBot: false });
    open.chat.workspace.setChannel({ name: 'foreign', hasBot: false });
    open.chat.workspace.setChannel({ name: 'old', isArchived: true });
  });

  it.each([
    ['nowhere', 'channel_not_found'],
    ['secret', 'channel_not_found'],
    ['foreign', 'not_in_channel'],
    ['old', 'is_archived'],
  ])('channel %s: %s', async (channel, error) => {
    expect(await open.call('chat.postMessage', { channel, text: 'x' })).toEqual({ ok: false, error });
  });

  it('a message that is not there, or was deleted, cannot be changed', async () => {
    const { channel, ts } = await open.call('chat.postMessage', { channel: 'deploys', text: 'x' });
    expect(await open.call('chat.update', { channel: '#deploys', ts, text: 'y' })).toMatchObject({ error: 'channel_not_found' });
    expect(await open.call('chat.update', { channel, ts, text: 'y'.repeat(4_001) })).toMatchObject({ error: 'msg_too_long' });
    open.chat.workspace.remove(channel, ts);
    expect(await open.call('chat.update', { channel, ts, text: 'y' })).toMatchObject({ error: 'message_not_found' });
  });

  it.each([
    ['no token', { authorization: '' }, 'not_authed'],
    ['a wrong token', { authorization: 'Bearer xoxb-other' }, 'invalid_auth'],
    ['no content type', { 'content-type': '' }, 'missing_post_type'],
    ['a wrong content type', { 'content-type': 'application/xml' }, 'invalid_post_type'],
  ])('%s', async (_, headers, error) => {
    const call = jsonCall({ channel: 'deploys', text: 'x' });
    const { body } = await send(`${open.url}/api/chat.postMessage`, { ...call, headers: { ...call.headers, ...headers } });
    expect(body).toEqual({ ok: false, error });
  });

  it.each([
    ['{', 'invalid_json'],
    ['[]', 'json_not_object'],
    ['{"channel":"deploys"}', 'no_text'],
    ['{"channel":"deploys","blocks":"{"}', 'invalid_blocks_format'],
  ])('a body %s: %s', async (body, error) => {
    const answer = await send(`${open.url}/api/chat.postMessage`, { ...jsonCall({}), body });
    expect(answer.body).toEqual({ ok: false, error });
  });

  it('an unknown method', async () => {
    expect(await open.call('chat.shout', {})).toMatchObject({ ok: false, error: 'unknown_method' });
    expect(await open.call('toString', {})).toMatchObject({ ok: false, error: 'unknown_method' });
  });

  it('too many calls, and an error that was ordered', async () => {
    open.chat.workspace.configure({ rateLimitedUntilMs: Date.now() + 60_000 });
    const limited = await send(`${open.url}/api/auth.test`, jsonCall({}));
    expect(limited).toMatchObject({ code: 429, body: { ok: false, error: 'ratelimited' }, headers: { 'retry-after': '60' } });
    open.chat.workspace.configure({ rateLimitedUntilMs: 0, error: 'internal_error' });
    expect(await open.call('auth.test', {})).toEqual({ ok: false, error: 'internal_error' });
    open.chat.workspace.configure({ error: '' });
    expect(await open.call('auth.test', {})).toMatchObject({ ok: true });
    expect(open.chat.calls().slice(-3)).toMatchObject([
      { outcome: 'ratelimited' },
      { outcome: 'internal_error' },
      { outcome: 'ok' },
    ]);
  });
});

describe('blocks that Slack would not show', () => {
  const plain = (text: string) => ({ type: 'plain_text', text });
  it.each([
    ['an unknown block', [{ type: 'marquee' }], 'unsupported type: marquee [json-pointer:/blocks/0/type]'],
    ['no object', ['x'], 'unsupported type: none'],
    ['an inherited name', [{ type: 'toString' }], 'unsupported type: toString'],
    ['a long section', [section('x'.repeat(3_001))], 'must be less than 3001 characters [json-pointer:/blocks/0/text/text]'],
    ['an empty section', [section('')], 'must be more than 0 characters'],
    ['a section without text', [{ type: 'section' }], 'must define either `text` or `fields`'],
    ['an unknown member', [{ ...section('x'), colour: 'red' }], 'invalid additional property: colour'],
    ['a long button', [actions(button('a', { text: plain('x'.repeat(76)) }))], 'must be less than 76 characters'],
    ['a button in mrkdwn', [actions(button('a', { text: { type: 'mrkdwn', text: 'x' } }))], 'must be plain_text'],
    ['a long value', [actions(button('a', { value: 'x'.repeat(2_001) }))], 'must be less than 2001 characters'],
    ['a style', [actions(button('a', { style: 'loud' }))], 'must be one of: primary, danger'],
    ['a dialog without title', [actions(button('a', { confirm: { text: plain('x') } }))], 'missing required field: title'],
    ['the same button twice', [actions(button('a'), button('a'))], 'action_id a already exists'],
    [
      'the same block twice',
      [
        { ...section('x'), block_id: 'b' },
        { ...section('y'), block_id: 'b' },
      ],
      'block_id b already exists',
    ],
    ['too many buttons', [actions(...Array.from({ length: 26 }, (_, i) => button(`b${i}`)))], 'no more than 25 items allowed'],
    ['too many blocks', Array.from({ length: 51 }, () => section('x')), 'no more than 50 items allowed'],
    ['an empty context', [{ type: 'context', elements: [] }], 'no fewer than 1 items'],
    ['a header in mrkdwn', [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }], 'must be plain_text'],
  ])('%s', async (_, blocks, problem) => {
    const answer = await open.call('chat.postMessage', { channel: 'deploys', text: 'x', blocks });
    expect(answer).toMatchObject({ ok: false, error: 'invalid_blocks' });
    expect(answer.errors.join('\n')).toContain(problem);
    expect(answer.response_metadata.messages[0]).toMatch(/^\[ERROR\] /);
  });

  it('and those that it shows', async () => {
    const confirm = { title: plain('Sure?'), text: section('x').text, confirm: plain('Yes'), deny: plain('No'), style: 'danger' };
    const blocks = [
      { type: 'header', text: plain('x') },
      { type: 'divider' },
      { ...section('x'.repeat(3_000)), fields: [plain('a'), plain('b')], accessory: button('c') },
      { type: 'context', elements: [plain('x'), { type: 'image', image_url: 'https://example.com/x.png', alt_text: 'x' }] },
      actions(button('a', { style: 'primary', confirm }), { type: 'button', text: plain('no id') }),
    ];
    const { ok, message } = await open.call('chat.postMessage', { channel: 'deploys', text: 'x', blocks });
    expect(ok).toBe(true);
    expect(message.blocks.at(-1).elements[1].action_id).toEqual(expect.any(String));
  });
});
