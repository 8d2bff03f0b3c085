import fs from 'node:fs';
import { Errors, readBlob, readCommit, readTree, type TreeEntry } from 'isomorphic-git';
import { SystemError } from '../../controller/ports.ts';
import type { GitFile, GitFileProblem } from '../../controller/source-ports.ts';

/** Caps, so that one commit cannot exhaust the memory of the controller. */
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_FILES = 5_000;

type TreeFiles = { readonly files: readonly GitFile[]; readonly problems: readonly GitFileProblem[] };

/** One commit in an object database on disk. `cache` is the library's; it lives as long as one reading. */
type CommitOnDisk = { readonly fs: typeof fs; readonly gitdir: string; readonly oid: string; readonly cache: object };

type FoundFile = { readonly path: string; readonly entry: TreeEntry };

/**
 * Reads all `*.yaml` and `*.yml` files at or below a path, without a checkout, in the order of their paths. A file that
 * cannot be read as text is a problem of its own; a path that is missing or holds no such file is a SystemError `notFound`.
 */
export async function readYamlFiles(at: { gitdir: string; oid: string }, path: string, operation: string): Promise<TreeFiles> {
  const commit: CommitOnDisk = { fs, gitdir: at.gitdir, oid: at.oid, cache: {} };
  const fail = (kind: SystemError['kind'], reason: string) => new SystemError('git', operation, kind, reason);
  const folder = normalized(path);
  const found: FoundFile[] = [];
  const start = await findEntry(commit, folder);
  if (start === undefined) throw fail('notFound', `there is no path ${quoted(folder)} in the branch; make it or correct path`);
  const skipped: GitFileProblem[] = [];
  const pending: FoundFile[] = [{ path: folder, entry: start }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.entry.type === 'tree') pending.push(...(await children(commit, next)).reverse());
    else if (!isYaml(next.path)) continue;
    else if (next.entry.type !== 'blob' || next.entry.mode === '120000') skipped.push(notAFile(next.path));
    else found.push(next);
    if (found.length > MAX_FILES) throw fail('refused', `more than ${MAX_FILES} YAML files below ${quoted(folder)}; narrow path`);
  }
  if (found.length + skipped.length === 0) {
    throw fail('notFound', `there is no *.yaml or *.yml file below ${quoted(folder)}; add one or correct path`);
  }
  const read = await readAll(commit, found);
  return { files: read.files, problems: [...skipped, ...read.problems] };
}

function normalized(path: string): string {
  const parts = path.split('/').filter(part => part !== '' && part !== '.');
  return parts.join('/');
}

function quoted(folder: string): string {
  return folder === '' ? "'/'" : `'${folder}'`;
}

function isYaml(path: string): boolean {
  return /\.ya?ml$/i.test(path);
}

function notAFile(path: string): GitFileProblem {
  return { file: path, message: 'this is a link or a submodule, which is not followed; put the file itself here' };
}

async function findEntry(commit: CommitOnDisk, folder: string): Promise<TreeEntry | undefined> {
  const { commit: content } = await readCommit(commit);
  let entry: TreeEntry = { mode: '040000', type: 'tree', path: '', oid: content.tree };
  for (const part of folder === '' ? [] : folder.split('/')) {
    if (entry.type !== 'tree') return undefined;
    const { tree } = await readTree({ ...commit, oid: entry.oid });
    const next = tree.find(candidate => candidate.path === part);
    if (next === undefined) return undefined;
    entry = next;
  }
  return entry;
}

async function children(commit: CommitOnDisk, folder: FoundFile): Promise<FoundFile[]> {
  const { tree } = await readTree({ ...commit, oid: folder.entry.oid });
  return tree.map(entry => ({ path: folder.path === '' ? entry.path : `${folder.path}/${entry.path}`, entry }));
}

async function readAll(commit: CommitOnDisk, found: readonly FoundFile[]): Promise<TreeFiles> {
  const files: GitFile[] = [];
  const problems: GitFileProblem[] = [];
  for (const { path, entry } of found) {
    const { blob } = await readBlob({ ...commit, oid: entry.oid });
    const text = blob.length > MAX_FILE_BYTES ? undefined : decoded(blob);
    if (blob.length > MAX_FILE_BYTES) problems.push({ file: path, message: 'the file is larger than 1 MiB; split it' });
    else if (text === undefined) problems.push({ file: path, message: 'the file is not UTF-8 text; save it as UTF-8' });
    else files.push({ path, text });
  }
  return { files, problems };
}

function decoded(blob: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(blob);
  } catch {
    return undefined;
  }
}

/** Whether objects are missing or damaged, as opposed to a path that is not in the commit. */
export function isDamage(error: unknown): boolean {
  return !(error instanceof SystemError) && !(error instanceof Errors.HttpError);
}
