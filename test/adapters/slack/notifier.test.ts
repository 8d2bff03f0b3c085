import { afterEach, describe, expect, it } from 'vitest';
import { SystemError } from '../../../src/controller/ports.ts';
import { json } from '../http/loopback.ts';
import { buttonsOf, type FakeSlack, readable, startFakeSlack, TOKEN } from './fakeSlack.ts';
import { ASKING, approval, createMemory, createSubject, NOW_MS, pressOf, SECRET, startProcess } from './rig.ts';

const open: FakeSlack[] = [];
afterEach(async () => {
  for (const slack of open.splice(0)) await slack.close();
});

const start = async (more: Partial<Parameters<typeof startProcess>[0]> = {}) => {
  const slack = await startFakeSlack();
  open.push(slack);
  const { memory, texts, saves } = createMemory();
  const subject = createSubject();
  const options = { slack, memory, subjects: [subject], ...more };
  return { slack, texts, saves, subject, ...startProcess(options), restart: () => startProcess(options) };
};

const failure = async (sending: Promise<void>): Promise<unknown> =>
  sending.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('messages in Slack', () => {
  it('R35: one thread for each attempt, under a message that is updated in place with where the rollout is', async () => {
    const { slack, subject, tell } = await start();
    subject.set({ reason: 'Started', message: 'v2 starts' });
    await tell(subject.message());
    subject.set({});
    await tell(subject.message());
    subject.set({ step: { index: 2, count: 2 }, traffic: { weight: 50 }, message: 'step 2/2 at 50%' });
    await tell(subject.message());
    subject.set({ phase: 'Healthy', reason: 'Promoted', stableVersion: 'v2', message: 'v2 is stable' });
    await tell(subject.message());
    const [thread, ...others] = slack.threads();
    expect(others).toEqual([]);
    expect(thread?.replies.map(({ text }) => text)).toEqual([
      '*weather/forecast* step: step entered',
      '*weather/forecast* step: step entered',
      '*weather/forecast* promoted: promoted',
    ]);
    expect(thread?.replies.map(({ isBroadcast }) => isBroadcast)).toEqual([false, false, false]);
    expect(readable(thread?.parent ?? never())).toBe('weather/forecast: v1 → v2\nHealthy: all traffic on v2\nv2 is stable');
    expect(thread?.parent.updates).toBe(2);

    subject.set({ revision: 'r2', canaryVersion: 'v3', reason: 'Started', message: 'v3 starts' });
    await tell(subject.message({ version: 'v3' }));
    expect(slack.threads()).toHaveLength(2);
    expect(readable(slack.threads()[1]?.parent ?? never())).toContain('weather/forecast: v1 → v3');
  });

  it('is written without anything that Slack would make a mention, a link or a preview of', async () => {
    const { slack, subject, tell } = await start();
    await tell(subject.message({ message: '<!channel> <@U0BOB> *b* http://x' }));
    const [parent] = slack.calls;
    expect(parent?.body).toMatchObject({ parse: 'none', link_names: false, unfurl_links: false, unfurl_media: false });
    expect(JSON.stringify(parent?.body['blocks'])).not.toContain('mrkdwn');
    expect(parent?.body['text']).not.toContain('<');
  });

  it('an attempt that goes back is shown in the channel, once', async () => {
    const { slack, subject, tell } = await start();
    await tell(subject.message());
    subject.set({ phase: 'RollingBack', reason: 'GateFailed', message: 'going back' });
    await tell(subject.message({ type: 'Warning' }));
    subject.set({ phase: 'RolledBack', reason: 'GateFailed', message: 'all traffic on v1' });
    await tell(subject.message({ type: 'Warning' }));
    expect(slack.threads()[0]?.replies.map(({ isBroadcast }) => isBroadcast)).toEqual([true, false]);
    expect(readable(slack.threads()[0]?.parent ?? never())).toContain('Rolled back: all traffic on v1');
  });

  it('an attempt that goes back because of another commit is no alarm', async () => {
    const { slack, subject, tell } = await start();
    await tell(subject.message());
    subject.set({ phase: 'RollingBack', reason: 'Superseded', message: 'v3 was committed' });
    await tell(subject.message({ type: 'Warning' }));
    expect(slack.threads()[0]?.replies.map(({ isBroadcast }) => isBroadcast)).toEqual([false]);
  });

  it('what is told in a thread of yesterday is shown in the channel', async () => {
    let nowMs = NOW_MS;
    const { slack, subject, tell } = await start({ nowMs: () => nowMs });
    subject.set({ phase: 'Healthy', reason: 'Promoted', message: 'v2 is stable' });
    await tell(subject.message());
    nowMs += 25 * 3_600_000;
    subject.set({ phase: 'Healthy', reason: 'Drift', message: 'somebody changed the weights' });
    await tell(subject.message({ type: 'Warning', at: new Date(nowMs).toISOString() }));
    expect(slack.threads()[0]?.replies.at(-1)?.isBroadcast).toBe(true);
  });

  it('tells what its events name, and begins no thread for anything else', async () => {
    const { slack, subject, tell } = await start({ events: ['GateFailed'] });
    await tell(subject.message());
    subject.set(ASKING);
    await tell(subject.message());
    expect(slack.messages).toEqual([]);
    subject.set({ phase: 'RollingBack', reason: 'GateFailed', message: 'going back' });
    await tell(subject.message({ type: 'Warning' }));
    subject.set({ phase: 'RolledBack', reason: 'RolledBack', message: 'all traffic on v1' });
    await tell(subject.message());
    expect(slack.threads()[0]?.replies).toHaveLength(1);
    expect(readable(slack.threads()[0]?.parent ?? never())).toContain('Rolled back');
  });

  it('of what its events do not name the message above the thread knows all the same, also without an attempt', async () => {
    const { slack, subject, tell } = await start({ events: ['Started'] });
    subject.set({ reason: 'Started', message: 'v2 starts' });
    await tell(subject.message());
    subject.set({ phase: 'Healthy', reason: 'Promoted', stableVersion: 'v2', message: 'v2 is stable' });
    const { revision: _revision, ...promoted } = subject.message();
    await tell(promoted);
    expect(slack.messages).toHaveLength(1);
    expect(readable(slack.messages[0] ?? never())).toContain('Healthy: all traffic on v2');
  });

  it('the channel of the Rollout counts, also when it changes in the middle of an attempt', async () => {
    const { slack, subject, tell } = await start();
    subject.set(ASKING);
    await tell(subject.message());
    subject.notify('#weather');
    await tell(subject.message({ reason: 'RequestRefused', message: 'refused' }));
    const [first, second] = slack.threads();
    expect(readable(first?.parent ?? never())).toContain('Goes on in #weather');
    expect(second?.parent.channel).toBe('C0002');
    const [before] = first?.replies ?? [];
    expect(readable(before ?? never())).toContain('Asked in #weather now');
    expect(buttonsOf(before ?? never())).toEqual({});
    expect(second?.replies.map(reply => Object.keys(buttonsOf(reply)))).toEqual([[], ['Approve', 'Reject']]);
  });

  it('a channel where the app may not write gets nothing, and no other one gets it', async () => {
    const { slack, subject, tell } = await start();
    subject.notify('#secret');
    const error = await failure(tell(subject.message()));
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({
      kind: 'refused',
      message:
        'posting to #secret: Slack answered channel_not_found: there is no such channel, or it is private and the app is not in it: invite the app there',
    });
    expect(slack.messages).toEqual([]);
  });

  it('begins a thread anew when somebody has deleted it', async () => {
    const { slack, subject, tell } = await start();
    await tell(subject.message());
    slack.remove(slack.threads()[0]?.parent ?? never());
    await tell(subject.message());
    expect(slack.threads()).toHaveLength(1);
    slack.messages.splice(0);
    subject.set({ step: { index: 2, count: 2 } });
    await tell(subject.message());
    expect(slack.threads()).toHaveLength(1);
  });

  it('says when something happened that is told late', async () => {
    const { slack, subject, tell } = await start();
    await tell(subject.message());
    await tell(subject.message({ at: new Date(NOW_MS - 3_600_000).toISOString(), message: 'an hour ago' }));
    expect(readable(slack.messages.at(-1) ?? never())).toContain(
      `<!date^${NOW_MS / 1000 - 3600}^{date_short_pretty} {time_secs}|2026-11-21T13:00:00Z>`,
    );
  });

  it('breaks long text where it can, and Slack takes every piece', async () => {
    const { slack, subject, tell } = await start();
    await tell(subject.message());
    await tell(subject.message({ message: `${'a &amp; b <https://x.example|link> '.repeat(400)}\n${'😀'.repeat(9_000)}` }));
    const { blocks } = slack.messages.at(-1) ?? never();
    const texts = blocks.map(({ text }) => text?.text ?? '');
    expect(texts.length).toBe(5);
    for (const text of texts) {
      expect(text.length).toBeLessThanOrEqual(3_000);
      expect(text).not.toMatch(/<[^>]*$|&[a-z]*$/);
      expect(Buffer.from(text).toString()).toBe(text);
    }
    expect(texts.at(-1)).toMatch(/…$/);
  });
});

describe('a message that Slack did not take', () => {
  it.each([
    ['invalid_auth', 'unavailable'],
    ['token_revoked', 'unavailable'],
    ['missing_scope', 'unavailable'],
    ['internal_error', 'unavailable'],
    ['ratelimited', 'unavailable'],
    ['not_in_channel', 'refused'],
    ['is_archived', 'refused'],
    ['msg_too_long', 'refused'],
    ['invalid_blocks', 'refused'],
    ['something_new', 'refused'],
  ])('%s is %s', async (error, kind) => {
    const { slack, subject, tell } = await start();
    slack.fail((_, response) => {
      json(response, { ok: false, error });
      return true;
    });
    const thrown = await failure(tell(subject.message()));
    expect(thrown).toMatchObject({ kind });
    expect(String(thrown)).toContain(`Slack answered ${error}`);
  });

  it('Retry-After is passed on; HTML and other answers are no fault of the message', async () => {
    const { slack, subject, tell } = await start();
    slack.fail((_, response) => {
      response.writeHead(429, { 'retry-after': '30' }).end('{"ok":false,"error":"ratelimited"}');
      return true;
    });
    expect(await failure(tell(subject.message()))).toMatchObject({ kind: 'unavailable', retryAfterMs: 30_000 });
    slack.fail((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>login');
      return true;
    });
    expect(await failure(tell(subject.message()))).toMatchObject({ kind: 'unavailable' });
    slack.fail((_, response) => {
      response.writeHead(404).end();
      return true;
    });
    expect(await failure(tell(subject.message()))).toMatchObject({ kind: 'unavailable' });
  });

  it('the token is read for each call, stands in no error, and an empty one is not sent', async () => {
    let token = 'xoxb-secret-1';
    const { slack, subject, tell } = await start({ token: () => token });
    expect(String(await failure(tell(subject.message())))).toMatch(/invalid_auth: (?!.*secret)/);
    slack.setToken('xoxb-secret-2');
    token = 'xoxb-secret-2';
    await tell(subject.message());
    const before = slack.calls.length;
    for (const bad of ['', 'a\r\nx: y']) {
      token = bad;
      expect(await failure(tell(subject.message()))).toMatchObject({ kind: 'unavailable' });
    }
    expect(slack.calls.length).toBe(before);
  });

  it('R35: what was done stays done: each part is posted once, wherever it breaks', async () => {
    const { slack, subject, tell } = await start();
    subject.set({ ...ASKING });
    const message = subject.message();
    const other = subject.message({ reason: 'RequestRefused', message: 'refused' });
    let calls = 0;
    let broken = 1;
    slack.fail((_, response) => {
      calls += 1;
      if (calls !== broken) return false;
      response.writeHead(503).end();
      return true;
    });
    for (const told of [message, other]) {
      for (let tries = 0; (await failure(tell(told))) !== undefined; tries += 1) {
        expect(tries).toBeLessThan(9);
        broken += 1;
        calls = 0;
      }
    }
    slack.fail(undefined);
    expect(slack.threads()).toHaveLength(1);
    expect(slack.threads()[0]?.replies.map(({ text }) => text)).toEqual([
      '*weather/forecast* approval: waits for approval',
      '*weather/forecast* other: a request was refused',
    ]);
  });

  it('R35: an hour without Slack: everything is told afterwards, no question that has ended is asked', async () => {
    const { slack, subject, tell } = await start();
    subject.set({ reason: 'Started', message: 'v2 starts' });
    const queue = [subject.message()];
    subject.set({});
    queue.push(subject.message());
    subject.set(ASKING);
    queue.push(subject.message());
    subject.set({ ...ASKING, reason: 'Approved', phase: 'Progressing', approvals: [approval('alice'), approval('bob')] });
    queue.push(subject.message());
    subject.set({ phase: 'Healthy', reason: 'Promoted', stableVersion: 'v2', message: 'v2 is stable' });
    queue.push(subject.message());
    slack.fail((_, response) => {
      response.destroy();
      return true;
    });
    expect(await failure(tell(queue[0] ?? never()))).toMatchObject({ kind: 'unavailable' });
    slack.fail(undefined);
    for (const message of queue) await tell(message);
    const [thread] = slack.threads();
    expect(thread?.replies).toHaveLength(4);
    expect(thread?.replies.flatMap(reply => Object.keys(buttonsOf(reply)))).toEqual([]);
    expect(readable(thread?.parent ?? never())).toContain('Healthy');
    expect(thread?.parent.updates).toBe(0);
  });
});

describe('what is remembered beyond a restart', () => {
  it('R35: the thread goes on, nothing is told twice, and little is stored', async () => {
    const { slack, subject, saves, tell, close, restart } = await start();
    const messages = [subject.message(), subject.message({ message: 'again' })];
    for (const message of messages) await tell(message);
    expect(saves).toHaveLength(1);
    await close();
    expect(saves).toHaveLength(2);
    await close();
    expect(saves).toHaveLength(2);
    const next = restart();
    for (const message of messages) await next.tell(message);
    await next.tell(subject.message({ message: 'new' }));
    expect(slack.threads()).toHaveLength(1);
    expect(slack.threads()[0]?.replies).toHaveLength(2);
    expect(saves).toHaveLength(2);
  });

  it('a question that was asked before a restart is closed after it', async () => {
    const { slack, subject, tell, restart } = await start();
    subject.set(ASKING);
    await tell(subject.message());
    const next = restart();
    subject.set({ ...ASKING, reason: 'Approved', phase: 'Progressing', approvals: [approval('alice'), approval('bob')] });
    await next.tell(subject.message());
    const [thread] = slack.threads();
    expect(thread?.replies).toHaveLength(1);
    expect(readable(thread?.replies[0] ?? never())).toContain('Approved by alice, bob');
    expect(buttonsOf(thread?.replies[0] ?? never())).toEqual({});
  });

  it('R19: a question that stands is not asked again when it is told again, whatever became of the bot token', async () => {
    let token = TOKEN;
    const { slack, subject, tell, restart } = await start({ token: () => token });
    subject.set(ASKING);
    const message = subject.message();
    await tell(message);
    token = 'xoxb-new';
    slack.setToken(token);
    const next = restart();
    await next.tell(message);
    await next.tell(message);
    expect(slack.threads().map(({ replies }) => replies.length)).toEqual([1]);
    await next.hook.read(pressOf(slack.messages.at(-1) ?? never()));
  });

  it('an empty secret opens and seals nothing: it is waited for', async () => {
    let secret = SECRET;
    const { subject, tell, restart, saves } = await start({ secret: () => secret });
    subject.set(ASKING);
    await tell(subject.message());
    secret = '';
    const next = restart();
    expect(await failure(next.tell(subject.message()))).toMatchObject({ kind: 'unavailable' });
    expect(saves).toHaveLength(1);
  });

  it('of two processes the one that leads again looks up what the other one has posted', async () => {
    const slack = await startFakeSlack();
    open.push(slack);
    const { memory } = createMemory();
    const subject = createSubject();
    let epoch = 1;
    const one = startProcess({ slack, memory, subjects: [subject], epoch: () => epoch });
    const two = startProcess({ slack, memory, subjects: [subject] });
    await one.tell(subject.message());
    subject.set({ revision: 'r2' });
    await two.tell(subject.message());
    epoch = 2;
    await one.tell(subject.message({ message: 'more' }));
    expect(slack.threads().map(({ replies }) => replies.length)).toEqual([0, 1]);
  });

  it('what another process has stored meanwhile counts, and what cannot be stored now is stored later', async () => {
    const { memory, saves } = createMemory();
    let trouble: SystemError['kind'] | undefined = 'unavailable';
    const { slack, subject, tell, restart } = await start({
      memory: {
        load: memory.load,
        save: async (...parameters) => {
          if (trouble !== undefined) throw new SystemError('kubernetes', 'patching configmaps weather/x', trouble, 'no');
          await memory.save(...parameters);
        },
      },
    });
    await tell(subject.message());
    expect(saves).toHaveLength(0);
    trouble = undefined;
    await tell(subject.message());
    expect(saves).toHaveLength(1);
    const other = restart();
    subject.set({ revision: 'r2' });
    await other.tell(subject.message());
    subject.set({ revision: 'r3' });
    trouble = 'conflict';
    await tell(subject.message());
    trouble = undefined;
    subject.set({ revision: 'r2' });
    await tell(subject.message());
    expect(slack.threads().map(({ replies }) => replies.length)).toEqual([1, 1, 0]);
  });

  it('nobody can have messages sent elsewhere by changing what is stored', async () => {
    const { slack, subject, texts, tell, restart } = await start();
    await tell(subject.message());
    const [uid = '', text = ''] = [...texts][0] ?? [];
    texts.set(uid, text.replaceAll('C0001', 'C0002'));
    const next = restart();
    await next.tell(subject.message());
    expect(slack.messages.every(({ channel }) => channel === 'C0001')).toBe(true);
    expect(slack.threads()).toHaveLength(2);
    expect(next.lines).toMatchObject([{ level: 'info', fields: { rollout: 'weather/forecast' } }]);

    const other = createSubject('orders');
    texts.set('uid-orders', texts.get(uid) ?? '');
    const third = startProcess({ slack, memory: createMemory().memory, subjects: [other] });
    await third.tell(other.message());
    expect(slack.threads()).toHaveLength(3);
  });

  it('without a place to remember, people are told all the same', async () => {
    const refused = new SystemError('kubernetes', 'reading ConfigMap weather/x', 'refused', 'it is not ours');
    const fail = async (): Promise<never> => {
      throw refused;
    };
    const { slack, subject, tell, lines } = await start({ memory: { load: fail, save: fail } });
    await tell(subject.message());
    await tell(subject.message({ message: 'again' }));
    expect(slack.threads()).toHaveLength(1);
    expect(lines.filter(({ level }) => level === 'warn').length).toBeGreaterThan(0);
  });

  it('waits while what was told cannot be known', async () => {
    const down = new SystemError('kubernetes', 'patching configmaps weather/x', 'unavailable', 'HTTP 503');
    const { slack, subject, tell } = await start({
      memory: {
        load: async () => {
          throw down;
        },
        save: async () => {},
      },
    });
    expect(await failure(tell(subject.message()))).toBe(down);
    expect(slack.messages).toEqual([]);
  });
});

function never(): never {
  throw new Error('there is none');
}
