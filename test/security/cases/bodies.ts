import { type About, apiAnswer, press, signedAnswer } from '../requests.ts';
import { bytesOf, sendBytes, type Wire } from '../wire.ts';
import { type Case, type Group, refusedWith } from './case.ts';

type Body = string | Buffer | object;

/** Right tokens and right signatures: only the body is wrong. */
const both = (name: string, body: (about: About, text: string) => Body): Readonly<Record<string, Case['attempt']>> => ({
  [`${name}, with a token`]: ({ victim }) => {
    const { revision, step } = victim;
    return apiAnswer(victim, {
      token: 'token-of-alice',
      body: body(victim, JSON.stringify({ decision: 'approve', revision, step })),
    });
  },
  [`${name}, signed`]: ({ victim }) =>
    signedAnswer(victim, { body: body(victim, JSON.stringify({ decision: 'approve', ...victim })) }),
});

const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

export const BODIES: Group = {
  group: 'bodies',
  cases: refusedWith([400], {
    ...both('nothing', () => ''),
    ...both('no JSON', () => 'decision=approve'),
    ...both('half of the JSON', (_, text) => text.slice(0, -3)),
    ...both('JSON and more behind it', (_, text) => `${text} ${text}`),
    ...both('null', () => 'null'),
    ...both('a list', (_, text) => `[${text}]`),
    ...both('JSON 10,000 deep', (_, text) => text.replace('{', `{"comment":${nested(10_000)},`)),
    ...both('a list 100,000 deep', () => `${'['.repeat(100_000)}${']'.repeat(100_000)}`),
    ...both('a step of NaN', (_, text) => text.replace(/"step":\d+/, '"step":NaN')),
    ...both('a step beyond all numbers', (_, text) => text.replace(/"step":\d+/, '"step":1e999')),
    ...both('a step with 100,000 digits', (_, text) => text.replace(/"step":\d+/, `"step":${'1'.repeat(100_000)}`)),
    ...both('a step as text', (_, text) => text.replace(/"step":(\d+)/, '"step":"$1"')),
    ...both('a step below 0', (_, text) => text.replace(/"step":\d+/, '"step":-1')),
    ...both('step 0', (_, text) => text.replace(/"step":\d+/, '"step":0')),
    ...both('a step almost right', (_, text) => text.replace(/"step":(\d+)/, '"step":$1.0000000001')),
    ...both('a step in a list', (_, text) => text.replace(/"step":(\d+)/, '"step":[$1]')),
    ...both('a field twice', (_, text) => text.replace('{', '{"decision":"reject",')),
    ...both('a field twice, one of them escaped', (_, text) => text.replace('{', '{"\\u0064ecision":"reject",')),
    ...both('a field that is not known', () => ({ force: true })),
    ...both('an identity of its own', () => ({ by: 'alice', identity: 'user:alice@example.com' })),
    ...both('groups of its own', () => ({ groups: ['release'] })),
    ...both('a time of its own', () => ({ at: '2100-01-01T00:00:00Z' })),
    ...both('__proto__', (_, text) => text.replace('{', '{"__proto__":{"decision":"approve"},')),
    ...both('__proto__ that is a text', (_, text) => text.replace('{', '{"__proto__":"x",')),
    ...both('constructor', () => ({ constructor: { prototype: { step: 1 } } })),
    ...both('a decision from a prototype', (_, text) =>
      text.replace('"decision":"approve"', '"__proto__":{"decision":"approve"}'),
    ),
    ...both('a decision that is not known', () => ({ decision: 'approved' })),
    ...both('a decision with a null byte', () => ({ decision: 'approve\0' })),
    ...both('two decisions in one', () => ({ decision: ['approve', 'reject'] })),
    ...both('a revision with a line in it', ({ revision }) => ({ revision: `${revision}\n` })),
    ...both('a revision that is a pattern', () => ({ revision: '*' })),
    ...both('a comment of 100,000 letters', () => ({ comment: 'x'.repeat(100_000) })),
    ...both('a comment that is an object', () => ({ comment: { toString: 'x' } })),
    ...both('a byte order mark', (_, text) => `\uFEFF${text}`),
    ...both('UTF-16', (_, text) => Buffer.from(text, 'utf16le')),
    ...both('bytes that are no UTF-8', (_, text) =>
      Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from(',"comment":"\xFF"}', 'latin1')]),
    ),
    ...both('UTF-8 that is longer than it need be', (_, text) =>
      Buffer.from(text.replace('approve', '\xC1\xA1pprove'), 'latin1'),
    ),
    ...both('null bytes behind it', (_, text) => `${text}\0\0`),
    ...both('JSON with remarks', (_, text) => `/* */${text}`),
  }),
};

const TYPES = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/xml',
  'application/jsonx',
  'application/json, text/plain',
];
const CHARSETS = ['utf-7', 'utf-16', 'iso-8859-1', '"utf-8', 'utf-8; charset=utf-7'];

const typed = (contentType: string | readonly string[] | undefined): Readonly<Record<string, Case['attempt']>> => {
  const change = { headers: { 'content-type': contentType } };
  const shown = contentType === undefined ? 'none' : [contentType].flat().join(' and ');
  return {
    [`${shown}, with a token`]: ({ victim }) => apiAnswer(victim, { token: 'token-of-alice', ...change }),
    [`${shown}, signed`]: ({ victim }) => signedAnswer(victim, change),
  };
};

const WRONG_TYPES: readonly (string | readonly string[] | undefined)[] = [
  ...TYPES,
  ...CHARSETS.map(charset => `application/json; charset=${charset}`),
  ['application/json', 'application/json'],
  ['text/plain', 'application/json'],
  undefined,
];

export const CONTENT_TYPES: Group = {
  group: 'content types',
  cases: [
    ...refusedWith([400, 415], Object.fromEntries(WRONG_TYPES.flatMap(contentType => Object.entries(typed(contentType))))),
    ...refusedWith([400, 415], {
      'compressed, with a token': ({ victim }) =>
        apiAnswer(victim, { token: 'token-of-alice', headers: { 'content-encoding': 'gzip' } }),
      'compressed, signed': ({ victim }) => signedAnswer(victim, { headers: { 'content-encoding': 'gzip' } }),
    }),
    ...refusedWith([400, 401, 415], {
      'JSON to Slack': ({ victim, button }) => press(button(victim), { headers: { 'content-type': 'application/json' } }),
      'a multipart form to Slack': ({ victim, button }) =>
        press(button(victim), { headers: { 'content-type': 'multipart/form-data; boundary=x' } }),
    }),
  ],
};

const TEN_MB = 10 * 1024 * 1024;
const spaces = Buffer.alloc(64 * 1024, 0x20);

/** 10 MB of spaces behind the right body: the JSON would be the same. */
const padded = (wire: Wire): Wire => ({
  ...wire,
  body: Buffer.concat([Buffer.from(wire.body ?? ''), Buffer.alloc(TEN_MB, 0x20)]),
});

/** A body in chunks that never ends by itself. */
function* endless(wire: Wire): Iterable<Buffer> {
  yield bytesOf({ ...wire, headers: [...wire.headers, ['transfer-encoding', 'chunked']], body: '' });
  for (let sent = 0; sent < 4 * TEN_MB; sent += spaces.length) {
    yield Buffer.from(`${spaces.length.toString(16)}\r\n`);
    yield spaces;
    yield Buffer.from('\r\n');
  }
}

export const LARGE_BODIES: Group = {
  group: 'large bodies',
  cases: refusedWith([413, 0], {
    '10 MB with a token': ({ victim }) => padded(apiAnswer(victim, { token: 'token-of-alice' })),
    '10 MB, signed': ({ victim }) => padded(signedAnswer(victim)),
    '10 MB to Slack': ({ victim, button }) => padded(press(button(victim))),
    '10 MB to Git': ({ victim }) => padded({ ...signedAnswer(victim), path: '/hooks/git/fleet' }),
    'chunks without end, with a token': ({ victim, world }) =>
      sendBytes(world.server(), endless(apiAnswer(victim, { token: 'token-of-alice' }))),
    'chunks without end, signed': ({ victim, world }) => sendBytes(world.hooks(), endless(signedAnswer(victim))),
    'one byte more than 256 KiB': ({ victim }) =>
      signedAnswer(victim, { body: JSON.stringify({ decision: 'approve', ...victim }).padEnd(256 * 1024 + 1) }),
  }),
};

/** One byte every so often, for ever. */
function* dribble(start: Buffer, drop: string): Iterable<Buffer | string> {
  yield start;
  for (;;) yield drop;
}

const BETWEEN_DROPS_MS = 400;

/** Each of these takes as long as the server is patient. */
export const SLOW_REQUESTS: Group = {
  group: 'slow requests',
  cases: refusedWith([400, 408, 0], {
    'headers that never end': ({ world }) =>
      sendBytes(world.hooks(), dribble(Buffer.from('POST /hooks/slack HTTP/1.1\r\nHost: a\r\n'), 'X-A: b\r\n'), BETWEEN_DROPS_MS),
    'headers that never end, at the API': ({ world }) =>
      sendBytes(
        world.server(),
        dribble(Buffer.from('POST /api/v1/rollouts HTTP/1.1\r\nHost: a\r\n'), 'X-A: b\r\n'),
        BETWEEN_DROPS_MS,
      ),
    'a body that never ends, signed': ({ victim, world }) => {
      const wire = signedAnswer(victim);
      const headers = [...wire.headers, ['content-length', '100000'] as const];
      return sendBytes(world.hooks(), dribble(bytesOf({ ...wire, headers }), ' '), BETWEEN_DROPS_MS);
    },
    'a body that never ends, with a token': ({ victim, world }) => {
      const wire = apiAnswer(victim, { token: 'token-of-alice' });
      const headers = [...wire.headers, ['content-length', '100000'] as const];
      return sendBytes(world.server(), dribble(bytesOf({ ...wire, headers }), ' '), BETWEEN_DROPS_MS);
    },
    'a body that never comes': ({ victim, button, world }) => {
      const wire = press(button(victim));
      const headers = [...wire.headers, ['content-length', '100000'] as const];
      return sendBytes(world.hooks(), [bytesOf({ ...wire, headers, body: '' })]);
    },
    'half a line': ({ world }) => sendBytes(world.hooks(), ['POST /hooks/sl']),
  }),
};
