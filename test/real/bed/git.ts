import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from './command.ts';
import { dataOf, type Layout, localUrl } from './layout.ts';
import type { Slot } from './ports.ts';
import type { ServerPlan } from './process.ts';
import { programOf } from './programs.ts';

/** The program that serves repositories by Git's own CGI program. */
export function gitPlan(layout: Layout): ServerPlan {
  const settings = { root: join(dataOf(layout, 'git'), 'repositories'), port: layout.ports.git };
  return {
    name: 'git',
    command: process.execPath,
    args: ['--enable-source-maps', programOf(layout.directory, 'gitServer'), JSON.stringify(settings)],
    env: {},
    cwd: layout.directory,
    ready: { url: `${localUrl(layout.ports.git)}/ready` },
    readyTimeoutMs: 180_000,
    stopGraceMs: 1_000,
  };
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** A bare repository that is served over HTTP, for reading and pushing. */
export interface GitRepository {
  /** Without credentials. */
  readonly url: string;
  /** Commits files to branch `main`; `undefined` removes one. Returns the id of the commit. */
  readonly commit: (files: Readonly<Record<string, string | undefined>>, message: string) => Promise<string>;
  /** Files as they stand on a branch. Throws when the file is not there. */
  readonly read: (path: string, branch?: string) => Promise<string>;
  /** Moves branch `main` to an older commit, as a forced push does. */
  readonly reset: (commit: string) => Promise<void>;
}

// nobody's own settings (signing, hooks, templates) may decide about these commits
const ENVIRONMENT = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Bed',
  GIT_AUTHOR_EMAIL: 'bed@example.com',
  GIT_COMMITTER_NAME: 'Bed',
  GIT_COMMITTER_EMAIL: 'bed@example.com',
};

function git(directory: string, ...args: string[]): Promise<string> {
  return run('git', args, { cwd: directory, env: ENVIRONMENT, timeoutMs: 60_000 });
}

async function writeFiles(work: string, files: Readonly<Record<string, string | undefined>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const target = join(work, path);
    if (content === undefined) await rm(target);
    else {
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, content);
    }
  }
}

/** Makes an empty repository `<name>.git` with branch `main`. With credentials, the server asks for them. */
export async function createRepository(slot: Slot, name: string, credentials?: Credentials): Promise<GitRepository> {
  const root = dataOf(slot, 'git');
  const bare = join(root, 'repositories', `${name}.git`);
  const work = join(root, 'work', name);
  await mkdir(bare, { recursive: true });
  await mkdir(work, { recursive: true });
  await git(bare, 'init', '--quiet', '--bare', '--initial-branch=main');
  await git(bare, 'config', 'http.receivepack', 'true');
  await git(bare, 'config', 'uploadpack.allowFilter', 'true');
  if (credentials) await writeFile(join(bare, 'bed-credentials'), `${credentials.user}:${credentials.password}`, { mode: 0o600 });
  await git(work, 'init', '--quiet', '--initial-branch=main');
  await git(work, 'remote', 'add', 'origin', bare);
  const push = () => git(work, 'push', '--quiet', '--force', 'origin', 'main');
  return {
    url: `${localUrl(slot.ports.git)}/${name}.git`,
    commit: async (files, message) => {
      await writeFiles(work, files);
      await git(work, 'add', '--all');
      await git(work, 'commit', '--quiet', '--allow-empty', '-m', message);
      await push();
      return (await git(work, 'rev-parse', 'HEAD')).trim();
    },
    read: (path, branch = 'main') => git(bare, 'show', `${branch}:${path}`),
    reset: async commit => {
      await git(work, 'reset', '--quiet', '--hard', commit);
      await push();
    },
  };
}
