import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createBodyReader, type ReadBody } from '../../src/server/body.ts';
import { ANSWER, approve, createRigs, type Rig, SIGNATURE, TOKEN } from './rig.ts';

const rigs = createRigs();
afterEach(rigs.close);
afterAll(rigs.closeShared);

const PATH = '/api/v1/rollouts/weather/forecast/approvals';
const BODY = JSON.stringify(ANSWER);

/** Writes bytes as they are; answers with all that came back until the server ended the connection. */
const raw = (url: string, parts: readonly string[], goesOn?: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    let answer = '';
    const timer = goesOn === undefined ? undefined : setInterval(() => socket.write(goesOn), 20);
    socket.on('data', chunk => {
      answer += chunk.toString();
    });
    socket.on('error', error => (answer === '' ? reject(error) : undefined));
    socket.on('close', () => {
      clearInterval(timer);
      resolve(answer);
    });
    socket.write(parts.join('\r\n'));
  });

const head = (...more: readonly string[]): readonly string[] => [
  `POST ${PATH} HTTP/1.1`,
  'Host: sluice',
  `Authorization: Bearer ${TOKEN}`,
  'Content-Type: application/json',
  ...more,
  '',
];
const LENGTH = `Content-Length: ${BODY.length}`;
const CLOSE = 'Connection: close';

const statusOf = (answer: string): number => Number(answer.split(' ')[1]);

describe('requests that are not as they should be', () => {
  it.each([
    ['as it should be', head(LENGTH, CLOSE), 200],
    ['two lengths', head(LENGTH, 'Content-Length: 3', CLOSE), 400],
    ['a length and chunks', head(LENGTH, 'Transfer-Encoding: chunked', CLOSE), 400],
    ['two tokens', head(LENGTH, 'Authorization: Bearer other', CLOSE), 400],
    ['the same token twice', head(LENGTH, `Authorization: Bearer ${TOKEN}`, CLOSE), 400],
    ['two content types', head(LENGTH, 'Content-Type: application/json', CLOSE), 415],
    ['no host', [`POST ${PATH} HTTP/1.1`, LENGTH, CLOSE, ''], 400],
    ['headers without end', head(LENGTH, `X-Long: ${'x'.repeat(20_000)}`, CLOSE), 431],
    ['a line feed in a header', head(LENGTH, 'X-A: b\nX-B: c\r', CLOSE), 400],
  ])('%s', async (_, lines, status) => {
    const rig = await rigs.shared();
    expect(statusOf(await raw(rig.url, [...lines, BODY]))).toBe(status);
    expect(rig.given).toHaveLength(status === 200 ? 1 : 0);
  });

  it('an address of another host in the first line leads nowhere else', async () => {
    const rig = await rigs.shared();
    const [, ...rest] = head(LENGTH, CLOSE);
    expect(statusOf(await raw(rig.url, [`POST http://elsewhere.example${PATH} HTTP/1.1`, ...rest, BODY]))).toBe(200);
    expect(rig.given).toHaveLength(1);
  });

  it.each([
    ['headers', ['POST /hooks/slack HTTP/1.1', 'Host: sluice', ''], 'X-A: b\r\n'],
    ['a body', ['POST /hooks/slack HTTP/1.1', 'Host: sluice', `signature: ${SIGNATURE}`, 'Content-Length: 100000', '', ''], 'x'],
    [
      'chunks',
      ['POST /hooks/slack HTTP/1.1', 'Host: sluice', `signature: ${SIGNATURE}`, 'Transfer-Encoding: chunked', '', ''],
      '1\r\nx\r\n',
    ],
  ])('whoever sends %s slowly is cut off', async (_, parts, goesOn) => {
    const hooks = { host: '127.0.0.1', port: 0, requestTimeoutMs: 300 };
    const rig = await rigs.start({ hooks });
    expect(statusOf(await raw(rig.hooks, parts, goesOn))).toBe(408);
    expect(rig.given).toEqual([]);
  });

  it('chunks without end are refused once they are too much', async () => {
    const rig = await rigs.shared();
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const parts = ['POST /hooks/slack HTTP/1.1', 'Host: sluice', 'Transfer-Encoding: chunked', '', chunk];
    expect(statusOf(await raw(rig.hooks, parts, chunk))).toBe(413);
  });
});

const forge = ({ hooks }: Rig, forwarded?: string): Promise<Response> =>
  fetch(`${hooks}/hooks/slack`, {
    method: 'POST',
    headers: { signature: 'forged', ...(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }) },
    body: 'x',
  });
const press = ({ hooks }: Rig): Promise<Response> =>
  fetch(`${hooks}/hooks/slack`, { method: 'POST', headers: { signature: SIGNATURE }, body: 'x' });

describe('limits per address', () => {
  it('count what proves nothing, until some time has passed; who proves who they are is let in', async () => {
    const rig = await rigs.start({ failures: { burst: 3, refillMs: 2_000 } });
    const statuses = [];
    for (let count = 0; count < 5; count += 1) statuses.push((await forge(rig)).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    expect((await forge(rig)).headers.get('retry-after')).toBe('2');
    expect((await press(rig)).status).toBe(200);
    rig.clock.nowMs += 2_000;
    expect([(await forge(rig)).status, (await forge(rig)).status]).toEqual([401, 429]);
    const refused = rig.log.lines.filter(line => line.includes('"level":"info"') && line.includes('was refused'));
    expect(refused).toHaveLength(4);
  });

  it('keep guesses of tokens from the API server', async () => {
    const rig = await rigs.start({ failures: { burst: 3 } });
    for (let count = 0; count < 10; count += 1) await approve(rig, { headers: { authorization: `Bearer guess-${count}` } });
    expect(rig.world.reviews).toBe(3);
    expect((await approve(rig)).status).toBe(429);
  });

  it('no token counts as nothing, and one that was refused once: a program that goes on with it keeps nobody else out', async () => {
    const rig = await rigs.start({ failures: { burst: 3 } });
    const again = (): Promise<Response> => approve(rig, { headers: { authorization: 'Bearer expired' } });
    for (let count = 0; count < 10; count += 1) expect((await again()).status).toBe(401);
    expect(rig.world.reviews).toBe(1);
    for (let count = 0; count < 10; count += 1) expect((await fetch(rig.url + PATH, { method: 'POST' })).status).toBe(401);
    expect((await approve(rig)).status).toBe(200);
    expect(rig.outcomes).toEqual([...Array(20).fill('api unauthenticated'), 'api recorded']);
    rig.clock.nowMs += 10_000;
    await again();
    expect(rig.world.reviews).toBe(3);
  });

  it('go by what trusted proxies say, and by nobody else', async () => {
    const rig = await rigs.start({ failures: { burst: 1 } });
    expect((await forge(rig, '192.0.2.1')).status).toBe(401);
    expect((await forge(rig, '192.0.2.2')).status).toBe(429);
    const behind = await rigs.start({ failures: { burst: 1 }, trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] });
    expect((await forge(behind, '192.0.2.1, 10.0.0.1')).status).toBe(401);
    expect((await forge(behind, '192.0.2.2')).status).toBe(401);
    expect((await forge(behind, 'made up, 198.51.100.1, 192.0.2.2')).status).toBe(429);
  });
});

describe('bodies', () => {
  const sent = (text: string) => {
    const stream = Object.assign(new PassThrough(), { headers: {} });
    stream.write(text);
    return stream;
  };

  const from = (address: string, stream: ReturnType<typeof sent>, read: ReadBody): Promise<Buffer> =>
    read(stream as unknown as IncomingMessage, 256 * 1024, address);

  it('of several requests are kept up to a limit; the oldest of who has sent most gives way', async () => {
    const read = createBodyReader({ mostBytes: 10 });
    const [first, second, third, fourth] = [sent('12'), sent('123'), sent('12'), sent('123456')];
    const bodies = [
      from('192.0.2.1', first, read),
      from('192.0.2.2', second, read),
      from('192.0.2.2', third, read),
      from('192.0.2.3', fourth, read),
    ];
    await expect(bodies[3]).rejects.toMatchObject({ status: 503 });
    const fifth = sent('1234');
    const last = from('192.0.2.4', fifth, read);
    await expect(bodies[1]).rejects.toMatchObject({ status: 503 });
    for (const stream of [first, third, fifth]) stream.end();
    expect(String(await Promise.all([bodies[0], bodies[2], last]))).toBe('12,12,1234');
  });

  it('that one address begins and does not end keep nobody out, not even at the same address', async () => {
    const read = createBodyReader();
    const stalled = Array.from({ length: 140 }, (_, index) =>
      from(`2001:db8::${index}`, sent('x'.repeat(250_000)), read).catch((error: unknown) => error),
    );
    await expect(stalled[131]).resolves.toMatchObject({ status: 503 });
    for (const address of ['192.0.2.1', '2001:db8::1']) {
      const press = sent('x'.repeat(20_000));
      press.end();
      expect(await from(address, press, read)).toHaveLength(20_000);
    }
  });

  it('R19: a press is taken while 140 others are stalled, be they of the same address', async () => {
    const rig = await rigs.shared();
    const length = 256 * 1024;
    const lines = ['POST /hooks/slack HTTP/1.1', 'Host: sluice', `Content-Length: ${length}`, '', 'x'.repeat(length - 1)];
    const { hostname, port } = new URL(rig.hooks);
    const answers: string[] = [];
    const sockets = Array.from({ length: 140 }, () => connect(Number(port), hostname));
    for (const socket of sockets) {
      socket.on('error', () => {});
      socket.once('data', chunk => answers.push(String(chunk)));
      socket.write(lines.join('\r\n'));
    }
    await expect.poll(() => answers.length).toBeGreaterThanOrEqual(12);
    expect(answers.map(statusOf)).toEqual(answers.map(() => 503));
    const pressed = await fetch(`${rig.hooks}/hooks/slack`, {
      method: 'POST',
      headers: { signature: SIGNATURE },
      body: 'x'.repeat(10_000),
    });
    for (const socket of sockets) socket.destroy();
    expect(pressed.status).toBe(200);
  });

  it('that end too early are no bodies', async () => {
    const stream = sent('123');
    const body = createBodyReader()(stream as unknown as IncomingMessage, 100, '192.0.2.1');
    stream.destroy();
    await expect(body).rejects.toMatchObject({ status: 400 });
  });
});
