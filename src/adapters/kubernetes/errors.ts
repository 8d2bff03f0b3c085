import { SystemError } from '../../controller/ports.ts';

const SYSTEM = 'kubernetes';
const LONGEST_REASON = 400;

/** A refusal or failure of the API server. `code` is its HTTP status; absent when there was no answer at all. */
export class KubeError extends SystemError {
  readonly code: number | undefined;
  constructor(operation: string, failure: Failure, options?: ErrorOptions) {
    super(SYSTEM, operation, failure.kind, failure.reason, options);
    this.name = 'KubeError';
    this.code = failure.code;
  }
}

export type Failure = { readonly kind: SystemError['kind']; readonly reason: string; readonly code?: number };

/** What a request was about, for messages: `patching rollouts weather/forecast`. */
export type Operation = {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  /** Plural with its group, as RBAC rules name it. */
  readonly resource: string;
  readonly text: string;
};

type StatusBody = { readonly message: string; readonly reason: string; readonly causes: boolean };

/** A text of the server, short enough for a message; validation errors may repeat the whole object. */
function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > LONGEST_REASON ? `${line.slice(0, LONGEST_REASON)}...` : line;
}

function readStatus(body: string): StatusBody {
  try {
    const parsed: unknown = JSON.parse(body);
    // Time-outs come without a kind.
    if (typeof parsed === 'object' && parsed !== null && 'status' in parsed && parsed.status === 'Failure') {
      const status = parsed as { message?: unknown; reason?: unknown; details?: { causes?: unknown } | null };
      const causes = Array.isArray(status.details?.causes) && status.details.causes.length > 0;
      return { message: shorten(String(status.message ?? '')), reason: String(status.reason ?? ''), causes };
    }
  } catch {
    // Not from an API server but from something in between; the code alone tells what can be told.
  }
  return { message: '', reason: '', causes: false };
}

/** The manifest of `sluice install` whose rule allows the operation. */
function grantedBy({ resource, verb }: Operation): string {
  if (resource === 'configmaps' && (verb === 'list' || verb === 'watch')) return 'Role sluice-freeze';
  return resource.startsWith('leases.') ? 'Role sluice-leader-election' : 'ClusterRole sluice';
}

/** Where the right is missing, in the words of the API server, which alone knows where it has looked. */
function scopeIn(message: string): string {
  const namespace = / in the namespace "([^"]+)"/.exec(message)?.[1];
  if (namespace !== undefined) return ` in namespace ${namespace}`;
  return message.includes(' at the cluster scope') ? ' in all namespaces' : '';
}

function forbidden(operation: Operation, message: string): string {
  if (message !== '' && !/ cannot [a-z]+ /.test(message)) return message;
  const { verb, resource } = operation;
  const lacking = `an RBAC rule for this verb and resource${scopeIn(message)} is missing`;
  return `not allowed to ${verb} ${resource}; ${lacking}, see ${grantedBy(operation)} in \`sluice install\` (${message || 'forbidden'})`;
}

function serverFailure(code: number, message: string): string {
  const webhook = /failed calling webhook "([^"]+)"/.exec(message)?.[1];
  if (code === 504 && webhook === undefined) {
    return `the API server was not done in time; an admission webhook may not answer, istiod's for example (${message || code})`;
  }
  if (webhook === undefined) return `the API server answered ${code}${message ? `: ${message}` : ''}`;
  return `the API server could not call the admission webhook ${webhook}, whose server does not answer as it should: ${message}`;
}

/** What an answer other than 2xx means. `conflict` also stands for a JSON Patch whose `test` did not hold. */
export function failureOf(operation: Operation, code: number, body: string): Failure {
  const { message, causes } = readStatus(body);
  const said = message || `the API server answered ${code}`;
  if (code === 409) return { kind: 'conflict', code, reason: said };
  // A failed `test` has no causes, a field that is not valid has some.
  if (code === 422 && operation.verb === 'patch' && !causes) {
    return { kind: 'conflict', code, reason: 'the object is not as the patch expects it (a test failed or a path is missing)' };
  }
  if (code === 401) return { kind: 'refused', code, reason: 'the API server does not accept the credentials (401)' };
  if (code === 403) return { kind: 'refused', code, reason: forbidden(operation, message) };
  if (code === 404) return { kind: 'notFound', code, reason: said };
  if (code === 408 || code === 410 || code === 429) return { kind: 'unavailable', code, reason: said };
  if (code >= 500) return { kind: 'unavailable', code, reason: serverFailure(code, message) };
  if (code >= 400) return { kind: 'refused', code, reason: said };
  return { kind: 'badAnswer', code, reason: `expected a Kubernetes API, got HTTP status ${code}` };
}

/** Failures before there was an answer: sockets, TLS, names, time-outs. */
export function connectionFailure(error: unknown, server: string): Failure {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const text = error instanceof Error ? error.message || code : String(error);
  const hint = HINTS[code];
  return { kind: 'unavailable', reason: `${server} does not answer: ${shorten(text)}${hint ? ` (${hint})` : ''}` };
}

const WRONG_AUTHORITY = 'certificate-authority in the kubeconfig is missing or not the one of this server';

const HINTS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name in the kubeconfig is unknown',
  DEPTH_ZERO_SELF_SIGNED_CERT: WRONG_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: WRONG_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: WRONG_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: WRONG_AUTHORITY,
  ERR_TLS_CERT_ALTNAME_INVALID: 'tls-server-name in the kubeconfig may be missing',
};
