/**
 * What an Envoy proxy says about one answered request, in the words of its metrics and spans. Values are strings as
 * they stand in labels and tags; `-`, empty and absent mean the same.
 */
export type ProxyResponse = {
  readonly code: string | undefined;
  /** Response flags, comma-separated, e.g. `URX,UF`. */
  readonly flags: string | undefined;
  readonly grpcStatus: string | undefined;
};

/** gRPC statuses that blame the server: unknown, deadline exceeded, resource exhausted, internal, unavailable, data loss. */
const grpcFailures: ReadonlySet<string> = new Set(['2', '4', '8', '13', '14', '15']);

/** No healthy host, connect failure, no cluster, no route. */
const noPodFlags: ReadonlySet<string> = new Set(['UH', 'UF', 'NC', 'NR']);

/**
 * Failures of the sending proxy's own hop: connect failure, connection broken, time-out, overflow, remote reset,
 * protocol error. The receiving proxy has either not seen such a request or noted it as the client's cancel.
 */
const brokenHopFlags: ReadonlySet<string> = new Set(['UF', 'UC', 'UT', 'UO', 'UR', 'UPE']);

/** The client went away before the answer: says nothing about the version, so it counts neither as request nor as error. */
export function isClientCancel(response: ProxyResponse): boolean {
  return response.code === '0' || hasFlag(response.flags, clientCancelFlags);
}

/** Connection closed, or stream reset (HTTP/2), by the client; the second may bear the status of a begun answer. */
const clientCancelFlags: ReadonlySet<string> = new Set(['DC', 'DR']);

/** HTTP 5xx, or a gRPC status that blames the server (gRPC failures ride on HTTP 200). */
export function isServerFailure(response: ProxyResponse): boolean {
  return isHttpFailure(response.code) || grpcFailures.has(response.grpcStatus ?? '');
}

/** A kind of failure in short, as a proxy tells it: `503 UH`, `500`, `grpc 14`, `504 UT`. */
export function causeOf({ code, flags, grpcStatus }: ProxyResponse): string {
  const status = grpcFailures.has(grpcStatus ?? '') && !isHttpFailure(code) ? `grpc ${grpcStatus}` : (code ?? '');
  return flags === undefined || flags === '' || flags === '-' ? status : `${status} ${flags}`;
}

/** The request died before it was given to a pod. */
export function reachedNoPod(flags: string | undefined): boolean {
  return hasFlag(flags, noPodFlags);
}

/** The request died between the sending proxy and the receiving one. */
export function brokeOnTheWay(flags: string | undefined): boolean {
  return hasFlag(flags, brokenHopFlags);
}

function isHttpFailure(code: string | undefined): boolean {
  return /^5\d\d$/.test(code ?? '');
}

function hasFlag(flags: string | undefined, wanted: ReadonlySet<string>): boolean {
  return flags?.split(',').some(flag => wanted.has(flag.trim())) ?? false;
}
