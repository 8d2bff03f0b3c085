import type { GitRepository } from '../../controller/source-ports.ts';
import { type GitCredentials, parseAddress } from './address.ts';
import { openLocalRepository } from './local.ts';
import { openRemoteRepository } from './remote.ts';

export type RepositoryOptions = {
  /** `http://`, `https://`, `file://`, or a path of this machine. */
  readonly url: string;
  readonly branch: string;
  /** Folder (or single file) in the repository; empty: all of it. */
  readonly path: string;
  /** Folder for the clone of a remote repository, used by no other source; its content may be deleted at any time. */
  readonly dir: string;
  /** Asked before each operation, so that changed credentials are used without a restart; default: those in the url. */
  readonly auth?: (() => GitCredentials | Promise<GitCredentials>) | undefined;
  /** Longest silence of the server; default 30 s. */
  readonly timeoutMs?: number | undefined;
};

/** Opens one branch of a repository; throws SystemError `refused` when the url is of a kind that is not supported. */
export function openRepository({ url, branch, path, dir, auth, timeoutMs = 30_000 }: RepositoryOptions): GitRepository {
  const address = parseAddress(url);
  if (address.kind === 'local') return openLocalRepository({ folder: address.folder, branch, path });
  const credentials = async () => (auth === undefined ? address.credentials : await auth());
  return openRemoteRepository({ address, branch, path, dir, credentials, timeoutMs });
}
