import { Errors } from 'isomorphic-git';
import { SystemError } from '../../controller/ports.ts';
import { GitTransportError, NOT_GIT } from './http.ts';

/** An answer with the wrong content, of the wrong form, or without any. */
const NOT_GIT_ERRORS = [Errors.SmartHttpError, Errors.ParseError, Errors.EmptyServerResponseError];

type Failure = { readonly kind: SystemError['kind']; readonly reason: string };

const KINDS = {
  timeout: 'unavailable',
  network: 'unavailable',
  tooLarge: 'refused',
  redirect: 'refused',
  notGit: 'badAnswer',
} as const satisfies Record<GitTransportError['kind'], SystemError['kind']>;

/**
 * Says in a sentence what went wrong with a Git server and what to do about it. The texts of the server and of the library
 * are left out: they may hold a page of HTML or an address with a password.
 */
export function toSystemError(error: unknown, operation: string, authenticated: boolean): SystemError {
  if (error instanceof SystemError) return error;
  const { kind, reason } = describe(error, authenticated);
  return new SystemError('git', operation, kind, reason, { cause: error });
}

function describe(error: unknown, authenticated: boolean): Failure {
  if (error instanceof GitTransportError) return { kind: KINDS[error.kind], reason: error.message };
  if (error instanceof Errors.HttpError) return describeStatus(error.data.statusCode, authenticated);
  if (NOT_GIT_ERRORS.some(kind => error instanceof kind)) {
    return { kind: 'badAnswer', reason: NOT_GIT };
  }
  if (error instanceof Errors.RemoteCapabilityError) {
    return { kind: 'badAnswer', reason: 'the server cannot serve shallow clones; serve the repository with a full Git server' };
  }
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return { kind: 'unavailable', reason: 'the answer did not end in time' };
  }
  if (error instanceof Error && 'syscall' in error && 'code' in error) {
    return { kind: 'unavailable', reason: `the folder of the repository cannot be read or written (${error.code})` };
  }
  return { kind: 'badAnswer', reason: 'the data of the repository are incomplete or damaged; check it with git fsck' };
}

function describeStatus(status: number, authenticated: boolean): Failure {
  if (status === 401) {
    const reason = authenticated
      ? 'the server does not accept the credentials (401); check auth of this source'
      : 'the server asks for credentials (401); set auth of this source';
    return { kind: 'refused', reason };
  }
  if (status === 403) return { kind: 'refused', reason: 'reading is not allowed (403); check the rights of the credentials' };
  if (status === 404 || status === 410) {
    return { kind: 'notFound', reason: `there is no repository (${status}), or only with other credentials; check the url` };
  }
  if (status === 429 || status >= 500) return { kind: 'unavailable', reason: `the server cannot answer now (${status})` };
  return { kind: 'badAnswer', reason: `the server answered with status ${status}; check the url` };
}

/** The server has no such branch, or none any more. */
export function noSuchBranch(operation: string): SystemError {
  return new SystemError('git', operation, 'notFound', 'there is no such branch; make it with a first commit or correct branch');
}
