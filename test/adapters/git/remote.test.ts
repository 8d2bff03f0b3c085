import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openRepository, type RepositoryOptions } from '../../../src/adapters/git/repository.ts';
import { type BareRepository, createBareRepository, type Files } from './bareRepository.ts';
import { type GitServer, startGitServer } from './gitServer.ts';

const signal = new AbortController().signal;
let root: string;
let server: GitServer;
let repository: BareRepository;
let folders = 0;

beforeAll(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'sluice-git-'));
  server = await startGitServer(root);
});

afterAll(async () => {
  await server.close();
  await fs.rm(root, { recursive: true, force: true });
});

beforeEach(async () => {
  folders += 1;
  repository = await createBareRepository(path.join(root, `fleet${folders}.git`));
});

afterEach(() => {
  server.intercept = undefined;
});

function open(options: Partial<RepositoryOptions> = {}) {
  const url = `${server.origin}/fleet${folders}.git`;
  return openRepository({
    url,
    branch: 'main',
    path: 'rollouts',
    dir: path.join(root, `clone${folders}`),
    timeoutMs: 30_000,
    ...options,
  });
}

async function countRequests<T>(work: () => Promise<T>): Promise<{ result: T; requests: number }> {
  const before = server.requests.length;
  const result = await work();
  return { result, requests: server.requests.length - before };
}

async function readTip(git = open()) {
  const { oid } = await git.poll(signal);
  return await git.read(oid, signal);
}

const packs = async () => (await fs.readdir(path.join(root, `clone${folders}`, 'clone.git/objects/pack'))).sort();

describe('following a branch', () => {
  test('R32 reads all YAML files below the path at the commit, in order, and nothing else', async () => {
    const oid = await repository.commit({
      'rollouts/b.yml': 'b',
      'rollouts/a/deep/x.yaml': 'x: ü',
      'rollouts/README.md': 'no',
      'other/c.yaml': 'c',
    });
    expect(await readTip()).toEqual({
      oid,
      revision: `main@sha1:${oid}`,
      files: [
        { path: 'rollouts/a/deep/x.yaml', text: 'x: ü' },
        { path: 'rollouts/b.yml', text: 'b' },
      ],
      problems: [],
    });
  });

  test('R34 a poll is one request from the second one on, also when the branch has moved', async () => {
    await repository.commit({ 'rollouts/a.yaml': '1' });
    const git = open();
    const first = await countRequests(() => git.poll(signal));
    expect(first.requests).toBeLessThanOrEqual(2);
    expect(await countRequests(() => git.poll(signal))).toEqual({ result: first.result, requests: 1 });
    const oid = await repository.commit({ 'rollouts/a.yaml': '2' });
    expect(await countRequests(() => git.poll(signal))).toEqual({ result: { oid }, requests: 1 });
  });

  test('R34 a poll is one request with a server that only knows the first version of the protocol', async () => {
    const oid = await repository.commit({ 'rollouts/a.yaml': '1' });
    const old = await startGitServer(root, { protocolV2: false });
    const git = open({ url: `${old.origin}/fleet${folders}.git` });
    for (const expected of [1, 2, 3]) {
      expect(await git.poll(signal)).toEqual({ oid });
      expect(old.requests).toHaveLength(expected);
    }
    expect((await git.read(oid, signal)).files).toHaveLength(1);
    await old.close();
  });

  test('a second commit is fetched into the same clone, without the history', async () => {
    for (const text of ['1', '2', '3']) await repository.commit({ 'rollouts/a.yaml': text });
    const git = open();
    await readTip(git);
    expect(await packs()).toHaveLength(2);
    await repository.commit({ 'rollouts/a.yaml': '4', 'rollouts/new.yaml': 'n' });
    expect((await readTip(git)).files.map(file => file.text)).toEqual(['4', 'n']);
    expect(await packs()).toHaveLength(4);
  });

  test('what is there already is read without a request, also by a new process', async () => {
    await repository.commit({ 'rollouts/a.yaml': '1' });
    const { oid } = await readTip();
    const { result, requests } = await countRequests(() => open().read(oid, signal));
    expect(result.files).toHaveLength(1);
    expect(requests).toBe(0);
  });

  test('a commit that came between poll and read is read, and says so', async () => {
    await repository.commit({ 'rollouts/a.yaml': '1' });
    const git = open();
    const polled = await git.poll(signal);
    const oid = await repository.commit({ 'rollouts/a.yaml': '2' });
    expect(await git.read(polled.oid, signal)).toMatchObject({ oid, files: [{ text: '2' }] });
  });

  test('a clone of another repository in the folder is not used', async () => {
    await repository.commit({ 'rollouts/a.yaml': '1' });
    await readTip();
    const other = await createBareRepository(path.join(root, `other${folders}.git`));
    await other.commit({ 'rollouts/a.yaml': 'other' });
    const content = await readTip(open({ url: `${server.origin}/other${folders}.git` }));
    expect(content.files[0]?.text).toBe('other');
  });

  test.each([
    ['a damaged pack', async (file: string) => await fs.truncate(file, 40)],
    ['a missing index', async (file: string) => await fs.rm(file.replace(/pack$/, 'idx'))],
    ['an empty index', async (file: string) => await fs.truncate(file.replace(/pack$/, 'idx'), 0)],
  ])('a clone with %s is deleted and cloned afresh once', async (_, damage) => {
    const oid = await repository.commit({ 'rollouts/a.yaml': '1' });
    await readTip();
    const pack = (await packs()).find(name => name.endsWith('.pack')) ?? '';
    await damage(path.join(root, `clone${folders}`, 'clone.git/objects/pack', pack));
    expect(await open().read(oid, signal)).toMatchObject({ oid, files: [{ text: '1' }] });
  });

  test('many fetches do not pile up packs for ever', async () => {
    await repository.commit({ 'rollouts/a.yaml': '0' });
    const git = open();
    for (let index = 1; index <= 45; index += 1) {
      await repository.commit({ 'rollouts/a.yaml': `${index}` });
      expect((await readTip(git)).files[0]?.text).toBe(`${index}`);
    }
    expect((await packs()).length).toBeLessThan(40);
  });

  test('R34 a rewrite that would bring the whole history is cloned afresh instead', async () => {
    let parent = '';
    for (let index = 0; index < 10; index += 1) {
      parent = await repository.commit({ 'rollouts/a.yaml': `${index}`, noise: randomBytes(1024 * 1024) });
    }
    await repository.commit({ 'rollouts/a.yaml': 'small' });
    const git = open();
    await readTip(git);
    await repository.rewrite({ 'rollouts/a.yaml': 'rewritten' }, [parent]);
    expect((await readTip(git)).files[0]?.text).toBe('rewritten');
    const folder = path.join(root, `clone${folders}`, 'clone.git/objects/pack');
    for (const name of await packs()) expect((await fs.stat(path.join(folder, name))).size).toBeLessThan(1024 * 1024);
  });

  test('R34 after any sequence of commits and rewrites the files are those of the branch', async () => {
    const names = fc.constantFrom('rollouts/a.yaml', 'rollouts/b.yaml', 'rollouts/c/d.yaml');
    const files = fc.dictionary(names, fc.string({ minLength: 1, maxLength: 8 }), { minKeys: 1 });
    const step = fc.record({ files, how: fc.constantFrom('commit', 'amend', 'orphan', 'back'), look: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async steps => {
        folders += 1;
        const target = await createBareRepository(path.join(root, `fleet${folders}.git`));
        const git = open();
        const history: { oid: string; parents: string[] }[] = [];
        for (const { files: content, how, look } of steps) {
          const last = history.at(-1);
          const parents =
            how === 'orphan' || last === undefined
              ? []
              : how === 'amend'
                ? last.parents
                : [(how === 'back' ? history[0] : last)?.oid ?? ''];
          history.push({ oid: await target.rewrite(content, parents), parents });
          if (look) expect(asFiles((await readTip(git)).files)).toEqual(content);
        }
        expect(asFiles((await readTip(git)).files)).toEqual(steps.at(-1)?.files);
      }),
      { numRuns: 12, seed: 20_26 },
    );
  });
});

function asFiles(files: readonly { path: string; text: string }[]): Files {
  return Object.fromEntries(files.map(file => [file.path, file.text]));
}

describe('files', () => {
  test('R32 a file that is too large, or not text, is a problem of its own', async () => {
    await repository.commit({
      'rollouts/good.yaml': 'good',
      'rollouts/large.yaml': 'x'.repeat(1024 * 1024 + 1),
      'rollouts/latin.yaml': Uint8Array.from([0x66, 0xfc, 0x72]),
    });
    expect(await readTip()).toMatchObject({
      files: [{ path: 'rollouts/good.yaml' }],
      problems: [
        { file: 'rollouts/large.yaml', message: expect.stringContaining('1 MiB') },
        { file: 'rollouts/latin.yaml', message: expect.stringContaining('UTF-8') },
      ],
    });
  });

  test.each(['', '/', '.', './rollouts/', 'rollouts/a.yaml'])('path %j is understood', async given => {
    await repository.commit({ 'rollouts/a.yaml': '1' });
    expect((await readTip(open({ path: given }))).files).toEqual([{ path: 'rollouts/a.yaml', text: '1' }]);
  });

  test('a missing path says so, and the clone is kept for the next look', async () => {
    const oid = await repository.commit({ 'other/a.yaml': '1' });
    const git = open();
    await expect(git.read(oid, signal)).rejects.toThrow(
      `reading branch 'main' of ${server.origin}/fleet${folders}.git: there is no path 'rollouts' in the branch; make it or correct path`,
    );
    const again = await countRequests(() => git.read(oid, signal).catch((error: unknown) => error));
    expect(again).toMatchObject({ requests: 0, result: { system: 'git', kind: 'notFound' } });
  });

  test('a path without YAML files says so', async () => {
    await repository.commit({ 'rollouts/.gitkeep': '' });
    await expect(readTip()).rejects.toMatchObject({ kind: 'notFound', message: expect.stringContaining("below 'rollouts'") });
  });
});
