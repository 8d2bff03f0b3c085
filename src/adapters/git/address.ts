import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SystemError } from '../../controller/ports.ts';

/** User name and password or token of a Git server. */
export type GitCredentials = { readonly username?: string | undefined; readonly password: string };

/** Where a repository is. `url` may stand in messages: it holds no user name, no password and no query. */
export type RepositoryAddress =
  | { readonly kind: 'remote'; readonly url: string; readonly credentials?: GitCredentials }
  | { readonly kind: 'local'; readonly folder: string };

/** Tells http(s) from local paths and `file:` URLs; throws SystemError `refused` for anything else, such as ssh. */
export function parseAddress(url: string): RepositoryAddress {
  if (/^https?:\/\//i.test(url)) return parseRemote(url);
  if (/^file:\/\//i.test(url)) return parseFile(url);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url) || /^[^/@:]+@[^/:]+:/.test(url)) {
    throw refused(
      withoutUser(url),
      'only http://, https:// and local paths are supported; use the https address of the repository',
    );
  }
  return { kind: 'local', folder: path.resolve(url) };
}

function parseRemote(url: string): RepositoryAddress {
  if (!URL.canParse(url)) throw refused(withoutUser(url), 'this is not a URL');
  const parsed = new URL(url);
  const credentials = { username: decodeURIComponent(parsed.username), password: decodeURIComponent(parsed.password) };
  parsed.username = '';
  parsed.password = '';
  parsed.hash = '';
  parsed.search = '';
  const address = { kind: 'remote', url: parsed.href.replace(/\/+$/, '') } as const;
  return credentials.password === '' && credentials.username === '' ? address : { ...address, credentials };
}

function parseFile(url: string): RepositoryAddress {
  try {
    return { kind: 'local', folder: fileURLToPath(url) };
  } catch (cause) {
    throw new SystemError('git', `opening ${url}`, 'refused', 'this is not the URL of a local folder', { cause });
  }
}

function withoutUser(url: string): string {
  return url.replace(/[?#].*$/, '').replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^/]*@/i, '$1');
}

function refused(shown: string, reason: string): SystemError {
  return new SystemError('git', `opening ${shown}`, 'refused', reason);
}
