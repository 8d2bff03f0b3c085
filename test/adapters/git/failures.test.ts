import fs from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openRepository, type RepositoryOptions } from '../../../src/adapters/git/repository.ts';
import { createCertificate } from '../../../src/sandbox/kube/certificate.ts';
import { type BareRepository, createBareRepository } from './bareRepository.ts';
import { type GitServer, type Intercept, send, startGitServer } from './gitServer.ts';

const signal = new AbortController().signal;
let root: string;
let server: GitServer;
let repository: BareRepository;
let oid: string;
let clones = 0;

beforeAll(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'sluice-git-'));
  server = await startGitServer(root);
  repository = await createBareRepository(path.join(root, 'fleet.git'));
  // Random enough that the pack has some size.
  const noise = Array.from({ length: 2_000 }, (_, index) => `${index}: ${Math.sin(index)}`).join('\n');
  oid = await repository.commit({ 'rollouts/a.yaml': '1', 'noise.txt': noise });
});

afterAll(async () => {
  await server.close();
  await fs.rm(root, { recursive: true, force: true });
});

afterEach(() => {
  server.intercept = undefined;
});

const folder = () => path.join(root, `clone${clones}`);

function open(options: Partial<RepositoryOptions> = {}) {
  clones += 1;
  const url = `${server.origin}/fleet.git`;
  return openRepository({ url, branch: 'main', path: 'rollouts', dir: folder(), timeoutMs: 5_000, ...options });
}

const html: Intercept = (_, response) => {
  send(response, { status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from('<html>Please log in</html>') });
};

const empty: Intercept = (_, response) => {
  send(response, {
    status: 200,
    headers: { 'content-type': 'application/x-git-upload-pack-advertisement' },
    body: Buffer.alloc(0),
  });
};

const status =
  (code: number): Intercept =>
  (_, response) =>
    send(response, { status: code, headers: { 'content-type': 'text/plain' }, body: Buffer.from('s3cret') });

const redirect =
  (location: string): Intercept =>
  (_, response) =>
    send(response, { status: 302, headers: { location }, body: Buffer.alloc(0) });

/** Lets all but the pack through. */
const packs =
  (answer: (response: ServerResponse, body: Buffer) => void): Intercept =>
  async (request, response, proceed) => {
    const proper = await proceed();
    const isPack = request.method === 'POST' && proper.body.includes('PACK');
    if (!isPack) send(response, proper);
    else answer(response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' }), proper.body);
  };

describe('a poll that fails says what is wrong and what to do', () => {
  test.each<[string, Intercept, string, string]>([
    ['a web page', html, 'badAnswer', 'the answer is not Git'],
    ['an empty answer', empty, 'badAnswer', 'the answer is not Git'],
    ['401', status(401), 'refused', 'the server asks for credentials (401); set auth'],
    ['403', status(403), 'refused', 'reading is not allowed (403)'],
    ['404', status(404), 'notFound', 'there is no repository (404)'],
    ['503', status(503), 'unavailable', 'the server cannot answer now (503)'],
    ['418', status(418), 'badAnswer', 'the server answered with status 418'],
    [
      'a redirect to another host',
      redirect('https://login.example.com/?next=s3cret'),
      'refused',
      'redirected to https://login.example.com;',
    ],
    ['a redirect without an end', redirect('/fleet.git/info/refs'), 'refused', 'the server redirected 4 times'],
    ['a broken connection', (_, response) => void response.destroy(), 'unavailable', 'the connection broke'],
  ])('%s', async (_, intercept, kind, reason) => {
    const git = open();
    server.intercept = intercept;
    const error = await git.poll(signal).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ system: 'git', kind });
    expect(String(error)).toContain(`polling branch 'main' of ${server.origin}/fleet.git: `);
    expect(String(error)).toContain(reason);
    expect(String(error)).not.toContain('s3cret');
    server.intercept = undefined;
    expect(await git.poll(signal)).toEqual({ oid });
  });

  test.each<[string, Intercept, string]>([
    ['a web page', html, 'badAnswer'],
    [
      'an answer that breaks off',
      async (_, response, proceed) => {
        const { headers, body } = await proceed();
        response.writeHead(200, { ...headers, 'content-length': body.length });
        response.write(body.subarray(0, 10), () => response.destroy());
      },
      'unavailable',
    ],
  ])('%s in a later poll is not taken for a missing branch', async (_, intercept, kind) => {
    const git = open();
    await git.poll(signal);
    server.intercept = intercept;
    await expect(git.poll(signal)).rejects.toMatchObject({ kind });
    server.intercept = undefined;
    expect(await git.poll(signal)).toEqual({ oid });
  });

  test('a missing branch', async () => {
    const reason = 'there is no such branch; make it with a first commit or correct branch';
    await expect(open({ branch: 'mai' }).poll(signal)).rejects.toMatchObject({
      kind: 'notFound',
      message: expect.stringContaining(reason),
    });
  });

  test('a repository without a commit', async () => {
    await createBareRepository(path.join(root, 'empty.git'));
    const git = open({ url: `${server.origin}/empty.git` });
    await expect(git.poll(signal)).rejects.toMatchObject({ kind: 'notFound' });
  });

  test('a folder that is not a repository', async () => {
    await expect(open({ url: `${server.origin}/nothing.git` }).poll(signal)).rejects.toMatchObject({ kind: 'notFound' });
  });

  test('a refused connection', async () => {
    const other = await startGitServer(root);
    const url = `${other.origin}/fleet.git`;
    await other.close();
    await expect(open({ url }).poll(signal)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('refused'),
    });
  });

  test('a certificate that nobody vouches for', async () => {
    const tls = createServer(createCertificate());
    await new Promise<void>(resolve => tls.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(tls.address() as AddressInfo).port}/fleet.git`;
    const reason = 'the certificate of the server is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT); NODE_EXTRA_CA_CERTS can name';
    await expect(open({ url }).poll(signal)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining(reason),
    });
    tls.close();
  });

  test('a server that does not answer', async () => {
    server.intercept = () => {};
    const poll = open({ timeoutMs: 200 }).poll(signal);
    await expect(poll).rejects.toMatchObject({ kind: 'unavailable', message: expect.stringContaining('no answer for 0.2 s') });
  });

  test('a server that sends a little now and then, without end', async () => {
    server.intercept = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' });
      const timer = setInterval(() => response.write('001e# service=git-upload-pack\n'), 50);
      response.on('close', () => clearInterval(timer));
    };
    const poll = open({ timeoutMs: 250 }).poll(signal);
    await expect(poll).rejects.toMatchObject({ kind: 'unavailable', message: expect.stringContaining('did not end in time') });
  });

  test.each([['ssh://git@example.com/fleet.git'], ['git@example.com:fleet.git'], ['git://example.com/fleet.git']])('%s', url => {
    expect(() => open({ url })).toThrow('only http://, https:// and local paths are supported');
  });
});

describe('credentials', () => {
  const guarded: Intercept = async (request, response, proceed) => {
    const expected = `Basic ${Buffer.from('ada:s3cret').toString('base64')}`;
    if (request.headers.authorization === expected) send(response, await proceed());
    else send(response, { status: 401, headers: { 'www-authenticate': 'Basic' }, body: Buffer.alloc(0) });
  };

  test('go with the first request, from auth or from the url', async () => {
    server.intercept = guarded;
    const before = server.requests.length;
    const git = open({ auth: async () => ({ username: 'ada', password: 's3cret' }) });
    await git.poll(signal);
    await git.poll(signal);
    expect(server.requests.length - before).toBe(3);
    expect((await git.read(oid, signal)).files).toHaveLength(1);
    const url = `${server.origin.replace('http://', 'http://ada:s3cret@')}/fleet.git`;
    const other = open({ url });
    expect(await other.poll(signal)).toEqual({ oid });
    expect((await other.read(oid, signal)).files).toHaveLength(1);
    expect(await fs.readFile(path.join(folder(), 'clone.git/config'), 'utf8')).not.toContain('s3cret');
  });

  test('that cannot be read are named as the cause', async () => {
    const git = open({ auth: () => Promise.reject(new Error('/secrets/git: no such file')) });
    await expect(git.poll(signal)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('the credentials cannot be read: /secrets/git: no such file'),
    });
  });

  test('that are wrong are named as the cause, and stand in no message', async () => {
    server.intercept = guarded;
    const url = `${server.origin.replace('http://', 'http://ada:wr0ng@')}/fleet.git`;
    const error = await open({ url })
      .poll(signal)
      .catch((failure: unknown) => failure);
    expect(error).toMatchObject({ kind: 'refused', message: expect.stringContaining('does not accept the credentials (401)') });
    expect(String(error)).not.toContain('wr0ng');
  });
});

describe('a fetch', () => {
  test('may take longer than the shared agent of Node would wait', async () => {
    server.intercept = packs((response, body) => void setTimeout(() => response.end(body), 6_000));
    expect((await open({ timeoutMs: 60_000 }).read(oid, signal)).files).toHaveLength(1);
  });

  test.each<[string, (response: ServerResponse, body: Buffer) => void]>([
    ['that breaks off', (response, body) => void response.write(body.subarray(0, 2_000), () => response.destroy())],
    ['that ends early', (response, body) => void response.end(body.subarray(0, 2_000))],
    [
      'whose pack is damaged',
      (response, body) => void response.end(Buffer.concat([body.subarray(0, -900), Buffer.alloc(900, 1)])),
    ],
    ['that brings nothing', (response, body) => void response.end(body.subarray(0, body.indexOf('PACK') - 5))],
    ['that ends with an error of the server', (response, body) => void response.end(withError(body))],
  ])('%s is an error and leaves nothing behind', async (_, answer) => {
    const git = open();
    server.intercept = packs(answer);
    await expect(git.read(oid, signal)).rejects.toMatchObject({ system: 'git' });
    expect(await fs.readdir(folder()).catch(() => [])).toEqual([]);
    server.intercept = undefined;
    expect((await git.read(oid, signal)).files).toHaveLength(1);
  });

  test('that is cancelled ends at once and leaves nothing behind', async () => {
    const git = open();
    const cancel = new AbortController();
    server.intercept = packs(
      (response, body) => void response.write(body.subarray(0, 2_000), () => cancel.abort(new Error('stopping'))),
    );
    await expect(git.read(oid, cancel.signal)).rejects.toThrow('stopping');
    expect(await fs.readdir(folder()).catch(() => [])).toEqual([]);
    await expect(git.poll(cancel.signal)).rejects.toThrow('stopping');
  });

  test('into a folder that cannot be written says so', async () => {
    const file = path.join(root, 'a-file');
    await fs.writeFile(file, '');
    await expect(open({ dir: file }).read(oid, signal)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('the folder of the repository cannot be read or written (ENOTDIR)'),
    });
  });

  test('follows a redirect on the same host', async () => {
    server.intercept = async (request, response, proceed) => {
      const { pathname, search } = new URL(request.url ?? '', server.origin);
      if (pathname.startsWith('/old.git'))
        return redirect(pathname.replace('/old', '/fleet') + search)(request, response, proceed);
      send(response, await proceed());
    };
    const git = open({ url: `${server.origin}/old.git` });
    expect(await git.poll(signal)).toEqual({ oid });
    expect((await git.read(oid, signal)).files).toHaveLength(1);
  });
});

/** A message of the server in the side band, in the place of the rest of the pack. */
function withError(body: Buffer): Buffer {
  const text = '\u0003fatal: out of memory\n';
  const line = Buffer.from((text.length + 4).toString(16).padStart(4, '0') + text);
  const packLine = body.indexOf('PACK') - 5;
  return Buffer.concat([body.subarray(0, packLine), line]);
}
