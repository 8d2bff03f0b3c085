import { readFileSync } from 'node:fs';
import { type ClientRequest, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { rootCertificates } from 'node:tls';
import { SystemError } from '../../controller/ports.ts';
import { networkFailure, publicAddress, retryAfterMs } from '../http/failure.ts';

export type SluiceOptions = {
  /** Where Sluice is served; may have a path. */
  readonly server: URL;
  /** Kubernetes token of whoever answers. */
  readonly token: string;
  /** File with authorities (PEM) that count beside the public ones. */
  readonly authorityFile?: string;
};

/** One person's answer to what a Rollout asks. */
export type SentAnswer = {
  readonly namespace: string;
  readonly name: string;
  readonly decision: 'approve' | 'reject';
  readonly revision: string;
  readonly step: number;
  /** The moment of asking that was seen, RFC 3339. */
  readonly askedAt?: string;
  readonly comment?: string;
};

export type SluiceReply =
  /** It is stored, as the answer of this person. */
  | { readonly kind: 'recorded'; readonly by: string }
  /** It does not count, and never will as it stands. */
  | { readonly kind: 'refused'; readonly status: number; readonly detail: string };

export type SluiceApi = {
  /**
   * Throws SystemError `unavailable` when nobody says that it is recorded (it may be sent again; with the operation `REACHING`
   * it was not even sent), `badAnswer` when this is no Sluice.
   */
  answer(sent: SentAnswer): Promise<SluiceReply>;
};

/** Operation of a failure before anything was sent. */
export const REACHING = 'reaching Sluice';

/** A leader that is busy takes 10 s until it gives up, and a follower waits for it. */
const TIMEOUT_MS = 25_000;
const LARGEST_BODY_BYTES = 64 * 1024;

type Reply = { readonly status: number; readonly headers: IncomingMessage['headers']; readonly body: unknown };

/** Throws SystemError when the file with authorities cannot be read. */
export const createSluiceApi = ({ server, token, authorityFile }: SluiceOptions): SluiceApi => {
  const ca = authorityFile === undefined ? undefined : [...rootCertificates, readAuthority(authorityFile)];
  const address = publicAddress(server);
  const fail = (operation: string, kind: SystemError['kind'], reason: string): SystemError =>
    new SystemError('sluice', operation, kind, `Sluice at ${address} ${reason}`);
  return {
    answer: async ({ namespace, name, ...answer }) => {
      const operation = `answering for ${namespace}/${name}`;
      const path = `/api/v1/rollouts/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/approvals`;
      const url = new URL(`${server.pathname.replace(/\/+$/, '')}${path}`, server);
      const headers = { authorization: `Bearer ${token}` };
      let reply: Reply;
      try {
        reply = await post(url, { headers, ...(ca === undefined ? {} : { ca }) }, JSON.stringify(answer));
      } catch (error) {
        throw fail(isSent(error) ? operation : REACHING, 'unavailable', reasonOf(error));
      }
      return readReply(reply, (kind, reason) => fail(operation, kind, reason));
    },
  };
};

const readAuthority = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new SystemError('sluice', `reading the authority ${file}`, 'refused', `the file cannot be read (${code})`);
  }
};

/** What breaks a connection that stands; anything else keeps it from coming about. */
const BROKEN: readonly unknown[] = ['ECONNRESET', 'EPIPE'];

const isSent = (error: unknown): boolean =>
  error instanceof Error && (error.name === 'TimeoutError' || ('code' in error && BROKEN.includes(error.code)));

const reasonOf = (error: unknown): string => {
  if (error instanceof Error && error.name === 'TimeoutError') return `gave no answer within ${TIMEOUT_MS / 1000} s`;
  return networkFailure(error instanceof Error && 'code' in error ? String(error.code) : undefined).reason;
};

/** No redirects: a token is for the server that was named and no other. */
const post = (url: URL, options: RequestOptions & { readonly ca?: string[] }, body: string): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const headers = {
      ...options.headers,
      accept: 'application/json',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': 'sluice',
    };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const outgoing: ClientRequest = start(url, { ...options, headers, method: 'POST', agent: false, signal });
    outgoing.on('error', error => reject(signal.aborted ? signal.reason : error));
    outgoing.on('response', message => {
      readBody(message).then(
        read => resolve({ status: message.statusCode ?? 0, headers: message.headers, body: read }),
        error => reject(signal.aborted ? signal.reason : error),
      );
    });
    outgoing.end(body);
  });

/** The JSON of an answer; `undefined` when it is something else. */
const readBody = async (message: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
};

const REFUSALS: readonly number[] = [400, 401, 403, 404, 409, 413, 415];

const readReply = (
  { status, headers, body }: Reply,
  fail: (kind: SystemError['kind'], reason: string) => SystemError,
): SluiceReply => {
  const by = textIn(body, 'by');
  const detail = textIn(body, 'detail');
  if (status === 200 && by !== undefined && textIn(body, 'decision') !== undefined) return { kind: 'recorded', by };
  // only a Sluice tells with a problem in JSON why it refuses; what stands before it may know nothing of rollouts
  if (REFUSALS.includes(status) && detail !== undefined) return { kind: 'refused', status, detail };
  if (status === 429 || status >= 500) {
    const afterMs = retryAfterMs(headers);
    const again = afterMs === undefined ? '' : `; try again in ${Math.ceil(afterMs / 1000)} s`;
    throw fail('unavailable', `did not take it (HTTP ${status})${detail === undefined ? '' : `: ${detail}`}${again}`);
  }
  const where = status >= 300 && status < 400 ? 'redirects elsewhere, which is not followed' : 'does not answer as Sluice does';
  throw fail('badAnswer', `${where} (HTTP ${status}): is the address right, is there a login page before it?`);
};

const textIn = (body: unknown, field: string): string | undefined => {
  if (typeof body !== 'object' || body === null || !(field in body)) return undefined;
  const value = (body as Readonly<Record<string, unknown>>)[field];
  return typeof value === 'string' ? value : undefined;
};
