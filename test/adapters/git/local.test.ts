import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRepository } from '../../../src/adapters/git/repository.ts';

const signal = new AbortController().signal;
let root: string;

beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'sluice-git-'));
});

afterEach(async () => {
  await fs.rm(root, { recursive: true, force: true });
});

async function git(folder: string, ...args: string[]): Promise<string> {
  const person = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', '-c', 'protocol.file.allow=always'];
  const env = { PATH: process.env['PATH'], HOME: root, GIT_CONFIG_NOSYSTEM: '1' };
  const { stdout } = await promisify(execFile)('git', [...person, ...args], { cwd: folder, env });
  return stdout.trim();
}

async function createWorktree(...initArgs: string[]): Promise<string> {
  const folder = path.join(root, 'fleet');
  await fs.mkdir(path.join(folder, 'rollouts'), { recursive: true });
  await git(folder, 'init', '-q', '-b', 'main', ...initArgs);
  await commit(folder, '1');
  return folder;
}

async function commit(folder: string, text: string): Promise<string> {
  await fs.writeFile(path.join(folder, 'rollouts/a.yaml'), text);
  await git(folder, 'add', '.');
  await git(folder, 'commit', '-q', '-m', `write ${text}`);
  return await git(folder, 'rev-parse', 'HEAD');
}

function open(url: string, branch = 'main') {
  return openRepository({ url, branch, path: 'rollouts', dir: path.join(root, 'unused') });
}

async function readText(url: string, branch?: string) {
  const repository = open(url, branch);
  const { oid } = await repository.poll(signal);
  const content = await repository.read(oid, signal);
  return content.files.map(({ text }) => text);
}

test('a worktree is followed where it is: only what is committed counts, nothing is copied', async () => {
  const folder = await createWorktree();
  const repository = open(folder);
  const first = await repository.poll(signal);
  await fs.writeFile(path.join(folder, 'rollouts/a.yaml'), 'not committed');
  expect(await repository.poll(signal)).toEqual(first);
  expect(await repository.read(first.oid, signal)).toEqual({
    oid: first.oid,
    revision: `main@sha1:${first.oid}`,
    files: [{ path: 'rollouts/a.yaml', text: '1' }],
    problems: [],
  });
  const oid = await commit(folder, '2');
  expect(await repository.poll(signal)).toEqual({ oid });
  expect((await repository.read(oid, signal)).files).toEqual([{ path: 'rollouts/a.yaml', text: '2' }]);
  await expect(fs.readdir(path.join(root, 'unused'))).rejects.toThrow('ENOENT');
});

test('R34 a branch is followed through a rewrite and through git gc', async () => {
  const folder = await createWorktree();
  await commit(folder, '2');
  await git(folder, 'commit', '-q', '--amend', '-m', 'amended');
  await git(folder, 'gc', '-q', '--aggressive', '--prune=now');
  expect(await readText(folder)).toEqual(['2']);
});

test('R19 the authors of a change are those that git itself names: packed, merged, and as far as a shallow clone goes', async () => {
  const folder = await createWorktree();
  const applied = await git(folder, 'rev-parse', 'HEAD');
  const asCarol = ['-c', 'user.name=Carol', '-c', 'user.email=carol@example.com'];
  await git(folder, 'checkout', '-q', '-b', 'feature');
  await fs.writeFile(path.join(folder, 'rollouts/a.yaml'), '2');
  await git(folder, ...asCarol, 'commit', '-q', '-a', '-m', 'Raise\n\nCo-authored-by: Dan <dan@example.com>');
  await git(folder, 'checkout', '-q', 'main');
  await git(folder, 'commit', '-q', '--allow-empty', '-m', 'nothing');
  await git(folder, 'merge', '-q', '--no-ff', '-m', 'merge', 'feature');
  await git(folder, 'gc', '-q', '--prune=now');
  const since = { revision: `main@sha1:${applied}`, path: 'rollouts/a.yaml' };
  const authorsIn = async (url: string) => {
    const { oid } = await open(url).poll(signal);
    return await open(url).history(oid).authorsOf('rollouts/a.yaml', since, signal);
  };
  const people = ['Carol', 'carol@example.com', 'Dan', 'dan@example.com'];
  const shown = await git(folder, 'log', '--format=%an,%ae,%cn,%ce', `${applied}..main`, '--', 'rollouts/a.yaml');
  expect(shown).toBe('Carol,carol@example.com,Carol,carol@example.com');
  expect(await authorsIn(folder)).toEqual({ people });
  await git(root, 'clone', '-q', '--depth', '1', pathToFileURL(folder).href, 'shallow');
  const shallow = await authorsIn(path.join(root, 'shallow'));
  expect(shallow).toEqual({ people: [], missing: 'no commit that is known here has changed the file' });
});

test('bare repositories, worktrees of worktrees, .git folders, file URLs and links are understood', async () => {
  const folder = await createWorktree();
  await git(root, 'clone', '-q', '--bare', folder, 'bare.git');
  await git(folder, 'worktree', 'add', '-q', '-b', 'other', path.join(root, 'second'));
  await commit(path.join(root, 'second'), 'second');
  await fs.symlink(folder, path.join(root, 'link'));
  expect(await readText(path.join(root, 'bare.git'))).toEqual(['1']);
  expect(await readText(path.join(root, 'second'), 'other')).toEqual(['second']);
  expect(await readText(path.join(root, 'second'))).toEqual(['1']);
  expect(await readText(path.join(folder, '.git'))).toEqual(['1']);
  expect(await readText(path.join(root, 'link'))).toEqual(['1']);
  expect(await readText(pathToFileURL(folder).href)).toEqual(['1']);
});

test('R32 links inside the repository are named, not followed', async () => {
  const folder = await createWorktree();
  await fs.symlink('/etc/hostname', path.join(folder, 'rollouts/link.yaml'));
  const oid = await commit(folder, '2');
  expect(await open(folder).read(oid, signal)).toMatchObject({
    files: [{ path: 'rollouts/a.yaml' }],
    problems: [{ file: 'rollouts/link.yaml', message: expect.stringContaining('a link or a submodule') }],
  });
});

test('what cannot be followed says why', async () => {
  const folder = await createWorktree();
  await expect(open(folder, 'missing').poll(signal)).rejects.toMatchObject({
    kind: 'notFound',
    message: `polling branch 'missing' of ${folder}: there is no branch 'missing'; make it with a first commit or correct branch`,
  });
  await expect(open(root).poll(signal)).rejects.toMatchObject({
    kind: 'notFound',
    message: expect.stringContaining('not a Git repository'),
  });
  await expect(open(path.join(root, 'nowhere')).poll(signal)).rejects.toMatchObject({ kind: 'notFound' });
  await git(root, 'clone', '-q', '--shared', folder, 'shared');
  await expect(open(path.join(root, 'shared')).poll(signal)).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('alternates'),
  });
  const { oid } = await open(folder).poll(signal);
  await fs.rm(path.join(folder, '.git/objects'), { recursive: true });
  await expect(open(folder).read(oid, signal)).rejects.toMatchObject({
    kind: 'badAnswer',
    message: expect.stringContaining('incomplete or damaged'),
  });
});

test('a repository with sha256 objects says so', async () => {
  const folder = await createWorktree('--object-format=sha256');
  await expect(open(folder).poll(signal)).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('only sha1'),
  });
});
