import { type Logger, type Message, type Notifier, SystemError } from './ports.ts';

/** Told of each message once it is through with a receiver, and of each failed try. */
export type ReceiverObserver = (receiver: string, outcome: 'sent' | 'failed' | 'dropped') => void;

/** The queue of one receiver: in order, one at a time, each until it was taken. */
export type Receiver = {
  readonly name: string;
  /** Never waits, never throws. */
  add(message: Message): void;
  depth(): number;
  /** Forgets what waits and gives up what is being sent. */
  clear(): void;
  drain(timeoutMs: number): Promise<void>;
};

export type ReceiverOptions = {
  readonly notifier: Notifier;
  readonly logger: Logger;
  readonly onMessage?: ReceiverObserver | undefined;
};

/** More than this do not wait; the oldest goes for one more. */
const CAPACITY = 1_000;
/** Ids that are remembered, so that what was told is not told twice by one process. */
const REMEMBERED = 2_000;
/** A notifier has a time-out of its own; this one is for those that forget. */
const TRY_MS = 30_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 60_000;
const MAX_RETRY_AFTER_MS = 600_000;
/** A receiver that answers, but refuses, is asked so often in a row before the next message gets its turn. */
const MOST_REFUSALS = 5;

export const createReceiver = ({ notifier, logger, onMessage }: ReceiverOptions): Receiver => {
  const { name } = notifier;
  const waiting: Message[] = [];
  const known = new Set<string>();
  let turn = new AbortController();
  let sending: Promise<void> | undefined;
  let isClosed = false;
  let isInTrouble = false;

  const count = (outcome: Parameters<ReceiverObserver>[1]): void => onMessage?.(name, outcome);
  /** An outage is said once. */
  const tellTrouble = (reason: string): void => {
    if (!isInTrouble) logger.warn({ receiver: name, reason }, 'a receiver does not take messages');
    isInTrouble = true;
  };

  const add = (message: Message): void => {
    if (isClosed || known.has(message.id) || !notifier.wants(message.reason)) return;
    known.add(message.id);
    if (known.size > REMEMBERED) for (const oldest of [...known].slice(0, REMEMBERED / 2)) known.delete(oldest);
    waiting.push(message);
    if (waiting.length > CAPACITY) {
      waiting.shift();
      count('dropped');
      tellTrouble(`more than ${CAPACITY} messages wait, the oldest are dropped`);
    }
    sending ??= sendAll(turn.signal);
  };

  /** Ends when nothing waits, or with the signal. */
  const sendAll = async (signal: AbortSignal): Promise<void> => {
    // Whoever adds goes on first.
    await Promise.resolve();
    let failures = 0;
    for (let message = waiting[0]; message !== undefined && !signal.aborted; message = waiting[0]) {
      const failure = await attempt(notifier, message, signal);
      if (signal.aborted) return;
      if (failure === undefined) {
        remove(message);
        count('sent');
        failures = 0;
        isInTrouble = false;
        continue;
      }
      failures += 1;
      count('failed');
      tellTrouble(reasonOf(failure));
      if (isRefusal(failure) && failures >= MOST_REFUSALS) {
        remove(message);
        count('dropped');
        logger.warn({ receiver: name, message: message.id, reason: reasonOf(failure) }, 'a message was refused and is dropped');
        failures = 0;
        continue;
      }
      await pause(delayAfter(failure, failures), signal);
    }
    if (!signal.aborted) sending = undefined;
  };

  /** While it was being sent, it may have been dropped from the front. */
  const remove = (message: Message): void => {
    if (waiting[0] === message) waiting.shift();
  };

  const clear = (): void => {
    turn.abort();
    turn = new AbortController();
    sending = undefined;
    for (const { id } of waiting.splice(0)) known.delete(id);
  };

  return {
    name,
    add,
    depth: () => waiting.length,
    clear,
    drain: async timeoutMs => {
      isClosed = true;
      // Whoever did not take the last one will hardly take the rest in a moment.
      if (sending !== undefined && !isInTrouble) await endOf(sending, timeoutMs);
      clear();
    },
  };
};

/** `undefined`: taken. */
const attempt = async (notifier: Notifier, message: Message, signal: AbortSignal): Promise<unknown> => {
  const end = new AbortController();
  const stop = (): void => end.abort();
  signal.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(stop, TRY_MS);
  try {
    await Promise.race([notifier.send(message, end.signal), aborted(end.signal)]);
    return undefined;
  } catch (error) {
    return error ?? new Error('failed');
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
};

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`no answer within ${TRY_MS / 1000} s`)), { once: true });
  });

const isRefusal = (error: unknown): boolean => error instanceof SystemError && error.kind !== 'unavailable';

const delayAfter = (error: unknown, failures: number): number => {
  const backOffMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20));
  const askedMs = error instanceof SystemError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(backOffMs, Math.min(askedMs, MAX_RETRY_AFTER_MS));
};

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const pause = (delayMs: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal.addEventListener('abort', end, { once: true });
  });

/** Waits for the work, at most so long. */
const endOf = async (work: Promise<void>, timeoutMs: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
};
