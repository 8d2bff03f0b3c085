import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpClient, type HttpClientOptions } from '../../../src/adapters/http/client.ts';
import { SystemError } from '../../../src/controller/ports.ts';
import { json, type Loopback, listen, type Received } from './loopback.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(answer: (received: Received, response: ServerResponse) => void): Promise<Loopback> {
  const loopback = await listen(answer);
  closers.push(loopback.close);
  return loopback;
}

type Asked = { readonly body?: unknown; readonly error?: SystemError; readonly outcomes: readonly string[] };

async function ask(url: string, options: Partial<HttpClientOptions> = {}, signal = new AbortController().signal): Promise<Asked> {
  const outcomes: string[] = [];
  const onRequest = (provider: string, outcome: string) => void outcomes.push(`${provider} ${outcome}`);
  const client = createHttpClient({ product: 'Prometheus', name: 'default', url, timeoutMs: 2000, onRequest, ...options });
  try {
    return {
      body: await client.requestJson({ operation: 'reading traffic', path: '/api', query: { secret: 'q1' }, signal }),
      outcomes,
    };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return { error, outcomes };
  }
}

describe('the HTTP client', () => {
  it('returns parsed JSON, keeps the path of the base address, and counts the call', async () => {
    const server = await serve(({ url }, response) =>
      json(response, { path: url.pathname, secret: url.searchParams.get('secret') }),
    );
    const { body, outcomes } = await ask(`${server.url}/prefix/`);
    expect(body).toEqual({ path: '/prefix/api', secret: 'q1' });
    expect(outcomes).toEqual(['default ok']);
  });

  it.each([
    [401, 'refused', 'denied', 'refused the credentials (HTTP 401)'],
    [403, 'refused', 'denied', 'refused the credentials (HTTP 403)'],
    [404, 'notFound', 'notFound', 'does not know this address (HTTP 404): is a path missing in its URL?'],
    [400, 'badAnswer', 'badAnswer', 'rejected the request (HTTP 400)'],
    [429, 'unavailable', 'throttled', 'says there are too many requests (HTTP 429)'],
    [500, 'unavailable', 'serverError', 'failed with HTTP 500'],
    [503, 'unavailable', 'serverError', 'failed with HTTP 503'],
    [302, 'badAnswer', 'badAnswer', 'redirects elsewhere (HTTP 302): is there a login page before it?'],
  ])('R16: tells HTTP %i in a sentence', async (status, kind, outcome, reason) => {
    const server = await serve((_, response) =>
      response.writeHead(status, { location: 'http://127.0.0.1:1/login' }).end('<html>'),
    );
    const { error, outcomes } = await ask(server.url);
    expect(error?.message).toBe(`reading traffic: Prometheus "default" at ${server.url} ${reason}`);
    expect(error).toMatchObject({ system: 'prometheus/default', operation: 'reading traffic', kind });
    expect(outcomes).toEqual([`default ${outcome}`]);
  });

  it('R16: tells a refused connection, an unknown host name and a broken connection', async () => {
    const server = await serve(({ request }) => request.socket.destroy());
    expect((await ask(server.url)).error?.message).toContain('broke the connection');
    await closers.pop()?.();
    const refused = await ask(server.url);
    expect(refused.error).toMatchObject({ kind: 'unavailable' });
    expect(refused.error?.message).toContain(`at ${server.url} refused the connection`);
    expect((await ask('http://name.invalid:9090')).error?.message).toContain('cannot be found');
  });

  it('R16: ends a call that has no answer, and one whose answer trickles, after the time-out', async () => {
    const silent = await serve(() => undefined);
    expect((await ask(silent.url, { timeoutMs: 60 })).error?.message).toContain('gave no answer within 0.06 s');
    const trickling = await serve((_, response) => {
      const timer = setInterval(() => response.write(' '), 10);
      response.on('close', () => clearInterval(timer));
    });
    const { error, outcomes } = await ask(trickling.url, { timeoutMs: 100 });
    expect(error).toMatchObject({ kind: 'unavailable' });
    expect(outcomes).toEqual(['default timeout']);
  });

  it('ends at once when it is cancelled', async () => {
    const controller = new AbortController();
    const server = await serve(() => controller.abort());
    const { error, outcomes } = await ask(server.url, {}, controller.signal);
    expect(error?.message).toContain('the call was cancelled');
    expect(outcomes).toEqual(['default cancelled']);
    expect((await ask(server.url, {}, AbortSignal.abort())).outcomes).toEqual(['default cancelled']);
  });

  it('R16: tells HTML, broken JSON and an empty answer apart from data', async () => {
    const bodies = ['<!doctype html><title>Login</title>', '{"status": "succ', ''];
    const server = await serve((_, response) => response.end(bodies.shift()));
    expect((await ask(server.url)).error?.message).toContain('answered with a web page (HTML) instead of JSON');
    expect((await ask(server.url)).error?.message).toContain('answered with broken JSON');
    expect((await ask(server.url)).error).toMatchObject({ kind: 'badAnswer' });
  });

  it('R16: refuses an answer that is too large, also when it is small on the wire', async () => {
    const large = JSON.stringify('x'.repeat(3 * 1024 * 1024));
    const server = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(large));
    });
    const { error } = await ask(server.url, { maxContentBytes: 2 * 1024 * 1024 });
    expect(error?.message).toContain('too large (more than 2 MiB)');
    expect((await ask(server.url)).body).toHaveLength(3 * 1024 * 1024);
  });

  it("hands on the server's own words when it rejects a request", async () => {
    const server = await serve((_, response) => json(response, { error: 'parse error at char 3' }, 400));
    const describeRefusal = (body: unknown) => JSON.stringify(body);
    expect((await ask(server.url, { describeRefusal })).error?.message).toContain(
      '(HTTP 400): {"error":"parse error at char 3"}',
    );
  });

  it('sends the token, reads it again when it was rotated, and says when it cannot be read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'token-'));
    closers.push(() => rm(folder, { recursive: true }));
    const tokenFile = join(folder, 'token');
    const server = await serve(({ request }, response) => json(response, request.headers.authorization));
    const client = createHttpClient({ product: 'Prometheus', name: 'default', url: server.url, timeoutMs: 2000, tokenFile });
    const call = { operation: 'reading', path: '/', signal: new AbortController().signal };
    await expect(client.requestJson(call)).rejects.toThrow(/its token file .* cannot be read \(ENOENT\)/);
    await writeFile(tokenFile, 'first\n');
    expect(await client.requestJson(call)).toBe('Bearer first');
    await writeFile(tokenFile, 'second\n');
    expect(await client.requestJson(call)).toBe('Bearer second');
  });

  it('shows neither user, password, token nor query in an error', async () => {
    const server = await serve(({ request }, response) => {
      expect(request.headers.authorization).toBe(`Basic ${Buffer.from('ann:p@ss').toString('base64')}`);
      response.writeHead(500).end();
    });
    const { error } = await ask(`${server.url.replace('//', '//ann:p%40ss@')}/?key=s3cret`);
    expect(error).toBeInstanceOf(SystemError);
    expect(`${error?.message} ${error?.stack} ${JSON.stringify(error)}`).not.toMatch(/ann|p@ss|p%40ss|s3cret|q1/);
    expect(error?.cause).toBeUndefined();
  });

  it('uses one connection for many calls, and survives that the server closes it', async () => {
    const connections = new Set<unknown>();
    let cut = false;
    const server = await serve(({ request }, response) => {
      connections.add(request.socket);
      if (cut) {
        cut = false;
        request.socket.destroy();
      } else json(response, 'ok');
    });
    const client = createHttpClient({ product: 'Zipkin', name: 'default', url: server.url, timeoutMs: 2000 });
    const call = { operation: 'reading', path: '/', signal: new AbortController().signal };
    for (let index = 0; index < 5; index += 1) expect(await client.requestJson(call)).toBe('ok');
    expect(connections.size).toBe(1);
    cut = true;
    expect(await client.requestJson(call)).toBe('ok');
    expect(connections.size).toBe(2);
  });
});
