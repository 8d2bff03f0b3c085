import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGateCaller } from '../../src/adapters/webhook/gate.ts';
import { SystemError } from '../../src/controller/ports.ts';
import { json, type Loopback, listen } from '../adapters/http/loopback.ts';

/** Where a Rollout cannot send the controller, whose network reaches more than that of whoever writes Rollouts. */

const requests: string[] = [];
let server: Loopback;
let port: string;

beforeAll(async () => {
  server = await listen(({ url }, response) => {
    requests.push(url.pathname);
    if (url.pathname === '/elsewhere') response.writeHead(307, { location: `http://127.0.0.1:${port}/metadata` }).end();
    else json(response, { verdict: 'pass' });
  });
  port = new URL(server.url).port;
});
afterAll(() => server.close());

type Attempt = { readonly url: string; readonly allow?: readonly string[]; readonly addresses?: readonly string[] };

/** Everything that a pattern can allow, unless it says otherwise. */
const WIDE = ['http://*.example.com:*', 'https://*.example.com:*', 'http://*:*', 'http://*.*.*.*:*'];

/** The kind and the words of the refusal; DNS answers with `addresses` for every name. */
const refusal = async ({ url, allow = WIDE, addresses = ['127.0.0.1'] }: Attempt): Promise<string> => {
  const caller = createGateCaller({
    allow,
    apiServer: 'https://10.96.0.1:443',
    clock: { now: () => Date.UTC(2026, 10, 22) },
    resolve: async () => addresses,
  });
  try {
    return (await caller.call({ url: url.replace('PORT', port), timeoutMs: 2_000, body: {} }, new AbortController().signal))
      .verdict;
  } catch (error) {
    if (error instanceof SystemError) return `${error.kind}: ${error.message}`;
    throw error;
  }
};

const to = (address: string): [string, Attempt] => [
  `a name that leads to ${address}`,
  { url: 'http://ci.example.com:PORT/', addresses: [address] },
];

describe('server-side requests', () => {
  it.each<[string, Attempt]>([
    to('127.0.0.1'),
    to('127.255.255.254'),
    to('0.0.0.0'),
    to('169.254.169.254'),
    to('169.254.0.1'),
    to('224.0.0.1'),
    to('255.255.255.255'),
    to('::1'),
    to('::'),
    to('fe80::1'),
    to('fe80::1%eth0'),
    to('ff02::1'),
    to('fd00:ec2::254'),
    to('::ffff:127.0.0.1'),
    to('::ffff:7f00:1'),
    to('::ffff:169.254.169.254'),
    to('0:0:0:0:0:ffff:7f00:0001'),
    to('64:ff9b::7f00:1'),
    to('64:ff9b::a9fe:a9fe'),
    to('10.96.0.1'),
    to('::ffff:10.96.0.1'),
    ['a name with one good and one bad address', { url: 'http://ci.example.com:PORT/', addresses: ['203.0.113.7', '127.0.0.1'] }],
    ['the address itself', { url: 'http://127.0.0.1:PORT/' }],
    ['localhost', { url: 'http://localhost:PORT/' }],
    ['an address in one number', { url: 'http://2130706433:PORT/' }],
    ['an address in hexadecimal', { url: 'http://0x7f000001:PORT/' }],
    ['an address in octal', { url: 'http://0177.0.0.1:PORT/' }],
    ['an address with parts left out', { url: 'http://127.1:PORT/' }],
    ['an address in wide digits', { url: 'http://１２７.０.０.１:PORT/' }],
    ['an address with a dot at the end', { url: 'http://127.0.0.1.:PORT/' }],
    ['IPv6 in brackets', { url: 'http://[::1]:PORT/', addresses: ['::1'] }],
    ['IPv4 in IPv6 in brackets', { url: 'http://[::ffff:127.0.0.1]:PORT/', addresses: ['::ffff:127.0.0.1'] }],
    ['a host that is not listed', { url: 'http://evil.test:PORT/', allow: ['http://*.example.com:*'] }],
    ['a listed host as the user', { url: 'http://ci.example.com@127.0.0.1:PORT/' }],
    ['a listed host behind a backslash', { url: 'http://127.0.0.1:PORT\\@ci.example.com/', allow: ['http://*.example.com:*'] }],
    ['a listed host as the fragment', { url: 'http://127.0.0.1:PORT#.example.com', allow: ['http://*.example.com:*'] }],
    ['a listed host as the path', { url: 'http://127.0.0.1:PORT/.example.com', allow: ['http://*.example.com:*'] }],
    [
      'a listed path, and dots',
      { url: 'http://ci.example.com:PORT/gates/../metadata', allow: ['http://ci.example.com:*/gates/*'] },
    ],
    [
      'a listed path, and escaped dots',
      { url: 'http://ci.example.com:PORT/gates/%2e%2e/metadata', allow: ['http://ci.example.com:*/gates/*'] },
    ],
    ['a password', { url: 'http://alice:secret@ci.example.com:PORT/', addresses: ['203.0.113.7'] }],
    ['a file', { url: 'file:///etc/passwd' }],
    ['gopher', { url: 'gopher://ci.example.com:PORT/_x' }],
    ['data', { url: 'data:application/json,{"verdict":"pass"}' }],
    ['no URL', { url: '//ci.example.com' }],
    ['a line in it', { url: 'http://ci.example.com:PORT/\r\nX-A: b' }],
    ['nothing', { url: '' }],
  ])('R16: a gate does not lead to %s', async (_, attempt) => {
    expect(await refusal(attempt)).toMatch(/^(refused|unavailable): /);
    expect(requests).toEqual([]);
  });

  it('R16: nor to where an answer redirects', async () => {
    const url = `http://127.0.0.1:${port}/elsewhere`;
    expect(await refusal({ url, allow: [`http://127.0.0.1:${port}/*`] })).toContain('redirects elsewhere');
    expect(requests.splice(0)).toEqual(['/elsewhere']);
  });
});
