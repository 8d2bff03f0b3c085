import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf, plainAddress } from './clientAddress.ts';

const MOST = 1_000;
/** From here on connections without a request are closed, so that there is room for those that come with one. */
const CROWDED = MOST * 0.75;
const MOST_PER_NETWORK = 250;

/**
 * Keeps connections that nobody uses, and those of one caller, from filling a server. Whoever has 250 loses the one without
 * a request in hand that was used longest ago; where there is none, the new one is not let in. Proxies may hold more.
 */
export const limitConnections = (server: Server, isProxy: (address: string) => boolean): void => {
  server.maxConnections = MOST;
  const callers = createCallers();
  let open = 0;
  server.on('connection', (socket: Socket) => {
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
    if (!isProxy(plainAddress(socket.remoteAddress ?? ''))) callers.add(socket);
    if (open > CROWDED) server.closeIdleConnections();
  });
  server.on('request', ({ socket }, response) => {
    callers.began(socket);
    response.once('close', () => callers.ended(socket));
  });
};

/** The connections of each caller in the order of their last use, and how many requests each has in hand. */
const createCallers = () => {
  const requests = new WeakMap<Socket, number>();
  const networks = new Map<string, Set<Socket>>();
  const keyOf = ({ remoteAddress }: Socket): string => networkOf(plainAddress(remoteAddress ?? ''));
  const isUnused = (socket: Socket): boolean => (requests.get(socket) ?? 0) === 0;

  return {
    add: (socket: Socket): void => {
      const key = keyOf(socket);
      const sockets = networks.get(key) ?? new Set();
      const evicted = sockets.size < MOST_PER_NETWORK ? undefined : ([...sockets].find(isUnused) ?? socket);
      evicted?.destroy();
      if (evicted === socket) return;
      if (evicted !== undefined) sockets.delete(evicted);
      networks.set(key, sockets.add(socket));
      socket.once('close', () => {
        sockets.delete(socket);
        if (sockets.size === 0 && networks.get(key) === sockets) networks.delete(key);
      });
    },
    began: (socket: Socket): void => {
      requests.set(socket, (requests.get(socket) ?? 0) + 1);
      const sockets = networks.get(keyOf(socket));
      if (sockets?.delete(socket)) sockets.add(socket);
    },
    ended: (socket: Socket): void => void requests.set(socket, (requests.get(socket) ?? 1) - 1),
  };
};
