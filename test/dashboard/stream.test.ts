import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  backOffMs,
  createFollow,
  createParser,
  type Following,
  type StreamEvent,
  type StreamState,
} from '../../src/dashboard/stream.js';

const eventsOf = (...pieces: string[]): StreamEvent[] => {
  const events: StreamEvent[] = [];
  const parse = createParser(event => events.push(event));
  for (const piece of pieces) parse(piece);
  return events;
};

describe('a stream of events', () => {
  const TEXT = ': hello\n\nevent: line\ndata: {"name":"forecast"}\n\ndata: 1\nid: 7\n\nevent: gone\n\n';
  const EVENTS = [
    { event: 'line', data: { name: 'forecast' } },
    { event: 'message', data: 1 },
  ];

  it('is read in whatever pieces and with whatever ends of lines it comes', () => {
    expect(eventsOf(TEXT)).toEqual(EVENTS);
    expect(eventsOf(...TEXT)).toEqual(EVENTS);
    expect(eventsOf(TEXT.replaceAll('\n', '\r\n'))).toEqual(EVENTS);
    expect(eventsOf(...TEXT.replaceAll('\n', '\r\n'))).toEqual(EVENTS);
  });

  it('may have data over several lines, and none that has not ended', () => {
    expect(eventsOf('event: lines\ndata: {"items":\ndata: []}\n\nevent: line\ndata: {}\n')).toEqual([
      { event: 'lines', data: { items: [] } },
    ]);
  });
});

it('tries again after 1 s, twice as long each time, and never later than after 30 s', () => {
  expect([0, 1, 2, 3, 4, 5, 60].map(attempt => backOffMs(attempt, 1))).toEqual([
    1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
  ]);
  expect(backOffMs(0, 0)).toBe(750);
});

describe('following', () => {
  const servers: Server[] = [];
  const followings: Following[] = [];
  afterEach(() => {
    for (const following of followings.splice(0)) following.close();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  const served = async (answer: RequestListener): Promise<string> => {
    const server = createServer(answer).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  type Changed = { firstMs?: number; silentMs?: number; onEvent?: (event: StreamEvent) => void };

  /** Follows a server, and keeps what it is told in order. */
  const followAt = async (answer: RequestListener, { firstMs = 5, silentMs = 60_000, onEvent }: Changed = {}) => {
    const url = await served(answer);
    const told: (StreamEvent | StreamState)[] = [];
    const reported: unknown[] = [];
    const report = (error: unknown): void => {
      reported.push(error);
    };
    const follow = createFollow({ open: (path, signal) => fetch(url + path, { signal }), firstMs, silentMs, report });
    const following = follow(
      '/stream',
      event => {
        told.push(event);
        onEvent?.(event);
      },
      state => told.push(state),
    );
    followings.push(following);
    return { told, reported, following, kinds: () => told.map(each => ('kind' in each ? each.kind : each.event)) };
  };

  it('opens a stream again that has ended, and says since when it was lost', async () => {
    let count = 0;
    const { told, kinds } = await followAt((_, response) => {
      count += 1;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`event: lines\ndata: ${count}\n\n`);
      if (count < 3) response.end();
    });
    await expect.poll(() => told.length).toBe(9);
    expect(kinds()).toEqual(['connecting', 'live', 'lines', 'lost', 'live', 'lines', 'lost', 'live', 'lines']);
  });

  it('tells one beginning of a loss that lasts, and later and later tries', async () => {
    const { told, kinds } = await followAt((_, response) => {
      response.destroy();
    });
    await expect.poll(() => told.length).toBeGreaterThan(4);
    expect([kinds()[0], new Set(kinds().slice(1))]).toEqual(['connecting', new Set(['lost'])]);
    const lost = told.flatMap(each => ('kind' in each && each.kind === 'lost' ? [each] : []));
    expect(new Set(lost.map(({ sinceMs }) => sinceMs)).size).toBe(1);
    expect(lost[0]?.detail).toBe('Sluice does not answer.');
  });

  it('gives up a stream that says nothing any more', async () => {
    const { told } = await followAt(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('event: lines\ndata: 1\n\n');
      },
      { silentMs: 30 },
    );
    const given = { kind: 'lost', detail: 'Sluice has said nothing for a while.' };
    await expect.poll(() => told).toContainEqual(expect.objectContaining(given));
  });

  it('does not try again by itself what was refused for its token, as guesses count', async () => {
    let count = 0;
    const { told } = await followAt((_, response) => {
      count += 1;
      response.writeHead(401, { 'content-type': 'application/problem+json' });
      response.end('{"detail":"the token is not valid, or no longer"}');
    });
    await expect.poll(() => told.length).toBe(2);
    await new Promise(resolve => setTimeout(resolve, 50));
    expect([told[1], count]).toEqual([{ kind: 'refused', status: 401, detail: 'The token is not valid, or no longer.' }, 1]);
  });

  it('comes back when it is told to, and not after it was closed', async () => {
    let count = 0;
    const { told, following } = await followAt(
      (_, response) => {
        count += 1;
        response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '3600' });
        response.end('{"detail":"not ready yet"}');
      },
      { firstMs: 1 },
    );
    await expect.poll(() => told.length).toBe(2);
    expect(told[1]).toMatchObject({ kind: 'lost', detail: 'Not ready yet.' });
    following.wake();
    await expect.poll(() => told.length).toBe(3);
    following.close();
    following.wake();
    expect(count).toBe(2);
  });

  it('goes on when the page stumbles over an event', async () => {
    const { told, reported } = await followAt(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('event: line\ndata: 1\n\nevent: line\ndata: 2\n\n');
      },
      {
        onEvent: ({ data }) => {
          if (data === 1) throw new Error('no such row');
        },
      },
    );
    await expect.poll(() => told.length).toBe(4);
    expect(told[3]).toEqual({ event: 'line', data: 2 });
    expect(reported).toMatchObject([{ message: 'no such row' }]);
  });
});
