import type { IncomingMessage } from 'node:http';
import { networkOf } from './clientAddress.ts';
import { Problem } from './problem.ts';

/**
 * The body of a request that came from this address; throws Problem 413 when it is too large, without keeping what was read,
 * and 503 when it had to give way to others.
 */
export type ReadBody = (incoming: IncomingMessage, mostBytes: number, address: string) => Promise<Buffer>;

type BodyLimits = {
  /** Bodies of several requests that are in memory at once, before anybody has proved who they are; default 32 MiB. */
  readonly mostBytes?: number;
  /** Of these, those of one IPv4 address or IPv6 /64; default 2 MiB. */
  readonly mostBytesPerNetwork?: number;
};

type Reading = { bytes: number; readonly giveWay: () => void };
/** What one network has sent of bodies that are not complete; the oldest first. */
type Share = { bytes: number; readonly readings: Set<Reading> };

/** The server ends a request that takes too long, so there is no time-out here. */
export const createBodyReader = (limits: BodyLimits = {}): ReadBody => {
  const hold = createHold(limits);
  return async (incoming, mostBytes, address) => {
    const refusal = refusalByHead(incoming, mostBytes);
    if (refusal !== undefined) throw refusal;
    const chunks: Buffer[] = [];
    let release = (): void => {};
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        const fail = (problem: Problem): void => {
          incoming.off('data', onData);
          incoming.pause();
          reject(problem);
        };
        const held = hold(networkOf(address), () => fail(new Problem(503, 'too much is being received at this moment')));
        release = held.release;
        const onData = (chunk: Buffer): void => {
          chunks.push(chunk);
          if (held.add(chunk.length) > mostBytes) fail(tooLarge(mostBytes));
        };
        incoming.on('data', onData);
        incoming.once('end', () => resolve(Buffer.concat(chunks)));
        incoming.once('error', () => fail(new Problem(400, 'the request ended before its body did')));
        incoming.once('close', () => fail(new Problem(400, 'the request ended before its body did')));
      });
    } finally {
      release();
    }
  };
};

/**
 * Where there is too much, the body that was begun longest ago gives way, and not the one that comes: what stalls is old, and
 * an answer is read in a moment. First that of the same network, then that of the network with most.
 */
const createHold = ({ mostBytes = 32 * 1024 * 1024, mostBytesPerNetwork = 2 * 1024 * 1024 }: BodyLimits) => {
  const shares = new Map<string, Share>();
  let bytes = 0;

  const change = (share: Share, reading: Reading, by: number): void => {
    reading.bytes += by;
    share.bytes += by;
    bytes += by;
  };
  const drop = (network: string, share: Share, reading: Reading): void => {
    if (!share.readings.delete(reading)) return;
    change(share, reading, -reading.bytes);
    if (share.readings.size === 0) shares.delete(network);
  };
  const dropOldest = (network: string): void => {
    const share = shares.get(network);
    const [oldest] = share?.readings ?? [];
    if (share === undefined || oldest === undefined) return;
    drop(network, share, oldest);
    oldest.giveWay();
  };

  return (network: string, giveWay: () => void) => {
    const share: Share = shares.get(network) ?? { bytes: 0, readings: new Set() };
    const reading: Reading = { bytes: 0, giveWay };
    shares.set(network, share);
    share.readings.add(reading);
    return {
      /** Answers with how many bytes this body has now; none when it has given way. */
      add: (count: number): number => {
        if (!share.readings.has(reading)) return 0;
        change(share, reading, count);
        while (share.bytes > mostBytesPerNetwork) dropOldest(network);
        while (bytes > mostBytes) dropOldest(largestOf(shares));
        return reading.bytes;
      },
      release: () => drop(network, share, reading),
    };
  };
};

const largestOf = (shares: ReadonlyMap<string, Share>): string => {
  let [name, most] = ['', -1];
  for (const [network, { bytes }] of shares) if (bytes > most) [name, most] = [network, bytes];
  return name;
};

const tooLarge = (mostBytes: number): Problem => new Problem(413, `the body is larger than ${mostBytes / 1024} KiB`);

const refusalByHead = ({ headers }: IncomingMessage, mostBytes: number): Problem | undefined => {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return new Problem(415, 'a body must not be compressed');
  return Number(headers['content-length'] ?? 0) > mostBytes ? tooLarge(mostBytes) : undefined;
};
