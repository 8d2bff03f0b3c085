import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GivenAnswer, type HookRequest, Refused } from '../../../src/controller/channel-ports.ts';
import { buttonsOf, type FakeSlack, type Kept, readable, startFakeSlack } from './fakeSlack.ts';
import { ASKED_AT, ASKING, createMemory, createSubject, NOW_MS, pressOf, SECRET, signed, startProcess } from './rig.ts';

let slack: FakeSlack;
beforeAll(async () => {
  slack = await startFakeSlack();
});
afterAll(() => slack.close());

/** Two Rollouts that ask people. */
const start = async (more: Pick<Parameters<typeof startProcess>[0], 'secret' | 'nowMs'> = {}) => {
  const subjects = [createSubject('forecast'), createSubject('orders')];
  const { memory } = createMemory();
  const options = { slack, memory, subjects, ...more };
  const sluice = startProcess(options);
  const questions: Kept[] = [];
  for (const subject of subjects) {
    subject.set(ASKING);
    await sluice.tell(subject.message());
    questions.push(slack.messages.at(-1) ?? never());
  }
  const [question = never(), other = never()] = questions;
  const [subject = never()] = subjects;
  return { ...sluice, question, other, subject, restart: () => startProcess(options) };
};

const answer = async ({ hook }: Pick<Awaited<ReturnType<typeof start>>, 'hook'>, request: HookRequest) => {
  await hook.verify(request);
  return await hook.read(request);
};

const refusalOf = async (work: Promise<unknown>): Promise<Refused> => {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Refused) return error;
  throw new Error('it was not refused', { cause: error });
};

const form = (payload: string): string => `payload=${encodeURIComponent(payload)}`;

describe('a press of a button in Slack', () => {
  it('R19: says who has pressed what, about which step, and when it was signed', async () => {
    const sluice = await start();
    const atMs = NOW_MS - 7_000;
    expect(await answer(sluice, pressOf(sluice.question, { atMs }))).toEqual({
      key: 'weather/forecast',
      revision: 'r1',
      step: 2,
      decision: 'approved',
      identity: 'slack:U0ALICE',
      groups: [],
      via: 'slack',
      at: '2026-11-21T13:59:53.000Z',
    });
    expect(await answer(sluice, pressOf(sluice.other, { label: 'Reject', user: 'W0BOB', atMs: NOW_MS + 200_000 }))).toMatchObject(
      {
        key: 'weather/orders',
        decision: 'rejected',
        identity: 'slack:W0BOB',
        at: '2026-11-21T14:00:00.000Z',
      },
    );
  });

  it('R19: counts after a restart, by another process', async () => {
    const sluice = await start();
    expect(await answer(sluice.restart(), pressOf(sluice.question))).toMatchObject({ step: 2 });
  });

  it.each<[string, (request: HookRequest) => HookRequest, number]>([
    ['no signature', without('x-slack-signature'), 401],
    ['no time stamp', without('x-slack-request-timestamp'), 401],
    ['two signatures', twice('x-slack-signature'), 400],
    ['two time stamps', twice('x-slack-request-timestamp'), 400],
    ['two content types', twice('content-type'), 400],
    ['another content type', withHeader('content-type', () => 'application/json'), 415],
    ['another charset', withHeader('content-type', () => 'application/x-www-form-urlencoded; charset=utf-16'), 415],
    ['a truncated signature', withHeader('x-slack-signature', value => value.slice(0, -1)), 401],
    ['a longer signature', withHeader('x-slack-signature', value => `${value}0`), 401],
    ['upper-case hex', withHeader('x-slack-signature', value => value.toUpperCase().replace('V0', 'v0')), 401],
    ['another version', withHeader('x-slack-signature', value => value.replace('v0=', 'v1=')), 401],
    ['an empty signature', withHeader('x-slack-signature', () => 'v0='), 401],
    ['another time stamp', withHeader('x-slack-request-timestamp', value => String(Number(value) + 1)), 401],
    ['a time stamp with a sign', withHeader('x-slack-request-timestamp', value => `+${value}`), 401],
    ['no number', withHeader('x-slack-request-timestamp', () => 'NaN'), 401],
    ['one byte more in the body', request => ({ ...request, body: Buffer.concat([request.body, Buffer.from(' ')]) }), 401],
  ])('is not verified with %s', async (_, change, status) => {
    const { hook, question } = await start();
    await hook.verify(pressOf(question));
    expect((await refusalOf(hook.verify(change(pressOf(question))))).status).toBe(status);
  });

  it('is verified up to 300 s away from the time here, in both directions', async () => {
    const { hook, question } = await start();
    for (const atMs of [NOW_MS - 300_000, NOW_MS + 300_000]) await hook.verify(pressOf(question, { atMs }));
    for (const atMs of [NOW_MS - 301_000, NOW_MS + 301_000, 0])
      expect((await refusalOf(hook.verify(pressOf(question, { atMs })))).status).toBe(401);
  });

  it('a secret that is renewed counts at once, the old one no more; an empty one verifies nothing', async () => {
    let secret = SECRET;
    const { hook, question } = await start({ secret: () => secret });
    secret = 'sesame-new';
    expect((await refusalOf(hook.verify(pressOf(question)))).status).toBe(401);
    await hook.verify(pressOf(question, { secret }));
    // its button was made with the old one
    expect((await refusalOf(hook.read(pressOf(question, { secret })))).status).toBe(409);
    secret = '';
    expect((await refusalOf(hook.verify(pressOf(question, { secret: '' })))).status).toBe(401);
  });

  it('a secret that cannot be read is no reason to believe anybody', async () => {
    let isGone = false;
    const { hook, question } = await start({
      secret: () => {
        if (isGone) throw new Error('reading secret /secrets/slack: ENOENT');
        return SECRET;
      },
    });
    isGone = true;
    const refused = await refusalOf(hook.verify(pressOf(question)));
    expect(refused).toMatchObject({ status: 503, message: 'the signing secret of Slack cannot be read' });
  });

  type Payload = Record<string, unknown>;
  it.each<[string, (payload: Payload, other: Kept) => void, number]>([
    ['another type', payload => put(payload, { type: 'view_submission' }), 400],
    ['no action', payload => put(payload, { actions: [] }), 400],
    ['two actions', payload => put(payload, { actions: [...list(payload), ...list(payload)] }), 400],
    ['an action of others', payload => put(payload, { actions: [{ ...list(payload)[0], action_id: 'deploy' }] }), 400],
    ['no button', payload => put(payload, { actions: [{ ...list(payload)[0], type: 'datepicker' }] }), 400],
    ['an id that is too long', payload => put(payload, { actions: [{ ...list(payload)[0], value: 'A'.repeat(4_000) }] }), 400],
    ['an id of nobody', payload => put(payload, { actions: [{ ...list(payload)[0], value: 'A'.repeat(43) }] }), 409],
    [
      'the name of the other button',
      payload => put(payload, { actions: [{ ...list(payload)[0], action_id: 'sluice_reject' }] }),
      400,
    ],
    ['another workspace', payload => put(payload, { team: { id: 'T0666' } }), 403],
    ['a person of another workspace', payload => put(payload, { user: { id: 'U0ALICE', team_id: 'T0666' } }), 403],
    ['another app', payload => put(payload, { api_app_id: 'A0666' }), 403],
    ['no app', payload => put(payload, { api_app_id: undefined }), 400],
    ['no person', payload => put(payload, { user: {} }), 400],
    ['a person with a strange id', payload => put(payload, { user: { id: 'U1 slack:U0BOB', team_id: 'T0001' } }), 400],
    [
      'another channel',
      payload => put(payload, { channel: { id: 'C0002' }, container: { ...object(payload, 'container'), channel_id: 'C0002' } }),
      409,
    ],
    ['a channel that is not its container', payload => put(payload, { channel: { id: 'C0002' } }), 400],
    [
      'another message',
      (payload, other) => {
        put(payload, { message: { ts: other.ts }, container: { ...object(payload, 'container'), message_ts: other.ts } });
      },
      409,
    ],
    ['a message that is not its container', (payload, other) => put(payload, { message: { ts: other.ts } }), 400],
    [
      'the button of another Rollout',
      (payload, other) => put(payload, { actions: [{ ...list(payload)[0], value: buttonsOf(other)['Approve']?.value }] }),
      409,
    ],
  ])('is refused with %s', async (_, change, status) => {
    const sluice = await start();
    const request = pressOf(sluice.question, { change: payload => change(payload, sluice.other) });
    expect((await refusalOf(answer(sluice, request))).status).toBe(status);
    await answer(sluice, pressOf(sluice.question));
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['no payload', 'a=1'],
    ['two payloads', `${form('{}')}&${form('{}')}`],
    ['a payload and more', `${form('{}')}&a=1`],
    ['no JSON', form('{')],
    ['null', form('null')],
    ['a list', form('[]')],
    ['deep JSON', form(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
    ['what is inherited', form('{"__proto__": {"type": "block_actions"}}')],
    ['brackets in a text', form(JSON.stringify({ type: `"${'['.repeat(50)}\\` }))],
  ])('is refused as a form with %s', async (_, text) => {
    expect((await refusalOf(answer(await start(), signed(text)))).status).toBe(400);
  });

  it('is refused when it is no UTF-8', async () => {
    const sluice = await start();
    const request = { ...signed(''), body: Buffer.from([0x70, 0x3d, 0xff]) };
    expect((await refusalOf(sluice.hook.read(request))).status).toBe(400);
  });

  it('R19: a button of an earlier question does not count when people are asked anew', async () => {
    const sluice = await start();
    const before = pressOf(sluice.question);
    sluice.subject.set({ ...ASKING, step: { index: 1, count: 2, askedAt: '2026-11-21T13:59:59.000Z' } });
    expect((await refusalOf(answer(sluice, before))).status).toBe(409);
    sluice.subject.set({ ...ASKING, revision: 'r2' });
    expect((await refusalOf(answer(sluice, before))).status).toBe(409);
    sluice.subject.set({ ...ASKING, phase: 'RollingBack' });
    expect((await refusalOf(answer(sluice, before))).message).toBe(
      'nobody is asked this any more: it was answered, has ended, or was asked anew',
    );
  });

  it('R19: counts although Slack has not told yet that the message stands', async () => {
    const subject = createSubject('forecast');
    subject.set(ASKING);
    const sluice = startProcess({ slack, memory: createMemory().memory, subjects: [subject] });
    const answered = new Promise<GivenAnswer>((resolve, reject) => {
      slack.late(question => answer(sluice, pressOf(question)).then(resolve, reject));
    });
    await sluice.tell(subject.message());
    expect(await answered).toMatchObject({ key: 'weather/forecast' });
  });

  it('R19: a button that stands elsewhere than where people were asked does not count, whoever made it', async () => {
    const { question } = await start();
    const subject = createSubject('forecast');
    subject.set({ ...ASKING, step: { index: 1, count: 2, askedAt: ASKED_AT } });
    // the same id, but this process has posted no question
    const sluice = startProcess({ slack, memory: createMemory().memory, subjects: [subject] });
    expect((await refusalOf(answer(sluice, pressOf(question)))).status).toBe(409);
  });

  it('a button that was left over is taken away when somebody presses it; others stay', async () => {
    let nowMs = NOW_MS;
    const sluice = await start({ nowMs: () => nowMs });
    const tell = async (): Promise<void> => {
      const request = pressOf(sluice.question, { atMs: nowMs });
      await sluice.hook.tell?.(request, await refusalOf(answer(sluice, request)));
    };
    const labels = (): readonly string[] => Object.keys(buttonsOf(sluice.question));
    const request = pressOf(sluice.question);
    await sluice.hook.tell?.(request, new Refused(409, 'the button does not stand in the message that asks'));
    expect(labels()).toEqual(['Approve', 'Reject']);
    sluice.subject.set({ revision: 'r2' });
    // it may ask what this process does not know yet
    await tell();
    expect(labels()).toEqual(['Approve', 'Reject']);
    nowMs += 3_600_000;
    await tell();
    expect(labels()).toEqual([]);
    expect(readable(sluice.question)).toMatch(/waits for approval[\s\S]*Not asked any more$/);
    expect(Object.keys(buttonsOf(sluice.other))).toEqual(['Approve', 'Reject']);
    slack.remove(sluice.question);
    await sluice.hook.tell?.(request, new Refused(409, 'nobody is asked this any more'));
    expect(slack.whispers.splice(0)).toHaveLength(4);
  });

  it('a button of an earlier signing secret is renewed when somebody presses it', async () => {
    let secret = SECRET;
    const sluice = await start({ secret: () => secret });
    secret = 'sesame-new';
    const request = pressOf(sluice.question, { secret });
    await sluice.hook.tell?.(request, await refusalOf(answer(sluice, request)));
    expect(slack.whispers.splice(0)).toMatchObject([{ text: expect.stringContaining('is renewed now: press again') }]);
    expect(await answer(sluice, pressOf(sluice.question, { secret }))).toMatchObject({ decision: 'approved' });
  });

  it('R19: a good button of a message that nobody remembers has people asked anew, once, and goes', async () => {
    const { question } = await start();
    const subject = createSubject('forecast');
    subject.set(ASKING);
    let nowMs = NOW_MS;
    const sluice = startProcess({ slack, memory: createMemory().memory, subjects: [subject], nowMs: () => nowMs });
    const before = slack.messages.length;
    const press = async (): Promise<void> => {
      const request = pressOf(question, { atMs: nowMs });
      await sluice.hook.tell?.(request, new Refused(409, 'the button does not stand in the message that asks'));
    };
    // Slack may not have told yet that it was posted
    nowMs = Number(question.ts) * 1_000;
    await press();
    expect(slack.messages).toHaveLength(before);
    nowMs += 3_600_000;
    // somebody else's workspace has nobody asked
    const foreign = pressOf(question, { change: payload => put(payload, { user: { id: 'U0EVE', team_id: 'T0666' } }) });
    await sluice.hook.tell?.(foreign, new Refused(409, 'the button does not stand in the message that asks'));
    expect(slack.messages).toHaveLength(before);
    await Promise.all([press(), press()]);
    expect(slack.messages).toHaveLength(before + 1);
    const next = slack.messages.at(-1) ?? never();
    expect(readable(next)).toMatch(/approval: waits for approval\n.*\nAsked: <@U0ALICE>, <@U0BOB>\n0 of 2 so far\n\[Approve\]/);
    expect(readable(next).match(/Asked: /g)).toHaveLength(1);
    expect(buttonsOf(question)).toEqual({});
    expect(readable(question)).toContain('Asked in another message');
    expect(slack.whispers.splice(0).at(-1)).toMatchObject({ text: expect.stringContaining('in a newer message: press there') });
    expect(await answer(sluice, pressOf(next, { atMs: nowMs }))).toMatchObject({ key: 'weather/forecast' });
    // what is told of it later finds it asked
    await sluice.tell(subject.message());
    expect(slack.messages.slice(before + 1).filter(message => 'Approve' in buttonsOf(message))).toEqual([]);
  });

  it('R19: of two messages that ask the same, as a process died in between, the one that is not known loses its buttons', async () => {
    const subject = createSubject('forecast');
    subject.set(ASKING);
    const message = subject.message();
    // the first one died before it had stored anything
    await startProcess({ slack, memory: createMemory().memory, subjects: [subject] }).tell(message);
    const first = slack.messages.at(-1) ?? never();
    const sluice = startProcess({ slack, memory: createMemory().memory, subjects: [subject] });
    await sluice.tell(message);
    const second = slack.messages.at(-1) ?? never();
    const request = pressOf(first);
    const refused = await refusalOf(answer(sluice, request));
    await sluice.hook.tell?.(request, refused);
    expect(slack.whispers.splice(0)).toMatchObject([{ text: expect.stringContaining('press there') }]);
    expect([buttonsOf(first), Object.keys(buttonsOf(second))]).toEqual([{}, ['Approve', 'Reject']]);
    expect(await answer(sluice, pressOf(second))).toMatchObject({ key: 'weather/forecast' });
  });

  it('R19: a message that asks something else that is open keeps its buttons, whatever is said to have been pressed in it', async () => {
    const sluice = await start();
    const { value } = buttonsOf(sluice.question)['Approve'] ?? never();
    const request = pressOf(sluice.other, { change: payload => put(payload, { actions: [{ ...list(payload)[0], value }] }) });
    await sluice.hook.tell?.(request, await refusalOf(answer(sluice, request)));
    const elsewhere = pressOf(sluice.question, {
      change: payload =>
        put(payload, { channel: { id: 'C0002' }, container: { ...object(payload, 'container'), channel_id: 'C0002' } }),
    });
    const before = slack.calls.filter(({ method }) => method === 'chat.update').length;
    await sluice.hook.tell?.(elsewhere, await refusalOf(answer(sluice, elsewhere)));
    expect(slack.calls.filter(({ method }) => method === 'chat.update')).toHaveLength(before);
    for (const message of [sluice.question, sluice.other]) expect(Object.keys(buttonsOf(message))).toEqual(['Approve', 'Reject']);
    expect(slack.whispers.splice(0)).toHaveLength(2);
  });

  it('of many who press at once everybody hears what matters to them, after the others; repeats go unsaid', async () => {
    const { hook, question } = await start();
    const told = Array.from({ length: 60 }, (_, index) => {
      const request = pressOf(question, { user: `U0P${index}` });
      const repeated = { kind: 'refused', refusal: { kind: 'repeated', reason: 'has answered already' } } as const;
      return hook.tell?.(request, index < 40 ? { kind: 'notStored', reason: 'no status was stored' } : repeated);
    });
    await Promise.all(told);
    expect(new Set(slack.whispers.splice(0).map(({ user }) => user))).toEqual(
      new Set(Array.from({ length: 40 }, (_, index) => `U0P${index}`)),
    );
    await hook.tell?.(pressOf(question), { kind: 'unknown' });
    expect(slack.whispers.splice(0)).toHaveLength(1);
  });

  it('says why a press did not count to nobody but the one who pressed, and never by response_url', async () => {
    const sluice = await start();
    const request = pressOf(sluice.question, { user: 'U0MALLORY' });
    await sluice.hook.tell?.(request, { kind: 'recorded', by: 'alice' });
    expect(slack.whispers).toEqual([]);
    await sluice.hook.tell?.(request, {
      kind: 'refused',
      refusal: { kind: 'notAllowed', reason: '<!channel> mallory is none of slack:U0ALICE' },
    });
    await sluice.hook.tell?.(request, new Refused(409, 'nobody is asked this any more'));
    await sluice.hook.tell?.(request, { kind: 'unknown' });
    await sluice.hook.tell?.(request, { kind: 'notStored', reason: 'no status was stored within 10 s' });
    const { channel, threadTs } = sluice.question;
    expect(slack.whispers.map(({ text }) => text)).toEqual([
      'Your press did not count: &lt;!channel&gt; mallory is none of slack:U0ALICE.',
      'Your press did not count: nobody is asked this any more.',
      'Your press did not count: the Rollout is gone.',
      'Your press did not count: it could not be stored (no status was stored within 10 s); press again.',
    ]);
    for (const whisper of slack.whispers) expect(whisper).toMatchObject({ channel, user: 'U0MALLORY', thread_ts: threadTs });
    slack.fail((_, response) => {
      response.destroy();
      return true;
    });
    await sluice.hook.tell?.(request, { kind: 'unknown' });
    slack.fail(undefined);
    expect(sluice.lines.at(-1)).toMatchObject({ level: 'warn', message: 'cannot tell why a press did not count' });
  });
});

function put(payload: Record<string, unknown>, fields: Record<string, unknown>): void {
  Object.assign(payload, fields);
}

function list(payload: Record<string, unknown>): readonly object[] {
  return payload['actions'] as readonly object[];
}

function object(payload: Record<string, unknown>, name: string): object {
  return payload[name] as object;
}

function without(name: string) {
  return ({ headers, body }: HookRequest): HookRequest => ({
    body,
    headers: Object.fromEntries(Object.entries(headers).filter(([other]) => other !== name)),
  });
}

function withHeader(name: string, change: (value: string) => string) {
  return ({ headers, body }: HookRequest): HookRequest => ({
    body,
    headers: { ...headers, [name]: [change(headers[name]?.[0] ?? '')] },
  });
}

function twice(name: string) {
  return ({ headers, body }: HookRequest): HookRequest => ({
    body,
    headers: { ...headers, [name]: [...(headers[name] ?? []), ...(headers[name] ?? [])] },
  });
}

function never(): never {
  throw new Error('there is none');
}
