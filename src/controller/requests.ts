import {
  isAnswered,
  isoSeconds,
  LONGEST_REASON,
  oneLine,
  type PersonRequest,
  parseRequest,
  refusalOf,
} from '../rollout/index.ts';
import { type Clock, type Key, type RolloutStore, type StoredRollout, SystemError } from './ports.ts';
import type { RequestWriter, Wish, WishOutcome } from './view-ports.ts';

/** Takes wishes of people to the Rollouts that they are about, and tells what became of each (R22). */
export type RequestDesk = {
  /** Ends when a status that knows the request is stored, or with why there is none. Never throws. */
  ask(wish: Wish): Promise<WishOutcome>;
  /** Tells whoever still waits, after at most so long, that nobody knows. */
  drain(timeoutMs: number): Promise<void>;
};

export type RequestDeskOptions = {
  readonly store: Pick<RolloutStore, 'get' | 'onChange'>;
  readonly writer: RequestWriter;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Until a status has to know the request; default 10 s. */
  readonly timeoutMs?: number;
  /** How long a request of somebody else is waited for; default 3 s. */
  readonly occupiedMs?: number;
};

const REASON_UNSEEN = 'Sluice has not looked at this Rollout yet';

export const createRequestDesk = (options: RequestDeskOptions): RequestDesk => {
  const { store, writer, clock, newId, timeoutMs = 10_000, occupiedMs = 3_000 } = options;
  const changes = createChanges(store);
  const pending = new Set<Promise<WishOutcome>>();

  /** Written once no other request stands there. */
  const write = async (wish: Wish, found: StoredRollout, untilMs: number): Promise<Written | WishOutcome> => {
    const request = requestOf(wish, newId(), clock.now());
    const freeMs = Math.min(untilMs, performance.now() + occupiedMs);
    for (let rollout = found; ; ) {
      const refusal = refusalNow(request, rollout, clock.now()) ?? anotherStep(wish, rollout);
      if (refusal !== undefined) return { kind: 'refused', reason: refusal };
      const standing = standingRequest(rollout, clock.now());
      const changed = changes.next(wish.key);
      if (standing === undefined) {
        try {
          await writer.put(rollout, textOf(request));
          return { kind: 'written', id: request.id, uid: rollout.uid };
        } catch (error) {
          if (!(error instanceof SystemError)) throw error;
          if (error.kind === 'notFound') return { kind: 'unknown' };
          if (error.kind !== 'conflict') return { kind: 'notStored', reason: error.message };
        }
      }
      // our own answer to a conflict is the newer object, which the watch brings
      const isOver = !(await changed.within((standing === undefined ? untilMs : freeMs) - performance.now()));
      if (isOver && standing !== undefined) return { kind: 'refused', reason: `${standing} has not been acted on yet` };
      if (isOver) return { kind: 'notStored', reason: 'the Rollout was changed by others meanwhile' };
      const next = store.get(wish.key);
      if (next?.uid !== rollout.uid) return { kind: 'unknown' };
      rollout = next;
    }
  };

  /** What the status says about a request that was written. */
  const answered = async ({ id, uid }: Written, key: Key, untilMs: number): Promise<WishOutcome> => {
    for (;;) {
      const changed = changes.next(key);
      const rollout = store.get(key);
      if (rollout?.uid !== uid) return { kind: 'unknown' };
      const outcome = outcomeIn(rollout, id);
      if (outcome !== undefined) return toOutcome(outcome);
      if (await changed.within(untilMs - performance.now())) continue;
      return {
        kind: 'notStored',
        reason: changes.isClosed()
          ? 'this process ends; the request stands in the Rollout'
          : `nobody has acted on it within ${timeoutMs / 1000} s; the request stands in the Rollout`,
      };
    }
  };

  const ask = async (wish: Wish): Promise<WishOutcome> => {
    const rollout = store.get(wish.key);
    if (rollout === undefined) return { kind: 'unknown' };
    const untilMs = performance.now() + timeoutMs;
    const written = await write(wish, rollout, untilMs);
    return written.kind === 'written' ? await answered(written, wish.key, untilMs) : written;
  };

  return {
    ask: async wish => {
      const asking = ask(wish);
      pending.add(asking);
      try {
        return await asking;
      } finally {
        pending.delete(asking);
      }
    },
    drain: async limitMs => {
      const timer = setTimeout(changes.close, limitMs);
      await Promise.allSettled(pending);
      clearTimeout(timer);
      changes.close();
    },
  };
};

type Written = { readonly kind: 'written'; readonly id: string; readonly uid: string };

/** Waits for the next change of a Rollout. */
const createChanges = (store: Pick<RolloutStore, 'onChange'>) => {
  const waiting = new Map<Key, Set<(isChanged: boolean) => void>>();
  let isClosed = false;
  const tell = (key: Key, isChanged: boolean): void => {
    const told = waiting.get(key) ?? [];
    waiting.delete(key);
    for (const end of told) end(isChanged);
  };
  store.onChange(key => tell(key, true));
  return {
    /** From this moment on; `within` answers false when there was none in this time. */
    next: (key: Key) => {
      const ends = waiting.get(key) ?? new Set();
      waiting.set(key, ends);
      let end: (isChanged: boolean) => void = () => {};
      const changed = new Promise<boolean>(resolve => {
        end = resolve;
      });
      ends.add(end);
      if (isClosed) end(false);
      return {
        within: async (limitMs: number): Promise<boolean> => {
          const timer = setTimeout(end, Math.max(0, limitMs), false);
          try {
            return await changed;
          } finally {
            clearTimeout(timer);
            ends.delete(end);
            if (ends.size === 0 && waiting.get(key) === ends) waiting.delete(key);
          }
        },
      };
    },
    isClosed: () => isClosed,
    close: (): void => {
      isClosed = true;
      for (const key of [...waiting.keys()]) tell(key, false);
    },
  };
};

const requestOf = ({ verb, revision, step, reason, force, by }: Wish, id: string, nowMs: number): PersonRequest => ({
  id,
  raw: '',
  verb,
  ...(revision === undefined ? {} : { revision }),
  ...(step === undefined ? {} : { step }),
  ...(reason === undefined ? {} : { reason: oneLine(reason, LONGEST_REASON) }),
  by,
  at: isoSeconds(nowMs),
  force: force === true,
});

const textOf = ({ raw: _, force, ...request }: PersonRequest): string =>
  JSON.stringify({ ...request, ...(force ? { force } : {}) });

const refusalNow = (request: PersonRequest, { status }: StoredRollout, nowMs: number): string | undefined =>
  status === undefined ? REASON_UNSEEN : refusalOf(request, status, nowMs);

const anotherStep = ({ startedAt }: Wish, { status }: StoredRollout): string | undefined => {
  const step = status?.step;
  if (startedAt === undefined || Date.parse(startedAt) === Date.parse(step?.startedAt ?? '')) return undefined;
  const began = step?.startedAt === undefined ? 'has not begun yet' : `began at ${step.startedAt}`;
  return `is about a step that began at ${startedAt}, and step ${step?.index ?? 0} ${began}`;
};

/** Whose request stands there unanswered, as the beginning of a sentence. */
const standingRequest = ({ request: raw, status }: StoredRollout, nowMs: number): string | undefined => {
  if (raw === undefined) return undefined;
  const parsed = parseRequest(raw);
  if (isAnswered(parsed, status, nowMs)) return undefined;
  if ('refusal' in parsed) return `a request that ${parsed.refusal}`;
  const { verb, by = 'somebody', at } = parsed;
  return `the request ${verb} of ${by}${at === undefined ? '' : `, made at ${at},`}`;
};

/** A request that came right afterwards may be the last one already; of ours it is only known then that it was answered. */
const outcomeIn = ({ status }: StoredRollout, id: string): string | undefined => {
  if (status?.lastRequest?.id === id) return status.lastRequest.outcome;
  return status?.answered?.ids?.includes(id) ? 'answered; another request came right after it' : undefined;
};

const REFUSED = /^refused: /;

const toOutcome = (outcome: string): WishOutcome =>
  REFUSED.test(outcome) ? { kind: 'refused', reason: outcome.replace(REFUSED, '') } : { kind: 'done', outcome };
