import { createHash } from 'node:crypto';
import { lookup as lookupInDns } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { type Clock, type GateCaller, type GateVerdict, SystemError } from '../../controller/ports.ts';
import { createHttpClient } from '../http/client.ts';
import { canonicalHost, isForbidden } from './addresses.ts';
import { type AllowList, createAllowList } from './allowList.ts';
import { type Secret, signBody } from './signature.ts';

export type GateCallerOptions = {
  /** URLs that may be called, as the configuration lists them. */
  readonly allow: readonly string[];
  readonly secret?: Secret | undefined;
  /** Address of the API server, which no gate may lead to. */
  readonly apiServer: string;
  readonly clock: Clock;
  readonly onRequest?: (host: string, outcome: string) => void;
  /** All addresses of a host; default: what the system says. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
};

const MOST_ANSWER_BYTES = 64 * 1024;
const LONGEST_MESSAGE = 300;
const EXPECTED = '{"verdict":"pass"|"fail"|"nodata"}, with value (a number) and message (a text) if you like';

/**
 * Asks programs outside for verdicts. A Rollout names the URL, so what it may reach is checked at each call: the allow
 * list, and every address that the name stands for at this moment; the connection goes to one of those, not to what
 * another look at DNS would give. Redirects are not followed.
 */
export const createGateCaller = (options: GateCallerOptions): GateCaller => {
  const allowList = createAllowList(options.allow);
  return {
    call: async ({ url: written, timeoutMs, body }, signal) => {
      const url = permitted(written, allowList);
      const addresses = await within(checkedAddresses(url, allowList, options), url, timeoutMs);
      const client = createHttpClient({
        product: 'Webhook',
        name: url.host,
        url: url.origin,
        timeoutMs,
        maxContentBytes: MOST_ANSWER_BYTES,
        expected: EXPECTED,
        lookup: pinnedTo(addresses),
        onRequest: options.onRequest,
      });
      const operation = operationOf(url);
      const answer = await client.requestJson({
        operation,
        path: `${url.pathname}${url.search}`,
        body: signed(body, written, options),
        signal,
      });
      const verdict = readVerdict(answer);
      if (typeof verdict === 'string') throw client.badAnswer(operation, verdict);
      return verdict;
    },
  };
};

const operationOf = (url: URL): string => `asking webhook ${url.host}`;

const refused = (operation: string, reason: string): SystemError => new SystemError('webhook', operation, 'refused', reason);

const permitted = (written: string, allowList: AllowList): URL => {
  if (!URL.canParse(written) || !/^https?:/.test(new URL(written).protocol))
    throw refused('asking a webhook', 'its URL is none that starts with http:// or https://');
  const url = new URL(written);
  if (url.username !== '' || url.password !== '')
    throw refused(operationOf(url), 'its URL names a user or a password; secrets do not belong into a Rollout');
  if (!allowList.allows(url))
    throw refused(operationOf(url), `${url.origin} is not among the URLs that webhookGates.allow of the configuration lists`);
  return url;
};

/** Every address that the host stands for; throws when one of them must not be reached. */
const checkedAddresses = async (
  url: URL,
  allowList: AllowList,
  { apiServer, resolve = resolveInDns }: GateCallerOptions,
): Promise<readonly string[]> => {
  const addresses = await addressesOf(url, resolve, operationOf(url));
  const unlisted = addresses.filter(address => !allowList.names(address, url));
  if (unlisted.length === 0) return addresses;
  const ofApiServer = await addressesOf(new URL(apiServer), resolve, operationOf(url));
  for (const address of unlisted) {
    if (isForbidden(address)) throw refused(operationOf(url), refusal(url, address, 'a loopback or link-local address'));
    if (ofApiServer.includes(address)) throw refused(operationOf(url), refusal(url, address, 'the address of the API server'));
  }
  return addresses;
};

const refusal = ({ hostname }: URL, address: string, what: string): string => {
  const leads = canonicalHost(hostname) === address ? `${address} is ${what}` : `${hostname} leads to ${address}, ${what}`;
  return `${leads}; list it by address in webhookGates.allow of the configuration if that is meant`;
};

const resolveInDns = async (host: string): Promise<readonly string[]> =>
  (await lookupInDns(host, { all: true })).map(({ address }) => address);

const addressesOf = async (
  { hostname }: URL,
  resolve: (host: string) => Promise<readonly string[]>,
  operation: string,
): Promise<readonly string[]> => {
  try {
    return (await resolve(canonicalHost(hostname))).map(canonicalHost);
  } catch {
    throw new SystemError('webhook', operation, 'unavailable', `${hostname} cannot be found: its host name is unknown to DNS`);
  }
};

/** A look at DNS knows no end of its own. */
const within = async <T>(work: Promise<T>, url: URL, timeoutMs: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const reason = `DNS gave no answer within ${timeoutMs / 1000} s`;
    timer = setTimeout(() => reject(new SystemError('webhook', operationOf(url), 'unavailable', reason)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

const pinnedTo =
  (addresses: readonly string[]): LookupFunction =>
  (_, { all }, callback) => {
    const found = addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 }));
    const [first] = found;
    if (all === true) callback(null, found);
    else callback(null, first?.address ?? '', first?.family);
  };

/** The same question at the same moment has the same id. */
const signed = (body: object, url: string, { clock, secret }: GateCallerOptions) => {
  const atMs = clock.now();
  const id = createHash('sha256')
    .update(JSON.stringify([url, atMs, body]))
    .digest('hex')
    .slice(0, 32);
  try {
    return signBody(body, { id: `gate_${id}`, atMs }, secret);
  } catch (error) {
    throw refused('asking a webhook', error instanceof Error ? error.message : String(error));
  }
};

/** The verdict, or what is wrong with the answer. */
const readVerdict = (answer: unknown): GateVerdict | string => {
  const { verdict, value, message } =
    typeof answer === 'object' && answer !== null ? (answer as { [field: string]: unknown }) : {};
  if (verdict !== 'pass' && verdict !== 'fail' && verdict !== 'nodata')
    return `answered without a verdict that is known, expected ${EXPECTED}`;
  if (value !== undefined && value !== null && !(typeof value === 'number' && Number.isFinite(value)))
    return `answered with a value that is no number, expected ${EXPECTED}`;
  if (message !== undefined && message !== null && typeof message !== 'string')
    return `answered with a message that is no text, expected ${EXPECTED}`;
  const said = typeof message === 'string' ? oneLine(message) : '';
  return { verdict, ...(typeof value === 'number' ? { value } : {}), ...(said === '' ? {} : { message: said }) };
};

/** What strangers say gets into statuses, terminals and chats. */
const oneLine = (text: string): string => {
  const plain = text
    .slice(0, 4 * LONGEST_MESSAGE)
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim();
  return plain.length > LONGEST_MESSAGE ? `${plain.slice(0, LONGEST_MESSAGE - 3).replace(/\p{C}$/u, '')}...` : plain;
};
