import path from 'node:path';
import { listServerRefs, type ServerRef } from 'isomorphic-git';
import { SystemError } from '../../controller/ports.ts';
import type { GitRepository } from '../../controller/source-ports.ts';
import type { GitCredentials, RepositoryAddress } from './address.ts';
import { rememberAdvertisement } from './advertisement.ts';
import { openHistory } from './authorship.ts';
import { readFromClone, type Session } from './clone.ts';
import { createDeepening } from './deepening.ts';
import { noSuchBranch, toSystemError } from './failure.ts';
import { createGitTransport, NOT_GIT } from './http.ts';

const POLL_MAX_BYTES = 16 * 1024 * 1024;
/** A server that sends a little now and then must come to an end too. */
const SILENCES_PER_OPERATION = 10;

type RemoteOptions = {
  readonly address: Extract<RepositoryAddress, { kind: 'remote' }>;
  readonly branch: string;
  readonly path: string;
  /** Folder of its own for the clone. */
  readonly dir: string;
  readonly credentials: () => Promise<GitCredentials | undefined>;
  readonly timeoutMs: number;
};

/** A repository behind http(s). It keeps a shallow clone without files in `dir`, which may be deleted at any time. */
export function openRemoteRepository({ address, branch, timeoutMs, ...options }: RemoteOptions): GitRepository {
  const transport = createGitTransport(timeoutMs);
  const advertisement = rememberAdvertisement();
  const clone = { gitdir: path.join(options.dir, 'clone.git'), url: address.url, branch };
  const ref = `refs/heads/${branch}`;
  const deepening = createDeepening(clone);

  /** Runs one operation; every failure leaves it as a SystemError that names the source. */
  const run = async <T>(operation: string, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    const credentials = await readCredentials(options.credentials, operation);
    const deadline = startDeadline(signal, timeoutMs * SILENCES_PER_OPERATION);
    try {
      return await work({ transport, headers: authorization(credentials), signal: deadline.signal });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw toSystemError(error, operation, credentials !== undefined);
    } finally {
      deadline.end();
    }
  };

  const listBranch = async (session: Session): Promise<ServerRef[]> => {
    try {
      return await transport.use({ signal: session.signal, maxBytes: POLL_MAX_BYTES }, async client => {
        const http = advertisement.wrap(client);
        const headers = { ...session.headers };
        return await listServerRefs({ http, url: address.url, headers, prefix: ref, protocolVersion: 2 });
      });
    } catch (error) {
      advertisement.forget();
      throw error;
    }
  };

  return {
    poll: async signal => {
      const operation = `polling branch '${branch}' of ${address.url}`;
      return await run(operation, signal, async session => branchTip(await listBranch(session), ref, operation));
    },
    read: async (oid, signal) => {
      const operation = `reading branch '${branch}' of ${address.url}`;
      return await run(operation, signal, session => readFromClone(clone, session, { oid, path: options.path, operation }));
    },
    history: oid => {
      const operation = `reading the history of branch '${branch}' of ${address.url}`;
      const more = deepening((signal, work) => run(operation, signal, session => work(session, operation)));
      return openHistory(oid, { open: async () => clone.gitdir, more });
    },
    close: () => transport.close(),
  };
}

/** Like AbortSignal.any with a time-out, which would keep something of each poll for as long as `signal` lives. */
function startDeadline(signal: AbortSignal, timeoutMs: number): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const cancel = () => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(new DOMException('the operation took too long', 'TimeoutError')), timeoutMs);
  signal.addEventListener('abort', cancel, { once: true });
  return {
    signal: controller.signal,
    end: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
    },
  };
}

async function readCredentials(read: RemoteOptions['credentials'], operation: string): Promise<GitCredentials | undefined> {
  try {
    return await read();
  } catch (error) {
    const reason = `the credentials cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new SystemError('git', operation, 'refused', reason, { cause: error });
  }
}

/** Credentials go with the first request: asking without them first would make two requests of each. */
function authorization(credentials: GitCredentials | undefined): Record<string, string> {
  if (credentials === undefined) return {};
  const pair = `${credentials.username || 'git'}:${credentials.password}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

function branchTip(refs: readonly ServerRef[], ref: string, operation: string): { oid: string } {
  const fail = (kind: SystemError['kind'], reason: string) => new SystemError('git', operation, kind, reason);
  if (refs.some(found => found.oid === 'ERR')) throw fail('refused', 'the server refused to list its branches; check the url');
  const oid = refs.find(found => found.ref === ref)?.oid;
  if (oid === undefined) throw noSuchBranch(operation);
  if (/^[0-9a-f]{40}$/.test(oid)) return { oid };
  if (/^[0-9a-f]{64}$/.test(oid)) throw fail('refused', 'its objects are sha256; only sha1 is supported');
  throw fail('badAnswer', NOT_GIT);
}
