import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { type OutageMode, SLOW_MS, type Switchable } from './outage.ts';

/** An HTTP server on loopback that can be made to fail. */
export interface Endpoint extends Switchable {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';

function listen(server: TcpServer, port: number, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'the port is in use; choose another --port-base' : error.message;
      reject(new Error(`starting ${name} on ${LOOPBACK}:${port}: ${reason}`));
    });
    server.listen(port, LOOPBACK, () => resolve((server.address() as AddressInfo).port));
  });
}

const PATIENT = { keepAliveTimeout: 60_000, requestTimeout: 0, headersTimeout: 0 };
const TLS_HANDSHAKE = 0x16;

/** Between these, connections stay open. */
const isAnswering = (mode: OutageMode): boolean => mode === 'ok' || mode === 'slow';

/** A key and certificate, PEM. */
export interface TlsIdentity {
  readonly key: string;
  readonly cert: string;
}

/** A TCP server whose connections go to a TLS or a plain HTTP server, by their first byte. */
function createEitherServer(listener: RequestListener, tls: TlsIdentity): TcpServer {
  const plain = createServer(PATIENT, listener);
  const secure = createTlsServer({ ...PATIENT, ...tls }, listener);
  return createTcpServer(socket => {
    socket.on('error', () => socket.destroy());
    socket.once('data', chunk => {
      socket.pause();
      socket.unshift(chunk);
      (chunk[0] === TLS_HANDSHAKE ? secure : plain).emit('connection', socket);
      process.nextTick(() => socket.resume());
    });
  });
}

/** Starts a server on 127.0.0.1; port 0 takes a free one. With `tls` it speaks both HTTPS and HTTP. Rejects with the port's name when it is taken. */
export async function startEndpoint(name: string, port: number, listener: RequestListener, tls?: TlsIdentity): Promise<Endpoint> {
  let mode: OutageMode = 'ok';
  const sockets = new Set<Socket>();
  const answer: RequestListener = (request, response) => {
    if (mode === 'hang') return;
    if (mode === 'slow') return void setTimeout(listener, SLOW_MS, request, response).unref();
    if (mode === 'error500') return void response.writeHead(500, { 'content-type': 'text/plain' }).end('injected failure\n');
    if (mode === 'nonsense')
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>It works!</body></html>\n');
    listener(request, response);
  };
  const open = () => {
    const server = tls ? createEitherServer(answer, tls) : createServer(PATIENT, answer);
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    return server;
  };
  let server = open();
  const bound = await listen(server, port, name);
  const shut = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return {
    url: `http://${LOOPBACK}:${bound}`,
    port: bound,
    mode: () => mode,
    setMode: async next => {
      const before = mode;
      if (next === before) return;
      mode = next;
      if (next === 'refuse') await shut();
      else if (before === 'refuse') {
        server = open();
        await listen(server, bound, name);
      } else if (next !== 'hang' && !(isAnswering(before) && isAnswering(next))) for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      if (mode !== 'refuse') await shut();
    },
  };
}
