import fs from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { Errors, expandOid, findMergeBase, readBlob, readCommit, resolveRef } from 'isomorphic-git';
import { findGitdir, findObjectFolder } from '../../adapters/git/local.ts';
import { SystemError } from '../../controller/ports.ts';

/** A file as it stands in a commit. */
export type FileThen = {
  /** Absent: it is not there. */
  readonly text?: string;
  /** Where it was read, for people: `the common commit of HEAD and origin/main (1a2b3c4d)`. */
  readonly from: string;
};

type Repository = {
  /** The top folder of the worktree. */
  readonly top: string;
  /** Has `HEAD` and refs of this worktree. */
  readonly own: string;
  /** Has objects and branches. */
  readonly common: string;
};

type Found = { readonly oid: string; readonly from: string };

/**
 * Reads a file as it was, from the repository on this machine that holds it. Without a ref: where the branch left the main one,
 * else the last commit. Nothing is fetched or written. Throws SystemError.
 */
export const readFromGit = async (file: string, ref: string | undefined): Promise<FileThen> => {
  const operation = `reading ${file} from Git`;
  const path = await realPath(file, operation);
  const repository = await repositoryOf(path, operation);
  const { oid, from } =
    ref === undefined ? await usualCommit(repository, operation) : await namedCommit(repository, ref, operation);
  const filepath = relative(repository.top, path).split(sep).join('/');
  try {
    const { blob } = await readBlob({ fs, gitdir: repository.common, oid, filepath });
    return { text: new TextDecoder().decode(blob), from };
  } catch (error) {
    if (error instanceof Errors.NotFoundError && (await hasCommit(repository, oid))) return { from };
    throw failure(operation, 'unavailable', error);
  }
};

const failure = (operation: string, kind: SystemError['kind'], cause: unknown): SystemError =>
  new SystemError('git', operation, kind, cause instanceof Error ? cause.message : String(cause), { cause });

const realPath = async (file: string, operation: string): Promise<string> => {
  try {
    return await fs.promises.realpath(file);
  } catch (error) {
    throw new SystemError('git', operation, 'notFound', 'no such file', { cause: error });
  }
};

const repositoryOf = async (path: string, operation: string): Promise<Repository> => {
  for (let top = dirname(path); ; top = dirname(top)) {
    if (fs.existsSync(join(top, '.git'))) {
      const common = await findObjectFolder(top, operation);
      return { top, own: (await findGitdir(top)) ?? common, common };
    }
    if (top === dirname(top)) {
      const reason = 'it stands in no Git repository; name a file in one, or use --offline';
      throw new SystemError('git', operation, 'notFound', reason);
    }
  }
};

const hasCommit = ({ common: gitdir }: Repository, oid: string): Promise<boolean> =>
  readCommit({ fs, gitdir, oid }).then(
    () => true,
    () => false,
  );

const MAINS = [
  'refs/remotes/origin/HEAD',
  'refs/remotes/origin/main',
  'refs/remotes/origin/master',
  'refs/heads/main',
  'refs/heads/master',
];

/** The common commit with the main branch, so that what others have merged since is no change of this branch. */
const usualCommit = async (repository: Repository, operation: string): Promise<Found> => {
  const head = await headOf(repository, operation);
  for (const ref of MAINS) {
    const main = await resolved(repository, ref);
    if (main === undefined) continue;
    const name = ref.replace(/^refs\/(?:remotes|heads)\//, '');
    const base = await commonCommit(repository, [head, main]);
    if (base !== undefined) return { oid: base, from: `the common commit of HEAD and ${name} (${short(base)})` };
    const reason = isShallow(repository)
      ? `HEAD and ${name} have no common commit in this shallow clone; run git fetch --unshallow, or name a commit: --against git:${name}`
      : `HEAD and ${name} have no common commit; name one: --against git:${name}`;
    throw new SystemError('git', operation, 'notFound', reason);
  }
  return { oid: head, from: `HEAD (${short(head)}), as no main branch is known here; --against git:REF names one` };
};

const commonCommit = async ({ common: gitdir }: Repository, oids: readonly string[]): Promise<string | undefined> => {
  try {
    const [base] = (await findMergeBase({ fs, gitdir, oids: [...oids] })) as readonly string[];
    return base;
  } catch (error) {
    if (error instanceof Errors.NotFoundError) return undefined;
    throw error;
  }
};

const isShallow = ({ common }: Repository): boolean => fs.existsSync(join(common, 'shallow'));

/** Branch, tag, commit or a part of its name, with `~2` or `^` behind it. */
const namedCommit = async (repository: Repository, ref: string, operation: string): Promise<Found> => {
  const [, name = ref, back = ''] = /^(.+?)((?:~\d*|\^)*)$/.exec(ref) ?? [];
  let oid = name === 'HEAD' ? await headOf(repository, operation) : await oidOf(repository, name);
  for (let left = stepsBack(back); left > 0 && oid !== undefined; left -= 1) oid = await parentOf(repository, oid);
  if (oid !== undefined && (await hasCommit(repository, oid))) return { oid, from: `${ref} (${short(oid)})` };
  const hint = isShallow(repository)
    ? 'this clone is shallow: run git fetch --unshallow, or fetch it'
    : 'fetch it, or correct the name';
  throw new SystemError('git', operation, 'notFound', `there is no commit ${ref} here; ${hint}`);
};

const stepsBack = (back: string): number =>
  [...back.matchAll(/~(\d*)|\^/g)].reduce((sum, [, count = '1']) => sum + Number(count === '' ? '1' : count), 0);

const oidOf = async (repository: Repository, name: string): Promise<string | undefined> => {
  for (const ref of ['', 'refs/', 'refs/tags/', 'refs/heads/', 'refs/remotes/'].map(prefix => `${prefix}${name}`)) {
    const oid = ref.startsWith('refs/') ? await resolved(repository, ref) : undefined;
    if (oid !== undefined) return oid;
  }
  if (!/^[0-9a-f]{4,40}$/i.test(name)) return undefined;
  return await expandOid({ fs, gitdir: repository.common, oid: name.toLowerCase() }).catch(() => undefined);
};

const parentOf = ({ common: gitdir }: Repository, oid: string): Promise<string | undefined> =>
  readCommit({ fs, gitdir, oid }).then(
    ({ commit }) => commit.parent[0],
    () => undefined,
  );

/** Of this worktree: another one of the same repository has another. */
const headOf = async (repository: Repository, operation: string): Promise<string> => {
  const text = (await fs.promises.readFile(join(repository.own, 'HEAD'), 'utf8')).trim();
  const [, ref] = /^ref: (.+)$/.exec(text) ?? [];
  const oid = ref === undefined ? text : await resolved(repository, ref);
  if (oid !== undefined) return oid;
  throw new SystemError(
    'git',
    operation,
    'notFound',
    'the repository has no commit yet; commit something first, or use --offline',
  );
};

const resolved = ({ common: gitdir }: Repository, ref: string): Promise<string | undefined> =>
  resolveRef({ fs, gitdir, ref }).catch((error: unknown) => {
    if (error instanceof Errors.NotFoundError) return undefined;
    throw error;
  });

const short = (oid: string): string => oid.slice(0, 8);
