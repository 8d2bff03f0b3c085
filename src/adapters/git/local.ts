import fs from 'node:fs';
import path from 'node:path';
import { Errors, getConfig, resolveRef } from 'isomorphic-git';
import { SystemError } from '../../controller/ports.ts';
import type { GitRepository } from '../../controller/source-ports.ts';
import { openHistory } from './authorship.ts';
import { toSystemError } from './failure.ts';
import { isDamage, readYamlFiles } from './tree.ts';

type LocalOptions = { readonly folder: string; readonly branch: string; readonly path: string };

/**
 * A repository on this machine: its refs and objects are read where they are, nothing is copied and nothing is written.
 * `folder` is a worktree (also one made by `git worktree add`, or a submodule), a bare repository, or a `.git` folder.
 */
export function openLocalRepository({ folder, branch, path: subfolder }: LocalOptions): GitRepository {
  const polling = `polling branch '${branch}' of ${folder}`;
  const reading = `reading branch '${branch}' of ${folder}`;

  const poll = async (): Promise<{ oid: string }> => {
    const gitdir = await findObjectFolder(folder, polling);
    try {
      return { oid: await resolveRef({ fs, gitdir, ref: `refs/heads/${branch}` }) };
    } catch (error) {
      if (!(error instanceof Errors.NotFoundError)) throw toSystemError(error, polling, false);
      const reason = `there is no branch '${branch}'; make it with a first commit or correct branch`;
      throw new SystemError('git', polling, 'notFound', reason, { cause: error });
    }
  };

  const read = async (oid: string) => {
    const gitdir = await findObjectFolder(folder, reading);
    return { oid, revision: `${branch}@sha1:${oid}`, ...(await readYamlFiles({ gitdir, oid }, subfolder, reading)) };
  };

  return {
    poll: async signal => {
      signal.throwIfAborted();
      return await poll();
    },
    read: async (oid, signal) => {
      signal.throwIfAborted();
      try {
        return await read(oid);
      } catch (error) {
        if (!isDamage(error)) throw error;
        // Git may have packed its objects while they were read: look once more, with fresh eyes.
        return await read(oid).catch((again: unknown) => {
          throw toSystemError(again, reading, false);
        });
      }
    },
    history: oid => openHistory(oid, { open: () => findObjectFolder(folder, reading) }),
    close: () => {},
  };
}

/** The folder with `objects` and `refs/heads`; throws SystemError when there is none or when its format is not supported. */
export async function findObjectFolder(folder: string, operation: string): Promise<string> {
  const fail = (kind: SystemError['kind'], reason: string) => new SystemError('git', operation, kind, reason);
  const gitdir = await findGitdir(folder);
  if (gitdir === undefined) throw fail('notFound', 'this folder is not a Git repository; correct the url or run git init there');
  const common = await readText(path.join(gitdir, 'commondir'));
  const shared = common === undefined ? gitdir : path.resolve(gitdir, common.trim());
  if ((await readText(path.join(shared, 'objects', 'info', 'alternates'))) !== undefined) {
    throw fail(
      'refused',
      'it borrows objects from another repository (alternates), which is not supported; run git repack -a -d',
    );
  }
  const format: unknown = await getConfig({ fs, gitdir: shared, path: 'extensions.objectformat' });
  const refs: unknown = await getConfig({ fs, gitdir: shared, path: 'extensions.refstorage' });
  if (typeof format === 'string' && format !== 'sha1') throw fail('refused', `its objects are ${format}; only sha1 is supported`);
  if (typeof refs === 'string' && refs !== 'files')
    throw fail('refused', `its refs are stored as ${refs}; only files are supported`);
  return shared;
}

/** The folder of one worktree, which has its `HEAD`; for a repository with one worktree, the same as that with the objects. */
export async function findGitdir(folder: string): Promise<string | undefined> {
  const link = await readText(path.join(folder, '.git'));
  const linked = link?.match(/^gitdir: (.*)$/m)?.[1];
  const candidates = linked === undefined ? [path.join(folder, '.git'), folder] : [path.resolve(folder, linked)];
  for (const candidate of candidates) {
    if ((await readText(path.join(candidate, 'HEAD'))) !== undefined) return candidate;
  }
  return undefined;
}

async function readText(file: string): Promise<string | undefined> {
  return await fs.promises.readFile(file, 'utf8').catch(() => undefined);
}
