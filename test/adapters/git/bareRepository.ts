import fs from 'node:fs';
import { commit, deleteRef, init, resolveRef, type TreeEntry, writeBlob, writeTree } from 'isomorphic-git';

export type Files = Readonly<Record<string, string | Uint8Array>>;

/** Who commits, and what the commit says; default: Ada, and its number. */
export type Details = {
  readonly author?: Readonly<Pick<typeof PERSON, 'name' | 'email'>>;
  readonly committer?: Readonly<Pick<typeof PERSON, 'name' | 'email'>>;
  readonly message?: string;
};

const PERSON = { name: 'Ada', email: 'ada@example.com', timestamp: 1_767_225_600, timezoneOffset: 0 };

/** A bare repository that is written with isomorphic-git, without a worktree. */
export async function createBareRepository(gitdir: string) {
  await init({ fs, gitdir, bare: true, defaultBranch: 'main' });

  const tree = async (files: Files): Promise<string> => {
    const folders = new Map<string, Record<string, string | Uint8Array>>();
    const entries: TreeEntry[] = [];
    for (const [path, content] of Object.entries(files)) {
      const slash = path.indexOf('/');
      if (slash === -1) {
        const oid = await writeBlob({ fs, gitdir, blob: typeof content === 'string' ? Buffer.from(content) : content });
        entries.push({ mode: '100644', path, oid, type: 'blob' });
        continue;
      }
      const folder = path.slice(0, slash);
      folders.set(folder, { ...folders.get(folder), [path.slice(slash + 1)]: content });
    }
    for (const [path, inner] of folders) entries.push({ mode: '040000', path, oid: await tree(inner), type: 'tree' });
    return await writeTree({ fs, gitdir, tree: entries });
  };

  let commits = 0;
  const write = async (files: Files, parent: string[], branch: string, details: Details = {}) => {
    commits += 1;
    const author = { ...PERSON, ...details.author, timestamp: PERSON.timestamp + commits };
    const committer = { ...author, ...details.committer };
    const { message = `commit ${commits}` } = details;
    return await commit({ fs, gitdir, message, author, committer, tree: await tree(files), parent, ref: `refs/heads/${branch}` });
  };

  const tip = async (branch: string) =>
    await resolveRef({ fs, gitdir, ref: `refs/heads/${branch}` }).then(
      oid => [oid],
      () => [],
    );

  return {
    gitdir,
    /** Adds a commit that holds exactly these files; answers its id. */
    commit: async (files: Files, branch = 'main', details?: Details) => await write(files, await tip(branch), branch, details),
    /** Rewrites the branch: a commit on the given parents (none: a history of its own). */
    rewrite: async (files: Files, parent: string[] = [], branch = 'main', details?: Details) =>
      await write(files, parent, branch, details),
    /** Deletes the branch. */
    remove: async (branch = 'main') => await deleteRef({ fs, gitdir, ref: `refs/heads/${branch}` }),
    tip: async (branch = 'main') => (await tip(branch))[0],
  };
}

export type BareRepository = Awaited<ReturnType<typeof createBareRepository>>;
