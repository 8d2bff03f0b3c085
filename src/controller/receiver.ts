import type { Message, Notifier } from './channel-ports.ts';
import { createLanes, type Lane } from './lanes.ts';
import { type Logger, SystemError } from './ports.ts';

/** Told of each message once it is through with a receiver, and of each failed try. */
export type ReceiverObserver = (receiver: string, outcome: 'sent' | 'failed' | 'dropped') => void;

/** A message that waits to be made: that is work, and whoever adds it has none to do. */
export type Draft = {
  readonly id: string;
  readonly reason: string;
  /** Those of one lane come one after the other. */
  readonly lane: string;
  /** The same each time; throws when it cannot be made. */
  readonly message: () => Message;
  /** Present where people are asked something: whether they still are. Then it is told again when it was dropped. */
  readonly isAsked?: () => boolean;
};

/** The queue of one receiver: in order for each lane, several lanes side by side, each message until it was taken. */
export type Receiver = {
  readonly name: string;
  /** Never waits, never throws. */
  add(draft: Draft): void;
  depth(): number;
  /** Forgets what waits and gives up what is being sent. */
  clear(): void;
  /** Gives what still waits, lets the notifier store what it has to, and takes no more; within this time. */
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
/** So many lanes are served side by side. */
const AT_WORK = 4;
/** A notifier has a time-out of its own; this one is for those that forget. */
const TRY_MS = 30_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 60_000;
const MAX_RETRY_AFTER_MS = 600_000;
/** A message that is refused by a receiver that answers is tried so often before the next one of its lane gets its turn. */
const MOST_REFUSALS = 5;
/** A question that did not get through is told again after this: somebody may have let the receiver take it by then. */
const ASKED_AGAIN_MS = 300_000;
/** This part of the time to drain is the notifier's own, to store what it knows. */
const CLOSING_SHARE = 1 / 3;

/**
 * While the receiver is unavailable, all lanes wait and one message at a time finds out whether it is back, of another lane
 * each time: a message on which the receiver fails holds up no other lane for long. A refusal holds its own lane only.
 */
export const createReceiver = ({ notifier, logger, onMessage }: ReceiverOptions): Receiver => {
  const { name } = notifier;
  const known = new Set<string>();
  const lanes = createLanes<Draft>();
  let turn = new AbortController();
  let isClosed = false;
  let isInTrouble = false;
  /** Failed tries since the receiver last answered. */
  let failures = 0;
  /** Nothing is sent while one of them lasts. */
  let holds = 0;
  const timers = new Set<NodeJS.Timeout>();
  const waiters: (() => void)[] = [];

  const count = (outcome: Parameters<ReceiverObserver>[1]): void => onMessage?.(name, outcome);
  /** An outage is said once. */
  const tellTrouble = (reason: string): void => {
    if (!isInTrouble) logger.warn({ receiver: name, reason }, 'a receiver does not take messages');
    isInTrouble = true;
  };

  const add = (draft: Draft): void => {
    if (isClosed || known.has(draft.id) || !notifier.wants(draft.reason)) return;
    known.add(draft.id);
    if (known.size > REMEMBERED) for (const oldest of [...known].slice(0, REMEMBERED / 2)) known.delete(oldest);
    lanes.add(draft.lane, draft);
    const oldest = lanes.size() > CAPACITY ? lanes.dropOldest() : undefined;
    if (oldest !== undefined) {
      dropped(oldest);
      tellTrouble(`more than ${CAPACITY} messages wait, the oldest are dropped`);
    }
    wake();
  };

  /** Whoever missed a question is asked again, as long as it is open. */
  const dropped = (draft: Draft): void => {
    count('dropped');
    if (draft.isAsked?.() !== true) return;
    known.delete(draft.id);
    later(ASKED_AGAIN_MS, () => {
      if (draft.isAsked?.() === true) add(draft);
    });
  };

  /** Whoever adds goes on first. */
  const wake = (): void => {
    const { signal } = turn;
    void Promise.resolve().then(() => signal.aborted || pump());
  };

  const pump = (): void => {
    while (holds === 0 && lanes.atWork() < (failures > 0 ? 1 : AT_WORK)) {
      const lane = lanes.next();
      if (lane === undefined) break;
      void serve(lane, turn.signal);
    }
    if (lanes.size() > 0 && failures === 0) return;
    for (const done of waiters.splice(0)) done();
  };

  const serve = async (lane: Lane<Draft>, signal: AbortSignal): Promise<void> => {
    const draft = lane.head();
    const failure = await attempt(notifier, draft, signal);
    if (signal.aborted) return;
    if (failure === undefined) taken(lane);
    else {
      count('failed');
      tellTrouble(reasonOf(failure));
      if (isRefusal(failure)) refused(lane, failure);
      else unavailable(lane, failure);
    }
    pump();
  };

  const taken = (lane: Lane<Draft>): void => {
    count('sent');
    if (holds === 0) failures = 0;
    isInTrouble = false;
    lane.done();
  };

  const refused = (lane: Lane<Draft>, failure: unknown): void => {
    if (holds === 0) failures = 0;
    const refusals = lane.failed();
    if (refusals < MOST_REFUSALS) {
      later(delayAfter(failure, refusals), lane.again);
      return;
    }
    dropped(lane.head());
    logger.warn({ receiver: name, message: lane.head().id, reason: reasonOf(failure) }, 'a message was refused and is dropped');
    lane.done();
  };

  /** Of several that fail at once the first one counts; another one can only ask for more time. */
  const unavailable = (lane: Lane<Draft>, failure: unknown): void => {
    lane.again();
    if (holds === 0) failures += 1;
    holds += 1;
    later(delayAfter(failure, failures), () => {
      holds -= 1;
    });
  };

  const later = (delayMs: number, act: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
      pump();
    }, delayMs);
    timers.add(timer);
  };

  const clear = (): void => {
    turn.abort();
    turn = new AbortController();
    failures = 0;
    holds = 0;
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
    for (const { id } of lanes.clear()) known.delete(id);
    for (const done of waiters.splice(0)) done();
  };

  /** Whoever did not take the last one will hardly take the rest in a moment. */
  const allSent = (): Promise<void> =>
    lanes.size() === 0 || failures > 0 ? Promise.resolve() : new Promise(resolve => void waiters.push(resolve));

  const close = async (signal: AbortSignal): Promise<void> => {
    try {
      await Promise.race([notifier.close?.(signal), aborted(signal, 'not in time')]);
    } catch (error) {
      logger.warn({ receiver: name, reason: reasonOf(error) }, 'a receiver could not be closed');
    }
  };

  return {
    name,
    add,
    depth: lanes.size,
    clear,
    drain: async timeoutMs => {
      isClosed = true;
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), timeoutMs);
      await within(notifier.close === undefined ? timeoutMs : timeoutMs * (1 - CLOSING_SHARE), allSent());
      clear();
      if (notifier.close !== undefined) await close(late.signal);
      clearTimeout(timer);
    },
  };
};

/** `undefined`: taken. */
const attempt = async (notifier: Notifier, draft: Draft, signal: AbortSignal): Promise<unknown> => {
  const end = new AbortController();
  const stop = (): void => end.abort();
  signal.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(stop, TRY_MS);
  try {
    await Promise.race([notifier.send(made(draft), end.signal), aborted(end.signal, `no answer within ${TRY_MS / 1000} s`)]);
    return undefined;
  } catch (error) {
    return error ?? new Error('failed');
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
};

/** What cannot be made now will hardly be made later: it holds its lane for a while, and not the receiver. */
const made = ({ message }: Draft): Message => {
  try {
    return message();
  } catch (error) {
    throw new SystemError('outbox', 'making the message', 'badAnswer', reasonOf(error), { cause: error });
  }
};

const aborted = (signal: AbortSignal, reason: string): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(reason)), { once: true });
  });

const isRefusal = (error: unknown): boolean => error instanceof SystemError && error.kind !== 'unavailable';

const delayAfter = (error: unknown, failures: number): number => {
  const backOffMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20));
  const askedMs = error instanceof SystemError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(backOffMs, Math.min(askedMs, MAX_RETRY_AFTER_MS));
};

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Waits for the work, at most so long. */
const within = async (timeoutMs: number, work: Promise<void>): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
};
