import type { ServerResponse } from 'node:http';

/** The way to one viewer. What is sent while it is blocked waits in memory, so whoever sends asks first. */
export type Outlet = {
  readonly isBlocked: () => boolean;
  send(text: string | Buffer): void;
  /** Says that it is still there, if nothing was sent for so long. */
  keepAlive(idleMs: number): void;
  /** Ends what has taken nothing for so long. */
  endStuck(stuckMs: number): void;
  end(): void;
};

const HEAD = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // proxies that collect answers would hold events back
  'x-accel-buffering': 'no',
};

/** Server-sent events over an answer that nobody has begun, and whose connection stands. `onReady`: it takes more again; `onClose`: nobody is there any more. */
export const createOutlet = (
  outgoing: ServerResponse,
  { onReady, onClose }: { readonly onReady: () => void; readonly onClose: () => void },
): Outlet => {
  let [sentMs, blockedMs] = [performance.now(), 0];
  let isBlocked = false;
  const send = (text: string | Buffer): void => {
    if (outgoing.destroyed || outgoing.writableEnded) return;
    sentMs = performance.now();
    if (outgoing.write(text) || isBlocked) return;
    isBlocked = true;
    blockedMs = sentMs;
  };
  outgoing.on('drain', () => {
    isBlocked = false;
    onReady();
  });
  // an answer that waits behind another one on its connection is not told that it has no connection any more
  const { socket } = outgoing.req;
  const close = (): void => {
    socket.off('close', close);
    outgoing.off('close', close);
    onClose();
  };
  socket.once('close', close);
  outgoing.once('close', close);
  outgoing.on('error', () => outgoing.destroy());
  outgoing.socket?.setNoDelay(true);
  outgoing.writeHead(200, HEAD);
  outgoing.flushHeaders();
  return {
    isBlocked: () => isBlocked,
    send,
    keepAlive: idleMs => {
      if (!isBlocked && performance.now() - sentMs >= idleMs) send(':\n\n');
    },
    endStuck: stuckMs => {
      if (isBlocked && performance.now() - blockedMs >= stuckMs) socket.destroy();
    },
    end: () => {
      outgoing.end();
      if (isBlocked) socket.destroy();
    },
  };
};

/** One event; the data are JSON, which has no line ends. */
export const eventText = (name: string, json: string): string => `event: ${name}\ndata: ${json}\n\n`;
