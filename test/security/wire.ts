import { connect } from 'node:net';

/** A request byte by byte, so that it can be wrong in every way. */
export type Wire = {
  readonly method?: string;
  readonly path: string;
  /** In this order; a name may stand there twice. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Buffer;
};

/** `code` 0: the connection was closed without an answer. */
export type WireAnswer = { readonly code: number; readonly head: string; readonly body: string };

const PATIENCE_MS = 30_000;

/** The bytes of a request; Host, Content-Length and Connection are added where they are missing. */
export const bytesOf = ({ method = 'POST', path, headers, body = '' }: Wire): Buffer => {
  const content = Buffer.from(body);
  const isGiven = (name: string) => headers.some(([given]) => given.toLowerCase() === name);
  const all = [
    ...(isGiven('host') ? [] : [['Host', 'sluice.example.com'] as const]),
    ...headers,
    ...(isGiven('content-length') || isGiven('transfer-encoding') ? [] : [['Content-Length', String(content.length)] as const]),
    ...(isGiven('connection') ? [] : [['Connection', 'close'] as const]),
  ];
  const head = `${method} ${path} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), content]);
};

/** Sends parts of a request, `everyMs` apart, until there is an answer, and reads up to the end of the connection. */
export const sendBytes = (address: string, parts: Iterable<string | Buffer>, everyMs = 0): Promise<WireAnswer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(`http://${address}`);
    const socket = connect(Number(port), hostname);
    const received: Buffer[] = [];
    const rest = parts[Symbol.iterator]();
    let next: NodeJS.Timeout | undefined;
    const write = (): void => {
      const { done, value } = rest.next();
      if (done || socket.destroyed) return;
      const isTaken = socket.write(value);
      if (isTaken) next = setTimeout(write, everyMs);
      else socket.once('drain', () => (next = setTimeout(write, everyMs)));
    };
    const patience = setTimeout(() => socket.destroy(new Error(`${address} did not close the connection`)), PATIENCE_MS);
    let failure: NodeJS.ErrnoException | undefined;
    socket.on('connect', write);
    socket.on('data', data => {
      clearTimeout(next);
      received.push(data);
    });
    socket.on('error', error => {
      failure = error;
    });
    socket.on('close', () => {
      clearTimeout(next);
      clearTimeout(patience);
      // a server may close while the request is still being written
      if (failure !== undefined && !/^(ECONNRESET|EPIPE)$/.test(failure.code ?? '')) reject(failure);
      else resolve(answerOf(Buffer.concat(received).toString()));
    });
  });

export const sendWire = (address: string, wire: Wire): Promise<WireAnswer> => sendBytes(address, [bytesOf(wire)]);

const answerOf = (text: string): WireAnswer => {
  const end = text.indexOf('\r\n\r\n');
  const head = end < 0 ? text : text.slice(0, end);
  return { code: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: end < 0 ? '' : text.slice(end + 4) };
};
