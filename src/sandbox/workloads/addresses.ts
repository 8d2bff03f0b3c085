import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where a pod really listens. */
export interface PodAddress {
  readonly host: string;
  readonly port: number;
}

function tryListen(server: Server, address: PodAddress): Promise<PodAddress | undefined> {
  return new Promise(resolve => {
    server.once('error', () => resolve(undefined));
    server.listen(address.port, address.host, () =>
      resolve({ host: address.host, port: (server.address() as AddressInfo).port }),
    );
  });
}

/** Makes a server listen at a fresh address; undefined when none is to be had. */
type Bind = (createServer: () => Server, port: number) => Promise<{ server: Server; address: PodAddress } | undefined>;

/**
 * Hands out addresses in a part of 127/8 that another sandbox on this machine most likely does not use.
 * Hosts without the whole of 127/8 (macOS) get a port of 127.0.0.1 instead.
 */
export function createAddresses(): Bind {
  const net = `127.${20 + Math.floor(Math.random() * 200)}.${Math.floor(Math.random() * 250)}`;
  let lastByte = 1;
  return async (createServer, port) => {
    lastByte = (lastByte % 250) + 1;
    for (const wish of [
      { host: `${net}.${lastByte}`, port },
      { host: '127.0.0.1', port: 0 },
    ]) {
      const server = createServer();
      const address = await tryListen(server, wish);
      if (address) return { server, address };
    }
    return undefined;
  };
}
