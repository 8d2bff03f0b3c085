import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, inject } from 'vitest';
import { type Authorship, type GitFiles, type GitWorld, gitContract, type Team } from '../contracts/git.contract.ts';
import { startGitProxy } from '../contracts/gitProxy.ts';
import { openBed } from './bed/bed.ts';
import { run } from './bed/command.ts';

const bed = openBed(inject('bedDirectory'));

const ENVIRONMENT = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
};

/** A team with a clone and Git's own client, which pushes over HTTP. */
async function openTeam(work: string, url: string): Promise<Team> {
  const gitAs = async (env: Readonly<Record<string, string>>, ...args: string[]) =>
    (await run('git', args, { cwd: work, env: { ...ENVIRONMENT, ...env }, timeoutMs: 120_000 })).trim();
  const git = (...args: string[]) => gitAs({}, ...args);
  const tips = new Map<string, string>();
  await mkdir(work, { recursive: true });
  await git('init', '--quiet');
  const push = async (files: GitFiles, parents: readonly string[], branch: string, { author }: Authorship = {}) => {
    await git('rm', '-r', '--quiet', '--force', '--ignore-unmatch', '.');
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(work, path)), { recursive: true });
      await writeFile(join(work, path), content);
    }
    await git('add', '--all');
    const tree = await git('write-tree');
    const named = author === undefined ? {} : { GIT_AUTHOR_NAME: author.name, GIT_AUTHOR_EMAIL: author.email };
    const oid = await gitAs(named, 'commit-tree', tree, '-m', 'change', ...parents.flatMap(parent => ['-p', parent]));
    await git('push', '--quiet', '--force', url, `${oid}:refs/heads/${branch}`);
    tips.set(branch, oid);
    return oid;
  };
  return {
    commit: (files, branch = 'main', details = {}) =>
      push(
        files,
        [tips.get(branch)].filter(tip => tip !== undefined),
        branch,
        details,
      ),
    rewrite: (files, parents = [], branch = 'main', details = {}) => push(files, parents, branch, details),
    remove: async (branch = 'main') => {
      await git('push', '--quiet', url, `:refs/heads/${branch}`);
      tips.delete(branch);
    },
  };
}

describe.runIf(bed.has('git'))('contracts', () => {
  gitContract('git http-backend', 'http', async (): Promise<GitWorld> => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-git-teams-'));
    const { url } = await bed.createRepository('contract');
    const proxy = await startGitProxy(new URL(url).origin);
    return {
      create: async name => {
        const repository = await bed.createRepository(name);
        const team = await openTeam(join(folder, name), repository.url);
        return { team, url: repository.url.replace(new URL(url).origin, proxy.origin) };
      },
      proxy,
      close: async () => {
        await proxy.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  });
});
