import fs from 'node:fs';
import path from 'node:path';
import { addRemote, Errors, fetch, getConfig, init, resolveRef, writeRef } from 'isomorphic-git';
import { SystemError } from '../../controller/ports.ts';
import type { GitContent } from '../../controller/source-ports.ts';
import { noSuchBranch } from './failure.ts';
import { type GitTransport, GitTransportError } from './http.ts';
import { readShallow } from './objects.ts';
import { isDamage, readYamlFiles } from './tree.ts';

/** A fetch adds a pack; with more of them than this, one fresh clone takes their place. */
const MAX_PACKS = 40;
const CLONE_MAX_BYTES = 256 * 1024 * 1024;
/** What a fetch may always bring: the list of all branches and tags comes with each. */
const FETCH_BYTES = 8 * 1024 * 1024;
/** Older commits are fetched for the names of their authors, which must not cost more than that. */
const DEEPEN_BYTES = 64 * 1024 * 1024;

/** A shallow clone without files, of one branch. `gitdir` may be deleted at any time. */
export type Clone = { readonly gitdir: string; readonly url: string; readonly branch: string };

/** What requests to the server need; `signal` cancels them. */
export type Session = {
  readonly transport: GitTransport;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
};

type ReadRequest = { readonly oid: string; readonly path: string; readonly operation: string };

/**
 * Fetches the branch unless `oid` is there already, and reads its files. A clone that cannot be used, or that fails where a
 * fresh one may succeed, is deleted and made anew, once.
 */
export async function readFromClone(clone: Clone, session: Session, request: ReadRequest): Promise<GitContent> {
  if (!(await isUsable(clone))) return await readOnce(clone, session, { ...request, fresh: true });
  try {
    return await readOnce(clone, session, { ...request, fresh: false });
  } catch (error) {
    if (session.signal.aborted || !mayBeTheClone(error)) throw error;
    return await readOnce(clone, session, { ...request, fresh: true });
  }
}

/**
 * The ref is written last: it says that all that belongs to it is there. Whatever fails on the way takes the clone with it, so
 * that nothing half done is ever built upon. A path that is not in the commit is no such failure.
 */
async function readOnce(clone: Clone, session: Session, request: ReadRequest & { fresh: boolean }): Promise<GitContent> {
  const { gitdir, branch } = clone;
  try {
    const oid = await update(clone, session, request);
    const content = await readYamlFiles({ gitdir, oid }, request.path, request.operation).catch((error: unknown) => {
      if (error instanceof SystemError) return error;
      throw error;
    });
    session.signal.throwIfAborted();
    await writeRef({ fs, gitdir, ref: `refs/heads/${branch}`, value: oid, force: true });
    if (content instanceof SystemError) throw content;
    return { oid, revision: `${branch}@sha1:${oid}`, ...content };
  } catch (error) {
    if (!(error instanceof SystemError)) await fs.promises.rm(gitdir, { recursive: true, force: true });
    throw error;
  }
}

/** Fetches so many of the newest commits of the branch; those that are here stay. */
export async function deepen(clone: Clone, session: Session, { depth, operation }: { depth: number; operation: string }) {
  const shallow = path.join(clone.gitdir, 'shallow');
  const before = await readShallow(clone.gitdir);
  try {
    await fetchBranch(clone, session, { operation, depth, maxBytes: DEEPEN_BYTES });
  } catch (error) {
    // It is written before the commits have come: as it was, it is right for what is here.
    if (before !== '') await fs.promises.writeFile(shallow, before).catch(() => undefined);
    throw error;
  }
}

async function update(clone: Clone, session: Session, request: ReadRequest & { fresh: boolean }): Promise<string> {
  const { gitdir, url, branch } = clone;
  const { oid, fresh, operation } = request;
  if (fresh) {
    await fs.promises.rm(gitdir, { recursive: true, force: true });
    await init({ fs, gitdir, bare: true, defaultBranch: branch });
    await addRemote({ fs, gitdir, remote: 'origin', url });
    return await fetchBranch(clone, session, { operation, depth: 1, maxBytes: CLONE_MAX_BYTES });
  }
  if ((await tipOf(clone)) === oid) return oid;
  // Without a depth: with one, the server would send all files again.
  return await fetchBranch(clone, session, { operation, maxBytes: Math.max(FETCH_BYTES, await packBytes(gitdir)) });
}

type Fetching = { readonly operation: string; readonly depth?: number; readonly maxBytes: number };

async function fetchBranch(clone: Clone, session: Session, { operation, depth, maxBytes }: Fetching): Promise<string> {
  const { gitdir, url, branch } = clone;
  const ref = `refs/heads/${branch}`;
  return await session.transport.use({ signal: session.signal, maxBytes }, async http => {
    const headers = { ...session.headers };
    const what = { url, remote: 'origin', ref, singleBranch: true, tags: false, headers };
    const fetched = fetch({ fs, http, gitdir, ...what, ...(depth === undefined ? {} : { depth }) });
    const { fetchHead } = await fetched.catch((error: unknown) => {
      // deleted since it was polled
      if (error instanceof Errors.NotFoundError && error.data.what === ref) throw noSuchBranch(operation);
      throw error;
    });
    if (fetchHead === null) throw noSuchBranch(operation);
    return fetchHead;
  });
}

async function tipOf({ gitdir, branch }: Clone): Promise<string | undefined> {
  return await resolveRef({ fs, gitdir, ref: `refs/heads/${branch}` }).catch(() => undefined);
}

/** Complete, of the same repository and branch, with few enough packs. */
async function isUsable(clone: Clone): Promise<boolean> {
  if ((await packFiles(clone.gitdir)).length > MAX_PACKS || (await tipOf(clone)) === undefined) return false;
  const recorded: unknown = await getConfig({ fs, gitdir: clone.gitdir, path: 'remote.origin.url' }).catch(() => undefined);
  return recorded === clone.url;
}

/**
 * A rewritten branch can make an ordinary fetch bring the whole history, because the clone knows only the newest commits.
 * A fetch that grows beyond what is here already is given up for a fresh clone, which is the smaller download then.
 */
async function packBytes(gitdir: string): Promise<number> {
  const files = await packFiles(gitdir);
  const sizes = await Promise.all(files.map(async file => (await fs.promises.stat(file)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function packFiles(gitdir: string): Promise<string[]> {
  const folder = path.join(gitdir, 'objects', 'pack');
  const names = await fs.promises.readdir(folder).catch(() => []);
  return names.filter(name => name.endsWith('.pack')).map(name => path.join(folder, name));
}

function mayBeTheClone(error: unknown): boolean {
  if (error instanceof GitTransportError) return error.kind === 'tooLarge';
  return isDamage(error);
}
