import fs from 'node:fs';
import path from 'node:path';
import { type CommitObject, Errors, readCommit, readTree } from 'isomorphic-git';

/** A commit as far as its history matters. */
export type Commit = {
  readonly oid: string;
  /** `undefined`: this clone ends here, and the commit has parents that it does not know. */
  readonly parents: readonly string[] | undefined;
  /** Committer's time in seconds. */
  readonly atS: number;
  readonly tree: string;
  readonly content: CommitObject;
};

/** Commits and trees of one repository on disk. It keeps what it has read, so it is to be dropped after use. */
export type Objects = {
  /** `undefined`: it is not here. */
  commit(oid: string): Promise<Commit | undefined>;
  /** The object that stands at a path, with its mode; `undefined`: nothing. */
  entry(tree: string, file: string): Promise<string | undefined>;
  /** Entries of one folder by name. */
  folder(tree: string): Promise<Folder>;
};

type Folder = ReadonlyMap<string, FolderEntry>;
type FolderEntry = { readonly mode: string; readonly oid: string; readonly isFolder: boolean };

/** With more entries in memory than this, folders are read again. */
const MOST_ENTRIES = 30_000;

export async function openObjects(gitdir: string): Promise<Objects> {
  const ends = new Set((await readShallow(gitdir)).split('\n'));
  const cache = {};
  const commits = new Map<string, Commit | undefined>();
  const folders = new Map<string, Folder>();
  let entries = 0;

  const readOne = async (oid: string): Promise<Commit | undefined> => {
    try {
      const { commit: content } = await readCommit({ fs, gitdir, oid, cache });
      const { parent, tree, committer } = content;
      return { oid, parents: ends.has(oid) ? undefined : parent, atS: committer.timestamp, tree, content };
    } catch (error) {
      if (error instanceof Errors.NotFoundError) return undefined;
      throw error;
    }
  };

  const folder = async (oid: string): Promise<Folder> => {
    const known = folders.get(oid);
    if (known !== undefined) return known;
    const { tree } = await readTree({ fs, gitdir, oid, cache });
    const read = new Map(tree.map(each => [each.path, { mode: each.mode, oid: each.oid, isFolder: each.type === 'tree' }]));
    entries += read.size;
    if (entries > MOST_ENTRIES) {
      folders.clear();
      entries = read.size;
    }
    folders.set(oid, read);
    return read;
  };

  return {
    commit: async oid => {
      if (!commits.has(oid)) commits.set(oid, await readOne(oid));
      return commits.get(oid);
    },
    folder,
    entry: async (tree, file) => {
      const parts = file.split('/');
      const name = parts.pop() ?? '';
      let at = tree;
      for (const part of parts) {
        const next = (await folder(at)).get(part);
        if (next?.isFolder !== true) return undefined;
        at = next.oid;
      }
      const found = (await folder(at)).get(name);
      return found === undefined ? undefined : `${found.mode} ${found.oid}`;
    },
  };
}

/** The commits at which a clone without its whole history ends, one per line; empty: it is whole. */
export async function readShallow(gitdir: string): Promise<string> {
  return await fs.promises.readFile(path.join(gitdir, 'shallow'), 'utf8').catch(() => '');
}
