import { request } from 'node:http';
import { Script } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCRIPT } from '../../../src/sandbox/chat/assets.ts';
import { mrkdwnHtml } from '../../../src/sandbox/chat/mrkdwn.ts';
import { send } from '../client.ts';
import { actions, button, type OpenChat, openChat, section } from './client.ts';

/** What people see of the chat, and who may look and press. */

let open: OpenChat;
beforeAll(async () => {
  open = await openChat();
  open.chat.workspace.configure({ interactivityUrl: '' });
});
afterAll(() => open.close());

describe('mark-up', () => {
  it.each([
    ['*bold* _slanted_ ~gone~ `code`', '<strong>bold</strong> <em>slanted</em> <s>gone</s> <code>code</code>'],
    ['a * b * c, snake_case_name, 2*3*4', 'a * b * c, snake_case_name, 2*3*4'],
    ['a\nb', 'a<br>b'],
    ['&lt;b&gt; &amp;amp; "x" \'y\'', '&lt;b&gt; &amp;amp; &quot;x&quot; &#39;y&#39;'],
    ['<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    [
      '<https://example.com/?a=1&amp;b=2|see *here*>',
      '<a href="https://example.com/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">see *here*</a>',
    ],
    ['<javascript:alert(1)|x>', '&lt;javascript:alert(1)|x&gt;'],
    [
      '<https://x/"onmouseover="alert(1)|x>',
      '<a href="https://x/&quot;onmouseover=&quot;alert(1)" target="_blank" rel="noopener noreferrer">x</a>',
    ],
    ['<!channel> <@U0BOB0002|bob> <#C1|weather>', '<mark>@channel</mark> <mark>bob</mark> <mark>weather</mark>'],
    ['at <!date^1763769600^{time}|12:00 UTC>', 'at 12:00 UTC'],
    ['```\n*not bold* <b>\n```', '<pre>*not bold* &lt;b&gt;\n</pre>'],
    ['&gt; said\n&gt; more\nend', '<blockquote>said<br>more</blockquote>end'],
    [':warning: :no_such_emoji: :constructor:', '⚠️ :no_such_emoji: :constructor:'],
    ['*<https://x|bold link>*', '<strong><a href="https://x" target="_blank" rel="noopener noreferrer">bold link</a></strong>'],
  ])('%s', (text, html) => expect(mrkdwnHtml(text)).toBe(html));

  it('a text made to be slow is not', () => {
    const startMs = performance.now();
    for (const part of ['*', '_a', '`', '<', '~a ', '&gt;', '```', ':a']) mrkdwnHtml(part.repeat(3_000));
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });
});

describe('the inbox', () => {
  it('shows messages, threads and buttons of a channel, and to each member what is theirs', async () => {
    const blocks = [section('Half of all users?'), actions(button('approve', { style: 'primary' }))];
    const parent = await open.call('chat.postMessage', { channel: 'deploys', text: 'forecast v2 started' });
    const { channel, ts } = parent;
    await open.call('chat.postMessage', { channel, thread_ts: ts, text: 'only in the thread' });
    await open.call('chat.postMessage', { channel, thread_ts: ts, text: 'x', blocks, reply_broadcast: true });
    await open.call('chat.postEphemeral', { channel, user: 'U0BOB0002', text: 'bob may not' });
    const alice = await send(`${open.url}/?channel=deploys&as=alice`);
    expect(alice.headers['content-security-policy']).toMatch(/default-src 'none'; script-src 'self'/);
    expect(alice.body).toMatch(/forecast v2 started[\s\S]*2 replies[\s\S]*only in the thread[\s\S]*replied to a thread/);
    expect(alice.body).toMatch(/<option value="alice" selected>/);
    expect(alice.body).not.toContain('bob may not');
    expect((await send(`${open.url}/inbox?channel=deploys&as=bob`)).body).toMatch(/Only visible to you[\s\S]*bob may not/);
    expect((await send(`${open.url}/inbox?channel=general&as=bob`)).body).toContain('Nothing here yet');
    const ids = [...alice.body.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('keeps what others write within its place', async () => {
    const nasty = '"><img src=x onerror=alert(1)>';
    const plain = { type: 'plain_text', text: nasty };
    const blocks = [
      { type: 'header', text: plain },
      {
        ...section(nasty),
        block_id: nasty,
        fields: [plain],
        accessory: button(nasty, { text: plain, value: nasty, accessibility_label: nasty }),
      },
      { type: 'context', elements: [plain, { type: 'image', image_url: 'https://x/', alt_text: nasty }] },
      actions(button('ok', { text: plain, confirm: { title: plain, text: plain } })),
    ];
    const { ts, channel } = await open.call('chat.postMessage', { channel: 'weather', text: nasty, blocks });
    open.chat.workspace.setChannel({ name: nasty });
    await open.chat.press({ user: 'U0BOB0002', channel, ts, action: 'ok' });
    const { body } = await send(`${open.url}/?channel=weather&as=${encodeURIComponent(nasty)}`);
    expect(body).toContain('&lt;img src=x');
    expect(body).not.toContain('<img');
    const { body: other } = await send(`${open.url}/?channel=${encodeURIComponent(nasty)}`);
    expect(other).not.toContain('<img');
  });

  it('is pressed without a script, too, and says what came of it', async () => {
    const { channel, ts } = await open.call('chat.postMessage', {
      channel: 'deploys',
      text: 'x',
      blocks: [actions(button('go'))],
    });
    const body = String(new URLSearchParams({ user: 'U0BOB0002', channel, ts, action: 'go' }));
    const plain = await send(`${open.url}/press`, { method: 'POST', body });
    expect(plain).toMatchObject({ code: 303, headers: { location: '/?channel=deploys&as=bob' } });
    const script = await send(`${open.url}/press`, { method: 'POST', body, headers: { accept: 'application/json' } });
    expect(script.body).toMatchObject({ problem: 'no interactivity URL is set' });
    expect((await send(`${open.url}/?channel=deploys`)).body).toContain('bob pressed “Press go”: ⚠ no interactivity URL is set');
  });

  it('tells by itself when there is something new', async () => {
    const heard = new Promise<string>((resolve, reject) => {
      const stream = request(`${open.url}/events`, response => {
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          if (!chunk.includes('data:')) return void open.call('chat.postMessage', { channel: 'deploys', text: 'news' });
          resolve(chunk);
          stream.destroy();
        });
      });
      stream.on('error', reject);
      stream.end();
    });
    expect(await heard).toContain('data: changed');
  });

  it.each([
    ['another site in the browser', { origin: 'http://evil.example' }],
    ['another port', { origin: 'http://127.0.0.1:1' }],
    ['a sandboxed frame', { origin: 'null' }],
    ['a site that says so', { 'sec-fetch-site': 'cross-site' }],
    ['a name for this address', { host: 'evil.example' }],
  ])('is closed for %s', async (_, headers) => {
    for (const path of ['/press', '/', '/inbox', '/events'])
      expect((await send(`${open.url}${path}`, { method: path === '/press' ? 'POST' : 'GET', headers })).code).toBe(403);
  });

  it('and its script and style are its own', async () => {
    expect(() => new Script(SCRIPT)).not.toThrow();
    expect((await send(`${open.url}/inbox.js`)).headers['content-type']).toContain('text/javascript');
    expect((await send(`${open.url}/inbox.css`)).headers['content-type']).toContain('text/css');
    expect((await send(`${open.url}/other`)).code).toBe(404);
  });
});
