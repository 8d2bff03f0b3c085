import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createGateCaller, type GateCallerOptions } from '../../../src/adapters/webhook/gate.ts';
import { type GateVerdict, SystemError } from '../../../src/controller/ports.ts';
import { json, type Loopback, listen, type Received } from '../http/loopback.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 14);

const open: Loopback[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const receiver = async (answer: (response: ServerResponse, received: Received) => void) => {
  const received: Received[] = [];
  const server = await listen((request, response) => {
    received.push(request);
    answer(response, request);
  });
  open.push(server);
  return { url: server.url, port: new URL(server.url).port, received };
};

const call = (
  url: string,
  options: Partial<GateCallerOptions> = {},
  timeoutMs = 2_000,
  signal = new AbortController().signal,
): Promise<GateVerdict> => {
  const { origin } = URL.canParse(url) ? new URL(url) : { origin: '' };
  const caller = createGateCaller({
    allow: [origin],
    apiServer: 'https://203.0.113.1:6443',
    clock: { now: () => NOW_MS },
    ...options,
  });
  return caller.call({ url, timeoutMs, body: { canary: 'v2' } }, signal);
};

const failure = async (verdict: Promise<GateVerdict>): Promise<SystemError> => {
  const error: unknown = await verdict.then(
    found => new Error(`answered ${found.verdict}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof SystemError) return error;
  throw error;
};

describe('a webhook gate', () => {
  it('posts the question as JSON, and gives the verdict', async () => {
    const { url, received } = await receiver(response => json(response, { verdict: 'pass', value: 0.5, message: 'all good' }));
    expect(await call(`${url}/smoke/?app=forecast`)).toEqual({ verdict: 'pass', value: 0.5, message: 'all good' });
    const [{ request, body } = { request: undefined, body: '' }] = received;
    expect(request?.method).toBe('POST');
    expect(request?.url).toBe('/smoke/?app=forecast');
    expect(request?.headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toEqual({ canary: 'v2' });
  });

  it('signs it when there is a secret, which is read for each call', async () => {
    const { url, received } = await receiver(response => json(response, { verdict: 'pass' }));
    let secret = 'first';
    for (const next of ['first', 'second']) {
      secret = next;
      await call(url, { secret: () => secret });
      const { request, body } = received.at(-1) ?? {};
      const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signature } = request?.headers ?? {};
      expect(seconds).toBe(String(NOW_MS / 1000));
      expect(signature).toBe(`v1,${createHmac('sha256', next).update(`${id}.${seconds}.${body}`).digest('base64')}`);
    }
  });

  it('a secret that cannot be read is said, and nothing is sent', async () => {
    const { url, received } = await receiver(response => json(response, { verdict: 'pass' }));
    const unreadable = () => {
      throw new Error('reading secret /secrets/gate: ENOENT');
    };
    expect((await failure(call(url, { secret: unreadable }))).message).toBe(
      'asking a webhook: reading secret /secrets/gate: ENOENT',
    );
    expect(received).toEqual([]);
  });

  it('one line of limited length is kept of what it says', async () => {
    const said = `\u001b[31mred\u001b[0m\n\u202Eevil ${'x'.repeat(5_000)}`;
    const { url } = await receiver(response => json(response, { verdict: 'fail', message: said }));
    const { message = '' } = await call(url);
    expect(message).toMatch(/^\[31mred \[0m evil x+\.\.\.$/);
    expect(message).toHaveLength(300);
  });

  it.each([
    [{}, 'a verdict that is known'],
    [{ verdict: 'PASS' }, 'a verdict that is known'],
    [[], 'a verdict that is known'],
    ['pass', 'a verdict that is known'],
    [null, 'a verdict that is known'],
    [{ verdict: 'pass', value: '1' }, 'a value that is no number'],
    [{ verdict: 'pass', message: {} }, 'a message that is no text'],
  ])('R16: %j is no answer', async (answer, what) => {
    const { url } = await receiver(response => json(response, answer));
    const error = await failure(call(url));
    expect(error.kind).toBe('badAnswer');
    expect(error.message).toContain(what);
    expect(error.message).toContain('expected {"verdict":"pass"|"fail"|"nodata"}');
  });

  it.each<[string, (response: ServerResponse) => void, SystemError['kind'], string]>([
    ['broken JSON', response => response.end('pass'), 'badAnswer', 'broken JSON, expected {"verdict"'],
    ['nothing', response => response.writeHead(204).end(), 'badAnswer', 'broken JSON, expected {"verdict"'],
    ['a web page', response => response.end('<html>'), 'badAnswer', 'web page'],
    ['too much', response => json(response, { verdict: 'pass', more: 'x'.repeat(70_000) }), 'badAnswer', 'too large'],
    ['500', response => json(response, { verdict: 'fail' }, 500), 'unavailable', 'HTTP 500'],
    ['404', response => json(response, { verdict: 'fail' }, 404), 'notFound', 'HTTP 404'],
    ['401', response => json(response, {}, 401), 'refused', 'HTTP 401'],
    ['silence', () => {}, 'unavailable', 'gave no answer within 0.3 s'],
    ['a broken connection', response => response.destroy(), 'unavailable', 'broke the connection'],
    ['a trickle', response => response.write(' '), 'unavailable', 'gave no answer within 0.3 s'],
  ])('R16: %s is an error of the receiver, never a verdict', async (_, answer, kind, words) => {
    const { url } = await receiver(answer);
    const error = await failure(call(url, {}, 300));
    expect(error.kind).toBe(kind);
    expect(error.message).toContain(words);
    expect(error.message).toContain('asking webhook 127.0.0.1');
  });

  it('redirects are not followed', async () => {
    const target = await receiver(response => json(response, { verdict: 'pass' }));
    const { url } = await receiver(response => response.writeHead(307, { location: target.url }).end());
    const error = await failure(call(url, { allow: [url, target.url] }));
    expect(error.message).toContain('redirects elsewhere (HTTP 307)');
    expect(target.received).toEqual([]);
  });

  it('ends when it is not waited for any more', async () => {
    const controller = new AbortController();
    const { url } = await receiver(() => controller.abort());
    expect((await failure(call(url, {}, 10_000, controller.signal))).message).toContain('cancelled');
  });

  it('counts its calls by host', async () => {
    const { url, port } = await receiver(response => json(response, { verdict: 'pass' }));
    const outcomes: string[] = [];
    const onRequest = (host: string, outcome: string) => void outcomes.push(`${host} ${outcome}`);
    await call(url, { onRequest });
    expect(outcomes).toEqual([`127.0.0.1:${port} ok`]);
  });
});

describe('where a webhook gate may not lead', () => {
  const refusal = async (url: string, options: Partial<GateCallerOptions>): Promise<string> => {
    const { kind, message } = await failure(call(url, options));
    return `${kind}: ${message}`;
  };

  it('to what is not listed', async () => {
    const { url, received } = await receiver(response => json(response, { verdict: 'pass' }));
    expect(await refusal(url, { allow: ['https://ci.example.com'] })).toContain(
      `${url} is not among the URLs that webhookGates.allow of the configuration lists`,
    );
    expect(await refusal(url, { allow: [] })).toContain('is not among the URLs');
    expect(await refusal('ftp://ci.example.com', {})).toContain('none that starts with http:// or https://');
    expect(await refusal('http://alice:secret@127.0.0.1/', { allow: ['http://127.0.0.1'] })).toMatch(/^refused: .*a password/);
    expect(received).toEqual([]);
  });

  it('to this machine and to the metadata of a cloud, under whatever name', async () => {
    const { port, received } = await receiver(response => json(response, { verdict: 'pass' }));
    for (const address of ['127.0.0.1', '::1', '169.254.169.254', '::ffff:127.0.0.1']) {
      const said = await refusal(`http://ci.example.com:${port}/`, {
        allow: ['http://*.example.com:*'],
        resolve: async host => (host === 'ci.example.com' ? ['203.0.113.7', address] : [host]),
      });
      expect(said).toContain('refused: asking webhook ci.example.com');
      expect(said).toContain(`a loopback or link-local address; list it by address`);
    }
    expect(received).toEqual([]);
  });

  it('to the API server', async () => {
    const said = await refusal('https://ci.example.com', {
      resolve: async host => [{ 'ci.example.com': '10.96.0.1', 'api.cluster.local': '10.96.0.1' }[host] ?? host],
      apiServer: 'https://api.cluster.local:6443',
    });
    expect(said).toContain('ci.example.com leads to 10.96.0.1, the address of the API server');
  });

  it('unless the list names the address', async () => {
    const { port } = await receiver(response => json(response, { verdict: 'nodata' }));
    const resolve = async () => ['127.0.0.1'];
    const allow = ['http://ci.example.com:*', `http://127.0.0.1:${port}`];
    expect(await call(`http://ci.example.com:${port}/`, { allow, resolve })).toEqual({ verdict: 'nodata' });
  });

  it('what was checked is what is connected to, also when DNS says something else a moment later', async () => {
    const { port, received } = await receiver(response => json(response, { verdict: 'pass' }));
    const answers = [['127.0.0.1'], ['169.254.169.254']];
    const asked: string[] = [];
    const resolve = async (host: string) => {
      asked.push(host);
      return answers.shift() ?? [];
    };
    await call(`http://rebind.example.com:${port}/`, { allow: ['http://*.example.com:*', 'http://127.0.0.1:*'], resolve });
    expect(asked).toEqual(['rebind.example.com']);
    expect(received[0]?.request.headers.host).toBe(`rebind.example.com:${port}`);
  });

  it('R16: a name that DNS does not know, or does not answer for, is an error', async () => {
    const allow = ['http://ci.example.com'];
    const unknown = async () => {
      throw new Error('ENOTFOUND');
    };
    expect(await refusal('http://ci.example.com/', { allow, resolve: unknown })).toContain('unknown to DNS');
    const hung = failure(call('http://ci.example.com/', { allow, resolve: () => new Promise(() => {}) }, 50));
    expect((await hung).message).toContain('DNS gave no answer within 0.05 s');
  });
});
