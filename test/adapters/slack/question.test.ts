import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { peopleBlock } from '../../../src/adapters/slack/blocks.ts';
import type { RolloutStatus } from '../../../src/rollout/index.ts';
import { json } from '../http/loopback.ts';
import { buttonsOf, type FakeSlack, type Kept, readable, startFakeSlack } from './fakeSlack.ts';
import { ASKED_AT, ASKING, approval, createMemory, createSubject, pressOf, startProcess } from './rig.ts';

let slack: FakeSlack;
let count = 0;
beforeAll(async () => {
  slack = await startFakeSlack();
});
afterAll(() => slack.close());

/** A Rollout of its own that asks people; `question` is the message with the buttons. */
const ask = async (more: Partial<Parameters<typeof startProcess>[0]> = {}) => {
  count += 1;
  slack.fail(undefined);
  const subject = createSubject(`forecast-${count}`);
  const { memory, saves } = createMemory();
  const sluice = startProcess({ slack, memory, subjects: [subject], ...more });
  subject.set(ASKING);
  await sluice.tell(subject.message());
  const thread = () => slack.threads().findLast(({ parent }) => readable(parent).includes(subject.name)) ?? never();
  const question = (): Kept => thread().replies.findLast(({ text }) => text.includes('approval')) ?? never();
  return { ...sluice, subject, saves, thread, question };
};

describe('a question in Slack', () => {
  it('R19, R35: is a reply with buttons that the channel sees, too', async () => {
    const { question, subject, thread } = await ask();
    expect(question().isBroadcast).toBe(true);
    expect(thread().replies).toHaveLength(1);
    expect(readable(question())).toBe(
      [
        `*weather/${subject.name}* approval: waits for approval`,
        'step 2 at 50% needs the approval of 2 of slack:U0ALICE, slack:U0BOB',
        'Asked: <@U0ALICE>, <@U0BOB>',
        '0 of 2 so far',
        '[Approve]',
        '[Reject]',
      ].join('\n'),
    );
    const actions = question().blocks.find(({ type }) => type === 'actions');
    expect(actions?.elements).toMatchObject([
      {
        style: 'primary',
        confirm: {
          title: { text: `Approve step 2 of weather/${subject.name}?` },
          text: { text: '50% of the traffic goes to v2 when enough people have agreed.' },
        },
      },
      {
        style: 'danger',
        confirm: { text: { text: 'One rejection is enough: all traffic goes back to v1.' }, style: 'danger' },
      },
    ]);
    const values = Object.values(buttonsOf(question())).map(({ value }) => value);
    expect(new Set(values).size).toBe(2);
    for (const value of values) expect(value).toMatch(/^[\w-]{43}$/);
  });

  it('R19: mentions those whom Slack knows; nothing else that stands in the spec is markup', () => {
    const names = ['slack:U0ALICE', 'slack:U0<!here>', 'slack:u0bob', 'group:`<!channel>`', 'user:*al*', 'slack:W0CAROL'];
    expect(peopleBlock(names)).toMatchObject({
      text: {
        text: "Asked: <@U0ALICE>, `slack:U0&lt;!here&gt;`, `slack:u0bob`, `group:'&lt;!channel&gt;'`, `user:*al*`, <@W0CAROL>",
      },
    });
    const many = peopleBlock(Array.from({ length: 30 }, (_, index) => `user:${index}`));
    expect(JSON.stringify(many)).toContain('`user:19` and 10 more');
  });

  it('is updated in place when one of two has agreed, and asks on', async () => {
    const { question, subject, thread, tell, saves } = await ask();
    subject.set({ ...ASKING, approvals: [approval('alice')] });
    await tell(subject.message({ reason: 'Approved', message: 'approved by alice' }));
    expect(readable(question())).toContain('1 of 2: alice');
    expect(Object.keys(buttonsOf(question()))).toEqual(['Approve', 'Reject']);
    expect(thread().replies).toHaveLength(1);
    expect(saves).toHaveLength(1);
  });

  const answered = { ...ASKING, phase: 'Progressing' } as const;
  it.each<[string, Partial<RolloutStatus>, string]>([
    ['granted', { ...answered, reason: 'Approved', approvals: [approval('alice'), approval('bob')] }, 'Approved by alice, bob'],
    [
      'rejected',
      {
        ...ASKING,
        phase: 'RollingBack',
        reason: 'Rejected',
        approvals: [approval('alice'), approval('bob', { decision: 'rejected', comment: '<!here> p99 looks odd' })],
      },
      'Rejected by bob: <!here> p99 looks odd',
    ],
    [
      'timed out',
      { ...ASKING, phase: 'RollingBack', reason: 'ApprovalTimedOut' },
      'Nobody answered in time: all traffic goes back',
    ],
    [
      'void, as the attempt goes back',
      { ...ASKING, phase: 'RollingBack', reason: 'GateFailed', message: 'success-rate 52 % < 99 %' },
      'Not asked any more: success-rate 52 % < 99 %',
    ],
    [
      'void, as another attempt is in progress',
      { revision: 'r2', canaryVersion: 'v3', message: 'v3 starts: v2 was replaced' },
      'Not asked any more: v3 starts: v2 was replaced',
    ],
    [
      'void, as it was edited',
      {
        ...ASKING,
        step: { index: 1, count: 2, askedAt: '2026-11-21T13:59:55.000Z' },
        message: 'step 2 at 60% needs the approval',
      },
      'Asked anew: step 2 at 60% needs the approval',
    ],
  ])('R19: when it is %s, its buttons go and it says so', async (_, next, said) => {
    const { question, subject, tell } = await ask();
    const asked = question();
    expect(readable(asked)).toContain('Asked: ');
    subject.set(next);
    await tell(subject.message());
    expect(buttonsOf(asked)).toEqual({});
    expect(readable(asked)).toBe(`*weather/${subject.name}* approval: waits for approval\n${said}`);
    // people's own words are never markup
    expect(asked.blocks.at(-1)?.elements).toMatchObject([{ type: 'plain_text' }]);
  });

  it('R19: people who are asked anew get a message of its own, and the old one has no buttons', async () => {
    const { question, subject, tell, saves } = await ask();
    const before = question();
    subject.set({ ...ASKING, step: { index: 1, count: 2, askedAt: '2026-11-21T13:59:55.000Z' } });
    await tell(subject.message());
    expect(buttonsOf(before)).toEqual({});
    expect(Object.keys(buttonsOf(question()))).toEqual(['Approve', 'Reject']);
    expect(question().ts).not.toBe(before.ts);
    expect(saves).toHaveLength(2);
  });

  it('is posted anew when somebody has deleted it, with the next thing that happens', async () => {
    const { question, subject, tell } = await ask();
    const before = question();
    slack.remove(before);
    subject.set({ ...ASKING, approvals: [approval('alice')] });
    await tell(subject.message({ reason: 'Approved', message: 'approved by alice' }));
    expect(question().ts).not.toBe(before.ts);
    expect(readable(question())).toContain('1 of 2: alice');
  });

  it('R19: what was told of an earlier question is never the text above the buttons of a later one', async () => {
    const { subject, thread, tell } = await ask();
    subject.set({ ...ASKING, message: 'step 2 at 50% needs the approval of the board', revision: 'r2' });
    const late = subject.message();
    subject.set({
      ...ASKING,
      revision: 'r2',
      step: { index: 1, count: 2, askedAt: '2026-11-21T14:10:00.000Z' },
      message: 'step 2 at 50% needs the approval of all',
    });
    const next = subject.message();
    await tell(late);
    await tell(next);
    expect(thread().replies.map(reply => [Object.keys(buttonsOf(reply)).length, readable(reply).split('\n')[1]])).toEqual([
      [0, 'step 2 at 50% needs the approval of the board'],
      [2, 'step 2 at 50% needs the approval of all'],
    ]);
  });

  it('asks Slack for the workspace where its answers do not name it, once', async () => {
    slack.tellsTeam(false);
    slack.fail(({ method }, response) => {
      if (method === 'auth.test') response.writeHead(503).end();
      return method === 'auth.test';
    });
    const subject = createSubject('teamless');
    const { memory } = createMemory();
    const { tell, hook } = startProcess({ slack, memory, subjects: [subject] });
    subject.set(ASKING);
    const message = subject.message();
    await expect(tell(message)).rejects.toMatchObject({ kind: 'unavailable' });
    slack.fail(undefined);
    await tell(message);
    const { replies } = slack.threads().at(-1) ?? never();
    slack.tellsTeam(true);
    expect(replies).toHaveLength(1);
    expect(await hook.read(pressOf(replies[0] ?? never()))).toMatchObject({ key: 'weather/teamless' });
    const other = pressOf(replies[0] ?? never(), { change: payload => Object.assign(payload, { team: { id: 'T0666' } }) });
    await expect(hook.read(other)).rejects.toMatchObject({ status: 403 });
    expect(slack.calls.filter(({ method }) => method === 'auth.test')).toHaveLength(2);
  });

  it('what cannot be updated any more holds up nothing', async () => {
    const { subject, thread, tell } = await ask();
    slack.fail(({ method }, response) => {
      if (method === 'chat.update') json(response, { ok: false, error: 'edit_window_closed' });
      return method === 'chat.update';
    });
    subject.set({ ...ASKING, phase: 'RollingBack', reason: 'GateFailed', message: 'going back' });
    await tell(subject.message({ type: 'Warning' }));
    expect(thread().replies).toHaveLength(2);
  });

  it('has no buttons without a signing secret, and is updated all the same', async () => {
    const { question, subject, tell } = await ask({ hasButtons: false });
    expect(buttonsOf(question())).toEqual({});
    subject.set({ ...ASKING, approvals: [approval('alice')] });
    await tell(subject.message({ reason: 'Approved', message: 'approved by alice' }));
    expect(readable(question())).toContain('1 of 2: alice');
  });

  it('an empty signing secret makes no buttons: it is waited for', async () => {
    await expect(ask({ secret: () => '' })).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'making buttons: the signing secret of Slack is empty',
    });
  });

  it('the Rollout is gone: the question says so', async () => {
    const { question, subject, tell } = await ask();
    const last = subject.message({ reason: 'Deleted', message: 'deleted' });
    const asked = question();
    subject.remove();
    await tell(last);
    expect(buttonsOf(asked)).toEqual({});
    expect(readable(asked)).toContain('the Rollout is gone');
  });

  it('answers to an earlier question do not end a later one', async () => {
    const { question, subject, tell } = await ask();
    const early = new Date(Date.parse(ASKED_AT) - 60_000).toISOString();
    subject.set({ revision: 'r2', approvals: [approval('alice', { at: early }), approval('bob', { at: early })] });
    const asked = question();
    await tell(subject.message());
    expect(readable(asked)).toContain('\nNot asked any more: ');
  });
});

function never(): never {
  throw new Error('there is none');
}
