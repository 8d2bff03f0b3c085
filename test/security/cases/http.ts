import { apiAnswer, press, push, signedAnswer } from '../requests.ts';
import { bytesOf, sendBytes, sendWire, type Wire, type WireAnswer } from '../wire.ts';
import { type Case, type Group, refusedWith, type Scene } from './case.ts';

/** The same, with each header of the table sent twice. */
const twice = (names: readonly string[], make: (scene: Scene) => Wire): Readonly<Record<string, Case['attempt']>> =>
  Object.fromEntries(
    names.map(name => [
      `${name} twice`,
      scene => {
        const wire = make(scene);
        return { ...wire, headers: wire.headers.flatMap(header => (header[0] === name ? [header, header] : [header])) };
      },
    ]),
  );

export const HEADERS: Group = {
  group: 'headers',
  cases: refusedWith([400, 401, 415], {
    ...twice(['webhook-id', 'webhook-timestamp', 'webhook-signature', 'content-type'], ({ victim }) => signedAnswer(victim)),
    ...twice(['x-slack-signature', 'x-slack-request-timestamp'], ({ victim, button }) => press(button(victim))),
    ...twice(['authorization'], ({ victim }) => apiAnswer(victim, { token: 'token-of-alice' })),
    'a right signature behind a wrong one': ({ victim }) => {
      const wire = signedAnswer(victim);
      return { ...wire, headers: [['Webhook-Signature', 'v1,AAAA'], ...wire.headers] };
    },
    'a wrong signature of Slack behind the right one': ({ victim, button }) => {
      const wire = press(button(victim));
      return { ...wire, headers: [...wire.headers, ['X-SLACK-SIGNATURE', `v0=${'0'.repeat(64)}`]] };
    },
    'a header over two lines': ({ victim, world }) => {
      const text = bytesOf(signedAnswer(victim)).toString('latin1').replace('webhook-signature: ', 'webhook-signature:\r\n ');
      return sendBytes(world.hooks(), [Buffer.from(text, 'latin1')]);
    },
    'a blank before the colon': ({ victim, world }) => {
      const text = bytesOf(signedAnswer(victim)).toString('latin1').replace('webhook-id:', 'webhook-id :');
      return sendBytes(world.hooks(), [Buffer.from(text, 'latin1')]);
    },
  }),
};

/** A right request with headers that say twice where it ends. */
const smuggled = (headers: readonly (readonly [string, string])[], body?: (body: string) => string): Case['attempt'] => {
  return ({ victim }) => {
    const wire = signedAnswer(victim);
    const text = String(wire.body);
    return {
      ...wire,
      headers: [
        ...wire.headers,
        ...headers.map(([name, value]) => [name, value.replace('LENGTH', String(text.length))] as const),
      ],
      body: body?.(text) ?? text,
    };
  };
};

const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

export const SMUGGLING: Group = {
  group: 'request smuggling',
  cases: refusedWith([400, 501, 0], {
    'two lengths': smuggled([
      ['Content-Length', 'LENGTH'],
      ['Content-Length', '5'],
    ]),
    'two lengths in one header': smuggled([['Content-Length', 'LENGTH, LENGTH']]),
    'a length and chunks': smuggled(
      [
        ['Content-Length', 'LENGTH'],
        ['Transfer-Encoding', 'chunked'],
      ],
      chunked,
    ),
    'chunks named twice': smuggled(
      [
        ['Transfer-Encoding', 'chunked'],
        ['Transfer-Encoding', 'identity'],
      ],
      chunked,
    ),
    'chunks that are not last': smuggled([['Transfer-Encoding', 'chunked, gzip']], chunked),
    'a length with a sign': smuggled([['Content-Length', '+LENGTH']]),
    'a length in hexadecimal': smuggled([['Content-Length', '0xff']]),
    'a length below 0': smuggled([['Content-Length', '-1']]),
    'a chunk of a length that is no number': smuggled([['Transfer-Encoding', 'chunked']], body => `zz\r\n${body}\r\n0\r\n\r\n`),
    'a line that ends without a carriage return': ({ victim, world }) => {
      const text = bytesOf(signedAnswer(victim)).toString('latin1').replace('\r\nwebhook-id', '\nwebhook-id');
      return sendBytes(world.hooks(), [Buffer.from(text, 'latin1')]);
    },
    'a null byte in a header': smuggled([['X-A', 'a\0b']]),
    'headers of 64 KiB': ({ victim, world }) =>
      sendWire(world.hooks(), {
        ...signedAnswer(victim),
        headers: [...signedAnswer(victim).headers, ['X-A', 'a'.repeat(65_536)]],
      }).then(tooLarge),
  }),
};

/** Node has an answer of its own for it. */
const tooLarge = (answer: WireAnswer): WireAnswer => (answer.code === 431 ? { ...answer, code: 400 } : answer);

const signedAt =
  (path: string): Case['attempt'] =>
  ({ victim }) =>
    signedAnswer(victim, { path });
const sentTo =
  (path: string): Case['attempt'] =>
  ({ victim }) =>
    apiAnswer(victim, { token: 'token-of-alice', path });
const pressedAt =
  (path: string): Case['attempt'] =>
  ({ victim, button }) =>
    press(button(victim), { path });
const pushedTo =
  (path: string): Case['attempt'] =>
  () =>
    push({ path });

export const PATHS: Group = {
  group: 'paths',
  cases: [
    ...refusedWith([400, 404], {
      'a slash at the end, signed': signedAt('/hooks/approvals/change-board/'),
      'a slash at the end, with a token': sentTo('/api/v1/rollouts/meteo/forecast/approvals/'),
      'a slash at the end, to Slack': pressedAt('/hooks/slack/'),
      'two slashes': signedAt('//hooks/approvals/change-board'),
      'two slashes in between': signedAt('/hooks//approvals/change-board'),
      capitals: signedAt('/HOOKS/approvals/change-board'),
      'dots to another webhook': signedAt('/hooks/approvals/second-board/../change-boards'),
      'escaped dots': sentTo('/api/v1/rollouts/market/%2e%2e/approvals'),
      'an escaped slash in the namespace': sentTo('/api/v1/rollouts/meteo%2Fforecast/approvals'),
      'an escaped slash in the name': sentTo('/api/v1/rollouts/meteo/..%2Fforecast/approvals'),
      'a path as the name': sentTo('/api/v1/rollouts/meteo/..%2F..%2F..%2Fetc%2Fpasswd/approvals'),
      'an escaped null byte': sentTo('/api/v1/rollouts/meteo/forecast%00/approvals'),
      'an escaped line': sentTo('/api/v1/rollouts/meteo/forecast%0d%0a/approvals'),
      'an escaped blank': sentTo('/api/v1/rollouts/meteo/forecast%20/approvals'),
      'escaped twice': sentTo('/api/v1/rollouts/meteo/%2566orecast/approvals'),
      'an escape that is none': sentTo('/api/v1/rollouts/meteo/forecast%zz/approvals'),
      'an escape that is no UTF-8': sentTo('/api/v1/rollouts/meteo/forecast%ff/approvals'),
      'a name in capitals': sentTo('/api/v1/rollouts/meteo/Forecast/approvals'),
      'a name in wide letters': sentTo('/api/v1/rollouts/meteo/%EF%BD%86orecast/approvals'),
      'a name of 300 letters': sentTo(`/api/v1/rollouts/meteo/${'a'.repeat(300)}/approvals`),
      'a semicolon': sentTo('/api/v1/rollouts/meteo/forecast;x=1/approvals'),
      'a backslash': sentTo('/api/v1/rollouts/meteo\\forecast/approvals'),
      'a source that there is not': pushedTo('/hooks/git/nobody'),
      'a source with a path': pushedTo('/hooks/git/..%2Ffleet'),
      'a source named __proto__': pushedTo('/hooks/git/__proto__'),
      'the API at the address of webhooks': ({ victim, world }) =>
        sendWire(world.hooks(), apiAnswer(victim, { token: 'token-of-alice' })),
      'Slack at the address of the API': ({ victim, button, world }) => sendWire(world.server(), press(button(victim))),
      'a webhook at the address of the API': ({ victim, world }) => sendWire(world.server(), signedAnswer(victim)),
    }),
    ...refusedWith([400, 401, 404, 0], {
      'the URL of another server, with the path of another webhook': signedAt(
        'http://evil.example.com/hooks/approvals/second-board',
      ),
      'an asterisk': signedAt('*'),
      'no path': signedAt('hooks/approvals/change-board'),
      'a path of 20,000 letters': ({ victim, world }) =>
        sendWire(world.hooks(), signedAnswer(victim, { path: `/hooks/${'a'.repeat(20_000)}` })).then(tooLarge),
    }),
  ],
};

const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'] as const;

export const METHODS_OF_HTTP: Group = {
  group: 'methods',
  cases: refusedWith([400, 404, 405, 501, 0], {
    ...Object.fromEntries(
      METHODS.flatMap((method): [string, Case['attempt']][] => [
        [`${method}, signed`, ({ victim }) => signedAnswer(victim, { method })],
        [`${method}, with a token`, ({ victim }) => apiAnswer(victim, { token: 'token-of-alice', method })],
        [`${method}, to Slack`, ({ victim, button }) => press(button(victim), { method })],
      ]),
    ),
    'a method by header': ({ victim }) =>
      apiAnswer(victim, { token: 'token-of-alice', method: 'GET', headers: { 'x-http-method-override': 'POST' } }),
    'a method that there is not': ({ victim }) => signedAnswer(victim, { method: 'APPROVE' }),
    'a method in small letters': ({ victim }) => signedAnswer(victim, { method: 'post' }),
    CONNECT: ({ victim }) => signedAnswer(victim, { method: 'CONNECT', path: 'evil.example.com:443' }),
    'a request to change to WebSocket': ({ world }) =>
      sendWire(world.hooks(), {
        method: 'GET',
        path: '/hooks/slack',
        headers: [
          ['connection', 'close, Upgrade'],
          ['upgrade', 'websocket'],
          ['sec-websocket-key', 'x3JJHMbDL1EzLkh9GBhXDw=='],
          ['sec-websocket-version', '13'],
        ],
      }),
  }),
};

export const PUSHES: Group = {
  group: 'push webhooks',
  cases: refusedWith([400, 401], {
    'no signature': () => push({ headers: { 'x-hub-signature-256': undefined } }),
    'a made-up signature': () => push({ headers: { 'x-hub-signature-256': `sha256=${'a'.repeat(64)}` } }),
    'an empty signature': () => push({ headers: { 'x-hub-signature-256': '' } }),
    'SHA-1': () => push({ headers: { 'x-hub-signature-256': undefined, 'x-hub-signature': `sha1=${'a'.repeat(40)}` } }),
    'signed by an empty secret': () => push({ secret: '' }),
    'signed by the secret of an approval webhook': () => push({ secret: 'secret-of-the-change-board' }),
    'a body that was changed after signing': () => ({ ...push(), body: '{"ref":"refs/heads/evil"}' }),
    'two signatures': () => push({ headers: { 'x-hub-signature-256': ['sha256=00', 'sha256=11'] } }),
    'the wrong token of GitLab': () => push({ headers: { 'x-hub-signature-256': undefined, 'x-gitlab-token': 'guess' } }),
    'an empty token of GitLab': () => push({ headers: { 'x-hub-signature-256': undefined, 'x-gitlab-token': '' } }),
    'the right token of GitLab beside a wrong signature': () =>
      push({ headers: { 'x-hub-signature-256': `sha256=${'a'.repeat(64)}`, 'x-gitlab-token': 'secret-of-the-push-webhook' } }),
    'two tokens of GitLab': () =>
      push({ headers: { 'x-hub-signature-256': undefined, 'x-gitlab-token': ['guess', 'secret-of-the-push-webhook'] } }),
    'a signature of Gitea in capitals': () =>
      push({ headers: { 'x-hub-signature-256': undefined, 'x-gitea-signature': 'A'.repeat(64) } }),
  }),
};
