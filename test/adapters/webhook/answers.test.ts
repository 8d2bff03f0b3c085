import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createWebhookAnswerHook } from '../../../src/adapters/webhook/answers.ts';
import { type GivenAnswer, type HookRequest, Refused } from '../../../src/controller/channel-ports.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 14, 0, 0, 700);
const NOW_S = Math.floor(NOW_MS / 1000);
const SECRET = 'sesame-of-the-change-board';
const BODY = { decision: 'approve', namespace: 'weather', name: 'forecast', revision: '7c1f09d2', step: 2 };

type Sent = {
  readonly secret?: string;
  readonly seconds?: number | string;
  readonly id?: string;
  readonly body?: object | string | Buffer;
  readonly signature?: (right: string) => string;
  readonly headers?: Readonly<Record<string, readonly string[] | undefined>>;
};

const requestOf = ({
  secret = SECRET,
  seconds = NOW_S,
  id = 'msg_1',
  body = BODY,
  signature,
  headers,
}: Sent = {}): HookRequest => {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const right = createHmac('sha256', secret).update(`${id}.${seconds}.`).update(bytes).digest('base64');
  const all = {
    'content-type': ['application/json'],
    'webhook-id': [id],
    'webhook-timestamp': [String(seconds)],
    'webhook-signature': [signature?.(right) ?? `v1,${right}`],
    ...headers,
  };
  const sent = Object.entries(all).flatMap(([name, values]) => (values === undefined ? [] : [[name, values] as const]));
  return { headers: Object.fromEntries(sent), body: bytes };
};

const hookOf = (secret: () => string = () => SECRET) =>
  createWebhookAnswerHook({ name: 'change-board', secret, clock: { now: () => NOW_MS } });

const answered = async (sent: Sent = {}, secret?: () => string): Promise<GivenAnswer> => {
  const [hook, request] = [hookOf(secret), requestOf(sent)];
  await hook.verify(request);
  return await hook.read(request);
};

const refusal = async (sent: Sent, secret?: () => string): Promise<Refused> => {
  const error: unknown = await answered(sent, secret).then(
    () => new Error('it was taken'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof Refused) return error;
  throw error;
};

describe('a signed answer of another program', () => {
  it('R19: may say which moment of asking it is about', async () => {
    const askedAt = '2026-11-21T13:59:11.120Z';
    expect((await answered({ body: { ...BODY, askedAt } })).askedAt).toBe(askedAt);
    expect((await answered()).askedAt).toBeUndefined();
    expect((await refusal({ body: { ...BODY, askedAt: 'just now' } })).status).toBe(400);
  });

  it('R19: counts for the webhook that signed it, at the time of the signature', async () => {
    expect(await answered({ seconds: NOW_S - 100, body: { ...BODY, comment: ' change\n4711 ' } })).toEqual({
      key: 'weather/forecast',
      revision: '7c1f09d2',
      step: 2,
      decision: 'approved',
      identity: 'webhook:change-board',
      groups: [],
      via: 'webhook/change-board',
      at: '2026-11-21T13:58:20.000Z',
      comment: 'change 4711',
    });
    expect((await answered({ body: { ...BODY, decision: 'reject' } })).decision).toBe('rejected');
  });

  it('R19: is never younger than now, whatever the clock of the sender says', async () => {
    expect((await answered({ seconds: NOW_S + 200 })).at).toBe(new Date(NOW_MS).toISOString());
  });

  it.each<[string, Sent, (() => string)?]>([
    ['exactly 300 s old', { seconds: NOW_S - 300 }],
    ['exactly 300 s ahead', { seconds: NOW_S + 300 }],
    ['several signatures, as during a change of the secret', { signature: right => `v1,${'A'.repeat(43)}= v1a,x v1,${right}` }],
    ['a secret as Standard Webhooks writes it', { secret: 'bytes' }, () => 'whsec_Ynl0ZXM='],
    ['a secret from a file that ends with a line', {}, () => `${SECRET}\n`],
    ['a charset that is named', { headers: { 'content-type': ['application/json; charset=utf-8'] } }],
  ])('takes %s', async (_, sent, secret) => {
    expect((await answered(sent, secret)).key).toBe('weather/forecast');
  });

  it('reads the secret for each request', async () => {
    let secret = 'first';
    const read = () => secret;
    await answered({ secret: 'first' }, read);
    secret = 'second';
    expect((await refusal({ secret: 'first' }, read)).status).toBe(401);
    await answered({ secret: 'second' }, read);
  });

  it('a secret that cannot be read verifies nothing, and the caller is not told which file it is', async () => {
    const unreadable = await refusal({}, () => {
      throw new Error('reading secret /secrets/board: ENOENT');
    });
    expect([unreadable.status, unreadable.message]).toEqual([503, 'the secret of this webhook cannot be read']);
    expect(String(unreadable.cause)).toContain('/secrets/board');
  });

  it.each(['', ' ', '\n', 'whsec_', 'whsec_!!'])(
    'an empty secret (%j) verifies nothing, not even what is signed with it',
    async secret => {
      for (const key of ['', secret, secret.trim()]) expect((await refusal({ secret: key }, () => secret)).status).toBe(503);
    },
  );

  it.each<[string, Sent, number]>([
    ['301 s old', { seconds: NOW_S - 301 }, 401],
    ['301 s ahead', { seconds: NOW_S + 301 }, 401],
    ['an unsigned time', { headers: { 'webhook-timestamp': [String(NOW_S - 1)] } }, 401],
    ['a time with a sign', { seconds: `+${NOW_S}` }, 401],
    ['a time with a fraction', { seconds: `${NOW_S}.0` }, 401],
    ['a time in milliseconds', { seconds: NOW_MS }, 401],
    ['a time in hexadecimal', { seconds: `0x${NOW_S.toString(16)}` }, 401],
    ['another id', { headers: { 'webhook-id': ['msg_2'] } }, 401],
    ['an id with a dot', { id: 'msg.1' }, 401],
    ['an empty id', { id: '' }, 401],
    ['a long id', { id: 'x'.repeat(257) }, 401],
    ['another secret', { secret: 'guess' }, 401],
    ['no signature', { headers: { 'webhook-signature': undefined } }, 401],
    ['an empty signature', { signature: () => '' }, 401],
    ['a version without a signature', { signature: () => 'v1,' }, 401],
    ['a signature without its version', { signature: right => right }, 401],
    ['a signature of another version', { signature: right => `v2,${right}` }, 401],
    ['a version in capitals', { signature: right => `V1,${right}` }, 401],
    ['a truncated signature', { signature: right => `v1,${right.slice(0, -2)}` }, 401],
    ['a signature without padding', { signature: right => `v1,${right.replace(/=+$/, '')}` }, 401],
    ['a signature that goes on', { signature: right => `v1,${right}AAAA` }, 401],
    ['a signature with dirt in it', { signature: right => `v1,${right.slice(0, 4)}!${right.slice(4)}` }, 401],
    ['a signature in hexadecimal', { signature: right => `v1,${Buffer.from(right, 'base64').toString('hex')}` }, 401],
    ['a signature in lower case', { signature: right => `v1,${right.toLowerCase()}` }, 401],
    ['eleven signatures', { signature: right => `${'v1,x '.repeat(10)}v1,${right}` }, 401],
    ['two headers with signatures', { headers: { 'webhook-signature': ['v1,x', 'v1,y'] } }, 401],
    ['two headers with ids', { headers: { 'webhook-id': ['msg_1', 'msg_1'] } }, 401],
    ['two headers with times', { headers: { 'webhook-timestamp': [String(NOW_S), String(NOW_S)] } }, 401],
    ['another type', { headers: { 'content-type': ['text/plain'] } }, 415],
    ['no type', { headers: { 'content-type': undefined } }, 415],
    ['two types', { headers: { 'content-type': ['application/json', 'application/json'] } }, 415],
    ['another charset', { headers: { 'content-type': ['application/json; charset=utf-7'] } }, 415],
  ])('refuses %s', async (_, sent, status) => {
    expect((await refusal(sent)).status).toBe(status);
  });

  const text = JSON.stringify(BODY);
  it.each<[string, Sent['body']]>([
    ['nothing', ''],
    ['no JSON', 'approve'],
    ['null', 'null'],
    ['a list', [BODY]],
    ['a text', '"approve"'],
    ['a byte order mark', `\uFEFF${text}`],
    ['bytes that are no UTF-8', Buffer.from(text.replace('forecast', 'forec\xFFst'), 'latin1')],
    ['more than one object', `${text}${text}`],
    ['a field that is not known', { ...BODY, force: true }],
    ['__proto__', text.replace('{', '{"__proto__":{"step":2},')],
    ['__proto__ with a plain value', text.replace('{', '{"__proto__":1,')],
    ['constructor', { ...BODY, constructor: { prototype: {} } }],
    ['a field twice', text.replace('{', '{"step":1,')],
    ['a field twice, written in another way', text.replace('{', '{"st\\u0065p":1,')],
    ['a field twice, beside a text with commas', text.replace('{', '{"comment":"a,\\",b","step":1,')],
    ['no step', { ...BODY, step: undefined }],
    ['a step as text', { ...BODY, step: '2' }],
    ['step 0', { ...BODY, step: 0 }],
    ['a step below 0', { ...BODY, step: -1 }],
    ['half a step', { ...BODY, step: 2.5 }],
    ['a huge step', text.replace(':2}', ':1e400}')],
    ['a step that is no number', text.replace(':2}', ':NaN}')],
    ['a step in a list', { ...BODY, step: [2] }],
    ['a decision that is not known', { ...BODY, decision: 'approved' }],
    ['a decision in capitals', { ...BODY, decision: 'APPROVE' }],
    ['a namespace with a path', { ...BODY, namespace: '../kube-system' }],
    ['a namespace in capitals', { ...BODY, namespace: 'Weather' }],
    ['a name with a slash', { ...BODY, name: 'x/forecast' }],
    ['a name with an escaped slash', { ...BODY, name: '..%2fforecast' }],
    ['a name with a null byte', { ...BODY, name: 'forecast\0' }],
    ['a name with a line', { ...BODY, name: 'forecast\n' }],
    ['an empty name', { ...BODY, name: '' }],
    ['a long name', { ...BODY, name: `${'a.'.repeat(127)}a` }],
    ['an empty revision', { ...BODY, revision: '' }],
    ['a revision as a number', { ...BODY, revision: 7 }],
    ['a long comment', { ...BODY, comment: 'x'.repeat(1_001) }],
    ['a comment that is no text', { ...BODY, comment: {} }],
    ['deep JSON', text.replace(':2}', `:${'['.repeat(50_000)}${']'.repeat(50_000)}}`)],
  ])('refuses a body with %s', async (_, body) => {
    const { status, message } = await refusal(body === undefined ? {} : { body });
    expect(status).toBe(400);
    expect(message).not.toMatch(/force|__proto__|kube-system|\p{C}/u);
  });

  it('keeps one line of a comment, without what terminals and chats obey', async () => {
    const comment = '\u001b[31mred\r\n{"level":50}\u202E\u2028 <!channel>';
    expect((await answered({ body: { ...BODY, comment } })).comment).toBe('[31mred {"level":50} <!channel>');
  });

  it('a body is not read before it is verified', async () => {
    const request = requestOf({ secret: 'guess', body: 'no JSON' });
    await expect(hookOf().read(request)).rejects.toMatchObject({ status: 401 });
  });
});
