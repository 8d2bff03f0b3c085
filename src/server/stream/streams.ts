import type { ServerResponse } from 'node:http';
import type { Access, KubeUser } from '../../controller/channel-ports.ts';
import type { Key, Logger } from '../../controller/ports.ts';
import { asked } from '../authenticated.ts';
import type { Newest } from '../newest.ts';
import { keyOf, type Place } from '../place.ts';
import { Problem } from '../problem.ts';
import { namespacesOf, type Reader, type Reading } from '../reading.ts';
import { createLiveList, type ListViewer } from './list.ts';
import { createLiveRollouts, type LiveRolloutsDeps, type RolloutViewer } from './one.ts';

/** Everybody who looks at Rollouts live. */
export type Streams = {
  /** Begins the answer. Throws Problem 403, 404 and 503. */
  list(outgoing: ServerResponse, caller: Caller): Promise<void>;
  one(outgoing: ServerResponse, caller: Caller, rollout: Place): Promise<void>;
  /** Ends all of them. */
  close(): void;
};

/** `token`: absent where nobody has to say who they are. */
export type Caller = { readonly reader: Reader; readonly token: string | undefined; readonly address: string };

export type StreamLimits = {
  /** Default 200. */
  readonly mostViewers?: number;
  /** Of these, those of one user, or of one address where nobody has to say who they are; default 60. */
  readonly mostOfUser?: number;
  /** How often is looked whether something of the following is due; default 5 s. */
  readonly lookMs?: number;
  /** A comment is sent after this long without an event; default 15 s. */
  readonly idleMs?: number;
  /** Token and rights are looked at again after this long; default 45 s. */
  readonly checkMs?: number;
  /** A stream whose rights nobody could confirm for so long ends, and one that takes nothing; default 60 s. */
  readonly longestMs?: number;
};

export type StreamsDeps = {
  readonly newest: Newest;
  readonly reading: Reading;
  readonly access: Pick<Access, 'userOf'>;
  readonly bodyOf: LiveRolloutsDeps['bodyOf'];
  readonly logger: Logger;
  readonly limits?: StreamLimits;
};

type Living = {
  readonly viewer: Pick<ListViewer, 'end' | 'endStuck' | 'keepAlive'>;
  /** Of the user, or the address where nobody has to say who they are. */
  readonly name: string;
  readonly token: string | undefined;
  /** Gives the viewer the rights that they have now; false: none. */
  readonly check: (reader: Reader) => Promise<boolean>;
  checkedMs: number;
  isChecking: boolean;
};

export const createStreams = ({ newest, reading, access, bodyOf, logger, limits = {} }: StreamsDeps): Streams => {
  const { mostViewers = 200, mostOfUser = 60, lookMs = 5_000, idleMs = 15_000, checkMs = 45_000, longestMs = 60_000 } = limits;
  const living = new Set<Living>();
  const list = createLiveList(newest);
  const rollouts = createLiveRollouts({ newest, bodyOf, logger });
  let namespaces = namespacesOf(newest.keys());
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const userOf = (token: string): Promise<KubeUser | undefined> => asked(logger, signal => access.userOf(token, signal));

  const checkAgain = async (one: Living): Promise<void> => {
    if (one.token === undefined || one.isChecking) return;
    one.isChecking = true;
    const startedMs = performance.now();
    try {
      const user = await userOf(one.token);
      if (user !== undefined && (await one.check(user))) one.checkedMs = startedMs;
      else one.viewer.end();
    } catch (error) {
      // the API server does not say; what it said last holds for a while
      if (!(error instanceof Problem)) throw error;
    } finally {
      one.isChecking = false;
    }
  };

  const check = (one: Living): void => {
    checkAgain(one).catch((error: unknown) => {
      logger.error({ err: error }, 'the rights of somebody who looks on could not be checked');
      one.viewer.end();
    });
  };

  const look = (): void => {
    const nowMs = performance.now();
    for (const one of living) {
      const sinceMs = one.token === undefined ? 0 : nowMs - one.checkedMs;
      one.viewer.keepAlive(idleMs);
      one.viewer.endStuck(longestMs);
      if (sinceMs >= longestMs) one.viewer.end();
      else if (sinceMs >= checkMs) check(one);
    }
  };

  const refuseMore = (caller: Caller): void => {
    if (isClosed) throw new Problem(503, 'this process ends; try again');
    if (living.size >= mostViewers) throw new Problem(503, `${mostViewers} look on already; try again`);
    const who = nameOf(caller);
    const own = [...living].filter(({ name }) => name === who);
    if (own.length >= mostOfUser) throw new Problem(429, `${who} looks on ${mostOfUser} times already`);
  };

  const begin = <V extends Living['viewer']>(
    open: (onClose: () => void) => V,
    caller: Caller,
    checkOf: (viewer: V) => Living['check'],
  ): void => {
    const viewer = open(() => {
      living.delete(one);
      if (living.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    });
    const who = { name: nameOf(caller), token: caller.token, check: checkOf(viewer) };
    const one: Living = { viewer, ...who, checkedMs: performance.now(), isChecking: false };
    living.add(one);
    timer ??= setInterval(look, lookMs);
  };

  newest.onChange(key => {
    list.changed(key);
    rollouts.changed(key);
    if (living.size > 0) noteNamespace(key);
  });
  newest.onPoint(rollouts.point);

  /** Whoever may not read everything may be allowed to read a namespace that is new. */
  const noteNamespace = (key: Key): void => {
    if (namespaces.has(key.slice(0, key.indexOf('/')))) return;
    namespaces = namespacesOf(newest.keys());
    for (const one of living) check(one);
  };

  return {
    list: async (outgoing, caller) => {
      const { reader } = caller;
      refuseMore(caller);
      namespaces = namespacesOf(newest.keys());
      const scope = await reading.scopeOf(reader, namespaces);
      refuseMore(caller);
      if (isGone(outgoing)) return;
      begin<ListViewer>(
        onClose => list.open(outgoing, scope, onClose),
        caller,
        viewer => async user => {
          viewer.allow(await reading.scopeOf(user, namespaces));
          return true;
        },
      );
    },
    one: async (outgoing, caller, rollout) => {
      const { reader } = caller;
      refuseMore(caller);
      const { namespace, name } = await reading.found(reader, rollout);
      const may = await reading.rightsOf(reader, { namespace, name });
      refuseMore(caller);
      if (isGone(outgoing)) return;
      begin<RolloutViewer>(
        onClose => rollouts.open(outgoing, keyOf({ namespace, name }), may, onClose),
        caller,
        viewer => async user => {
          if (!(await reading.mayGet(user, { namespace, name }))) return false;
          viewer.allow(await reading.rightsOf(user, { namespace, name }));
          return true;
        },
      );
    },
    close: () => {
      isClosed = true;
      for (const { viewer } of living) viewer.end();
    },
  };
};

const nameOf = ({ reader, address }: Caller): string => reader?.name ?? address;

/** Whoever has left while they were asked about will not be told to have left again. */
const isGone = ({ req, destroyed }: ServerResponse): boolean => destroyed || req.socket.destroyed;
