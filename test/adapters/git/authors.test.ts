import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openHistory } from '../../../src/adapters/git/authorship.ts';
import { openRepository } from '../../../src/adapters/git/repository.ts';
import type { Authors } from '../../../src/controller/source-ports.ts';
import { type BareRepository, createBareRepository, type Details, type Files } from './bareRepository.ts';
import { type GitServer, startGitServer } from './gitServer.ts';

const signal = new AbortController().signal;
const FILE = 'rollouts/a.yaml';
let root: string;
let server: GitServer;
let fleet: BareRepository;
let folders = 0;

beforeAll(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'sluice-git-authors-'));
  server = await startGitServer(root);
});

afterAll(async () => {
  await server.close();
  await fs.rm(root, { recursive: true, force: true });
});

beforeEach(async () => {
  folders += 1;
  fleet = await createBareRepository(path.join(root, `fleet${folders}.git`));
});

afterEach(() => {
  server.intercept = undefined;
});

const by = (name: string, more: Omit<Details, 'author'> = {}): Details => ({
  author: { name, email: `${name}@example.com` },
  ...more,
});
const people = (...names: readonly string[]): readonly string[] => names.flatMap(name => [name, `${name}@example.com`]);
const place = (oid: string, file = FILE) => ({ revision: `main@sha1:${oid}`, path: file });
const text = (content: string): Files => ({ [FILE]: content });

const open = (kind: 'local' | 'http') => {
  const url = kind === 'local' ? fleet.gitdir : `${server.origin}/fleet${folders}.git`;
  const dir = path.join(root, `clone${folders}`);
  return openRepository({ url, branch: 'main', path: 'rollouts', dir, timeoutMs: 30_000 });
};

/** So many commits by Bob that change no file of ours, at once. */
async function importCommits(count: number): Promise<void> {
  const commits = Array.from({ length: count }, (_, index) => {
    const head = `commit refs/heads/main\ncommitter bob <bob@example.com> 1767225602 +0000\ndata 0\n`;
    return `${head}${index === 0 ? 'from refs/heads/main^0\n' : ''}M 100644 inline README.md\ndata 3\n${100 + index}\n`;
  });
  const git = spawn('git', ['fast-import', '--quiet'], { cwd: fleet.gitdir, stdio: ['pipe', 'ignore', 'inherit'] });
  git.stdin.end(commits.join(''));
  const [code] = await once(git, 'exit');
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
}

/** Who wrote the tip of the branch since `before`. */
async function authors(before?: { revision: string; path: string }, file = FILE, git = open('local')): Promise<Authors> {
  const { oid } = await git.poll(signal);
  await git.read(oid, signal);
  return await git.history(oid).authorsOf(file, before, signal);
}

describe('R19: the authors of a change are all who wrote it since the last commit that was applied', () => {
  test('and nobody else: not the author of that commit, and not who changed other files', async () => {
    await fleet.commit(text('1'), 'main', by('zoe'));
    const applied = await fleet.commit(text('2'), 'main', by('yan'));
    await fleet.commit(text('3'), 'main', by('alice'));
    await fleet.commit({ ...text('3'), 'rollouts/b.yaml': 'b' }, 'main', by('carol'));
    await fleet.commit({ ...text('4'), 'rollouts/b.yaml': 'b' }, 'main', by('bob'));
    expect(await authors(place(applied))).toEqual({ people: people('bob', 'alice') });
    expect(await authors(place(applied, 'rollouts/b.yaml'), 'rollouts/b.yaml')).toEqual({ people: people('carol') });
  });

  test('nobody, when the file is as it was', async () => {
    const applied = await fleet.commit(text('1'), 'main', by('alice'));
    await fleet.commit({ ...text('1'), 'README.md': 'x' }, 'main', by('bob'));
    expect(await authors(place(applied))).toEqual({ people: [] });
  });

  test('who reverts it is one of them, though the file is as it was', async () => {
    const applied = await fleet.commit(text('1'), 'main', by('zoe'));
    await fleet.commit(text('2'), 'main', by('alice'));
    await fleet.commit(text('1'), 'main', by('bob'));
    expect(await authors(place(applied))).toEqual({ people: people('bob', 'alice') });
  });

  test('co-authors and committers are authors, a Git server that commits for somebody is not', async () => {
    const applied = await fleet.commit(text('1'), 'main', by('zoe'));
    const message = 'Raise\n\nbody\n\nCo-authored-by: Carol C <carol@example.com>\nco-authored-by:dan <dan@example.com>\n';
    const webFlow = { name: 'GitHub', email: 'noreply@github.com' };
    await fleet.commit(text('2'), 'main', by('alice', { message, committer: webFlow }));
    const picker = { name: 'bob', email: '7+bob@users.noreply.github.com' };
    await fleet.commit(text('3'), 'main', by('eve', { committer: picker }));
    expect(await authors(place(applied))).toEqual({
      people: [
        ...people('eve'),
        'bob',
        '7+bob@users.noreply.github.com',
        ...people('alice'),
        'Carol C',
        'carol@example.com',
        ...people('dan'),
      ],
    });
  });

  test('names are cleaned of what nobody can see, and each stands there once', async () => {
    const applied = await fleet.commit(text('1'));
    await fleet.commit(text('2'), 'main', { author: { name: 'al\u200bi\u0007ce', email: 'ALICE@example.com' } });
    await fleet.commit(text('3'), 'main', by('alice'));
    const { people: found } = await authors(place(applied));
    expect(found).toEqual(people('alice'));
  });

  test('with more than twenty people somebody may be missing, and that is said', async () => {
    const applied = await fleet.commit(text('0'));
    for (let index = 1; index <= 21; index += 1) await fleet.commit(text(`${index}`), 'main', by(`p${index}`));
    const { people: found, missing } = await authors(place(applied));
    expect(found).toHaveLength(40);
    expect(missing).toBe('more people have changed the file than are kept');
  });

  test('of a Rollout that was never applied: all who changed the file since it was made', async () => {
    await fleet.commit(text('old'), 'main', by('zoe'));
    await fleet.commit({ 'rollouts/b.yaml': 'b' }, 'main', by('yan'));
    await fleet.commit(text('1'), 'main', by('alice'));
    await fleet.commit({ ...text('1'), 'rollouts/b.yaml': 'c' }, 'main', by('xia'));
    await fleet.commit(text('2'), 'main', by('bob'));
    expect(await authors(undefined)).toEqual({ people: people('bob', 'alice') });
  });

  test('a deleted and a moved file have authors: who moved it, and who wrote it under any of its names', async () => {
    const applied = await fleet.commit(text('1'), 'main', by('zoe'));
    await fleet.commit({ 'rollouts/b.yaml': '1' }, 'main', by('alice'));
    await fleet.commit({ 'rollouts/b.yaml': '2' }, 'main', by('bob'));
    await fleet.commit({ 'rollouts/deep/c.yaml': '2' }, 'main', by('carol'));
    expect(await authors(place(applied), 'rollouts/deep/c.yaml')).toEqual({ people: people('carol', 'bob', 'alice') });
  });

  test('a file that comes out of another one, which stays, has the authors of that one too', async () => {
    const both = { 'rollouts/all.yaml': 'one\ntwo' };
    const applied = await fleet.commit(both, 'main', by('zoe'));
    await fleet.commit({ 'rollouts/all.yaml': 'one\ntwo!' }, 'main', by('alice'));
    await fleet.commit({ 'rollouts/all.yaml': 'one', 'rollouts/two.yaml': 'two!' }, 'main', by('bob'));
    const { people: found } = await authors(place(applied, 'rollouts/all.yaml'), 'rollouts/two.yaml');
    expect(found).toEqual(people('bob', 'alice'));
  });
});

describe('R19: merges', () => {
  /** Main and a branch that begin together; answers the commit where they do. */
  async function forked(): Promise<{ applied: string; branch: string }> {
    const applied = await fleet.commit(text('1'), 'main', by('zoe'));
    const branch = await fleet.rewrite(text('2'), [applied], 'feature', by('alice'));
    return { applied, branch };
  }

  test('who merges what others wrote is no author; who wrote it is', async () => {
    const { applied, branch } = await forked();
    const main = await fleet.commit({ ...text('1'), 'README.md': 'x' }, 'main', by('carol'));
    await fleet.rewrite({ ...text('2'), 'README.md': 'x' }, [main, branch], 'main', by('bob'));
    expect(await authors(place(applied))).toEqual({ people: people('alice') });
    expect(await authors(place(main))).toEqual({ people: people('alice') });
  });

  test('a merge that makes something else of the file has an author', async () => {
    const { applied, branch } = await forked();
    await fleet.rewrite(text('3'), [applied, branch], 'main', by('mallory'));
    expect(await authors(place(applied))).toEqual({ people: people('mallory', 'alice') });
  });

  test('a merge that takes the file back to what it once was has an author', async () => {
    const { branch, applied: start } = await forked();
    const side = await fleet.rewrite({ ...text('1'), 'README.md': 'x' }, [start], 'side', by('carol'));
    await fleet.rewrite(text('1'), [branch, side], 'main', by('mallory'));
    expect(await authors(place(branch))).toEqual({ people: people('mallory') });
  });
});

describe('R19: a branch that was rewritten', () => {
  test('as far as the old commit is here, only those of the new one that it did not have count', async () => {
    const start = await fleet.commit(text('1'), 'main', by('zoe'));
    const applied = await fleet.commit(text('2'), 'main', by('alice'));
    await fleet.rewrite(text('3'), [start], 'main', by('bob'));
    expect(await authors(place(applied))).toEqual({ people: people('bob') });
  });

  test('a branch that was put back has all authors of the file: Git does not tell who put it back', async () => {
    const start = await fleet.commit(text('1'), 'main', by('zoe'));
    const applied = await fleet.commit(text('2'), 'main', by('alice'));
    await fleet.rewrite(text('1'), [], 'other', by('yan'));
    await fs.writeFile(path.join(fleet.gitdir, 'refs/heads/main'), `${start}\n`);
    expect(await authors(place(applied))).toEqual({ people: people('zoe') });
  });

  test.each([
    ['an unknown commit', place('0'.repeat(40))],
    ['something that is no commit', { revision: '../../etc', path: FILE }],
  ])('after %s all authors of the file count', async (_, before) => {
    await fleet.commit(text('1'), 'main', by('zoe'));
    await fleet.commit(text('2'), 'main', by('alice'));
    expect(await authors(before)).toEqual({ people: people('alice', 'zoe') });
  });

  test('objects that Git packs at this moment are looked for once more', async () => {
    const applied = await fleet.commit(text('1'));
    const oid = await fleet.commit(text('2'), 'main', by('alice'));
    let looks = 0;
    const history = openHistory(oid, {
      open: async () => {
        looks += 1;
        if (looks === 1) throw new Error('ENOENT');
        return fleet.gitdir;
      },
    });
    expect(await history.authorsOf(FILE, place(applied), signal)).toEqual({ people: people('alice') });
  });

  test('a history that cannot be read leaves nobody out', async () => {
    const git = open('local');
    const applied = await fleet.commit(text('1'));
    const next = await fleet.commit(text('2'));
    await fs.rm(path.join(fleet.gitdir, 'objects'), { recursive: true });
    const found = await git.history(next).authorsOf(FILE, place(applied), signal);
    expect(found).toEqual({ people: [], missing: expect.stringContaining('known here') });
  });
});

describe('R19: a clone that begins with the newest commit', () => {
  const fetches = () => server.requests.filter(request => request.startsWith('POST')).length;

  test('fetches older commits until the last one that was applied is among them, and none when it is', async () => {
    const applied = await fleet.commit(text('0'), 'main', by('zoe'));
    for (const name of ['alice', 'bob']) await fleet.commit(text(name), 'main', by(name));
    const git = open('http');
    expect(await authors(place(applied), FILE, git)).toEqual({ people: people('bob', 'alice') });
    const before = await fleet.tip();
    await fleet.commit(text('4'), 'main', by('carol'));
    const known = await git.poll(signal);
    await git.read(known.oid, signal);
    const asked = fetches();
    expect(await git.history(known.oid).authorsOf(FILE, place(before ?? ''), signal)).toEqual({ people: people('carol') });
    expect(fetches()).toBe(asked);
  });

  test('goes as deep as it has to, and keeps what it has read usable', async () => {
    const applied = await fleet.commit(text('0'), 'main', by('zoe'));
    await fleet.commit(text('1'), 'main', by('alice'));
    await importCommits(101);
    const git = open('http');
    const asked = fetches();
    expect(await authors(place(applied), FILE, git)).toEqual({ people: people('alice') });
    // the question, the files, and two steps back
    expect(fetches() - asked).toBe(4);
    await fleet.commit(text('2'), 'main', by('carol'));
    expect(await authors(place(applied), FILE, git)).toEqual({ people: people('carol', 'alice') });
  });

  test('takes all authors of the file when the commit is nowhere', async () => {
    for (const name of ['zoe', 'alice', 'bob']) await fleet.commit(text(name), 'main', by(name));
    expect(await authors(place('1'.repeat(40)), FILE, open('http'))).toEqual({ people: people('bob', 'alice', 'zoe') });
  });

  test('a branch that left the history before the clone begins brings nobody who wrote what was applied already', async () => {
    const start = await fleet.commit(text('0'), 'main', by('zoe'));
    await fleet.commit({ ...text('1'), 'README.md': 'x' }, 'main', by('yan'));
    const applied = await fleet.commit({ ...text('2'), 'README.md': 'x' }, 'main', by('xia'));
    const git = open('http');
    await git.read((await git.poll(signal)).oid, signal);
    const side = await fleet.rewrite({ ...text('0'), 'rollouts/b.yaml': 'b' }, [start], 'side', by('carol'));
    const merged = { ...text('3'), 'README.md': 'x', 'rollouts/b.yaml': 'b' };
    await fleet.rewrite(merged, [applied, side], 'main', by('bob'));
    expect(await authors(place(applied), FILE, git)).toEqual({ people: people('bob') });
  });

  test('a server that fails then is asked again a few times; then somebody is said to be missing', async () => {
    const applied = await fleet.commit(text('0'), 'main', by('zoe'));
    for (const name of ['alice', 'bob']) await fleet.commit(text(name), 'main', by(name));
    const git = open('http');
    const { oid } = await git.poll(signal);
    await git.read(oid, signal);
    server.intercept = (_, response) => void response.destroy();
    const ask = () => git.history(oid).authorsOf(FILE, place(applied), signal);
    for (const _ of [1, 2]) await expect(ask()).rejects.toMatchObject({ system: 'git', kind: 'unavailable' });
    expect(await ask()).toEqual({ people: [], missing: expect.stringContaining('the connection broke') });
    const asked = server.requests.length;
    expect(await ask()).toHaveProperty('missing');
    expect(server.requests).toHaveLength(asked);
    // the clone is as it was
    server.intercept = undefined;
    expect((await git.read(oid, signal)).files).toHaveLength(1);
  });
});
