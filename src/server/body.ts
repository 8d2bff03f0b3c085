import type { IncomingMessage } from 'node:http';
import { Problem } from './problem.ts';

/** The body of a request; throws Problem 413 when it is too large, without keeping what was read. */
export type ReadBody = (incoming: IncomingMessage, mostBytes: number) => Promise<Buffer>;

/** Bodies of several requests that are in memory at once, before anybody has proved who they are. */
const MOST_BYTES_AT_ONCE = 32 * 1024 * 1024;

/** The server ends a request that takes too long, so there is no time-out here. */
export const createBodyReader = (mostAtOnce = MOST_BYTES_AT_ONCE): ReadBody => {
  let held = 0;
  return async (incoming, mostBytes) => {
    const refusal = refusalByHead(incoming, mostBytes);
    if (refusal !== undefined) throw refusal;
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        const fail = (problem: Problem): void => {
          incoming.off('data', onData);
          incoming.pause();
          reject(problem);
        };
        const onData = (chunk: Buffer): void => {
          size += chunk.length;
          held += chunk.length;
          if (size > mostBytes) fail(tooLarge(mostBytes));
          else if (held > mostAtOnce) fail(new Problem(503, 'too much is being received at this moment'));
          else chunks.push(chunk);
        };
        incoming.on('data', onData);
        incoming.once('end', () => resolve(Buffer.concat(chunks)));
        incoming.once('error', () => fail(new Problem(400, 'the request ended before its body did')));
        incoming.once('close', () => fail(new Problem(400, 'the request ended before its body did')));
      });
    } finally {
      held -= size;
    }
  };
};

const tooLarge = (mostBytes: number): Problem => new Problem(413, `the body is larger than ${mostBytes / 1024} KiB`);

const refusalByHead = ({ headers }: IncomingMessage, mostBytes: number): Problem | undefined => {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return new Problem(415, 'a body must not be compressed');
  return Number(headers['content-length'] ?? 0) > mostBytes ? tooLarge(mostBytes) : undefined;
};
