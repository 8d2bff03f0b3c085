import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf, plainAddress } from './clientAddress.ts';

const MOST = 1_000;
/** From here on connections without a request are closed, so that there is room for those that come with one. */
const CROWDED = MOST * 0.75;
const MOST_PER_NETWORK = 250;

/**
 * Keeps connections that nobody uses, and those of one caller, from filling a server. Whoever has 250 loses the one without
 * a request in hand that was used longest ago; where there is none, the new one is not let in. Proxies hold as many as they like.
 */
export const limitConnections = (server: Server, isProxy: (address: string) => boolean): void => {
  server.maxConnections = MOST;
  const requests = new WeakMap<Socket, number>();
  /** Sockets in the order of their last use. */
  const networks = new Map<string, Set<Socket>>();
  let open = 0;

  const addToNetwork = (socket: Socket, network: string): void => {
    const sockets = networks.get(network) ?? new Set<Socket>();
    if (sockets.size >= MOST_PER_NETWORK) {
      const unused = [...sockets].find(each => (requests.get(each) ?? 0) === 0);
      if (unused === undefined) return void socket.destroy();
      sockets.delete(unused);
      unused.destroy();
    }
    networks.set(network, sockets.add(socket));
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0 && networks.get(network) === sockets) networks.delete(network);
    });
  };

  server.on('connection', (socket: Socket) => {
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
    const address = plainAddress(socket.remoteAddress ?? '');
    if (!isProxy(address)) addToNetwork(socket, networkOf(address));
    if (open > CROWDED) server.closeIdleConnections();
  });
  server.on('request', ({ socket }, outgoing) => {
    requests.set(socket, (requests.get(socket) ?? 0) + 1);
    const sockets = networks.get(networkOf(plainAddress(socket.remoteAddress ?? '')));
    if (sockets?.delete(socket)) sockets.add(socket);
    outgoing.once('close', () => requests.set(socket, (requests.get(socket) ?? 1) - 1));
  });
};
