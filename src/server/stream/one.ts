import type { ServerResponse } from 'node:http';
import type { Key, Logger, StoredRollout } from '../../controller/ports.ts';
import type { TimelinePoint } from '../../controller/view-ports.ts';
import type { Newest } from '../newest.ts';
import type { Rights } from '../reading.ts';
import { eventText } from './outlet.ts';
import { createViewer, type Viewer } from './viewer.ts';

/** Rollouts that somebody looks at by themselves; the text of each is made once for all who do. */
export type LiveRollouts = {
  open(outgoing: ServerResponse, key: Key, may: Rights, onClose: () => void): RolloutViewer;
  changed(key: Key): void;
  point(key: Key, point: TimelinePoint): void;
};

export type RolloutViewer = Pick<Viewer<never>, 'end' | 'endStuck' | 'keepAlive'> & {
  /** What the viewer may do from now on. */
  allow(may: Rights): void;
};

export type LiveRolloutsDeps = {
  readonly newest: Pick<Newest, 'get'>;
  readonly bodyOf: (rollout: StoredRollout) => (may: Rights) => string;
  readonly logger: Logger;
};

/** Changes that come together are sent together. */
const GATHER_MS = 20;
/** Points that a slow viewer has yet to get; it asks for the timeline when it comes back. */
const MOST_POINTS = 100;
/** The right with which texts are compared. */
const NOTHING: Rights = { update: false, approve: false };

type Entry = { may: Rights; points: TimelinePoint[]; readonly viewer: Viewer<'rollout' | 'point'> };
type Watched = { readonly entries: Set<Entry>; body: ((may: Rights) => string) | undefined; timer?: NodeJS.Timeout | undefined };

export const createLiveRollouts = ({ newest, bodyOf, logger }: LiveRolloutsDeps): LiveRollouts => {
  const watched = new Map<Key, Watched>();

  const makeBody = (key: Key): Watched['body'] => {
    const rollout = newest.get(key);
    return rollout === undefined ? undefined : bodyOf(rollout);
  };

  const flush = (key: Key, one: Watched): void => {
    one.timer = undefined;
    let body: Watched['body'];
    try {
      body = makeBody(key);
    } catch (error) {
      // a status that somebody else has written; what was shown before stays
      logger.warn({ rollout: key, err: error }, 'a Rollout cannot be shown');
      return;
    }
    if (body?.(NOTHING) === one.body?.(NOTHING)) return;
    one.body = body;
    for (const { viewer } of one.entries) viewer.due('rollout');
  };

  const textOf = (key: Key, one: Watched, entry: Entry, name: 'rollout' | 'point'): string => {
    if (name === 'point')
      return entry.points
        .splice(0)
        .map(point => eventText('point', JSON.stringify(point)))
        .join('');
    if (one.body !== undefined) return eventText('rollout', one.body(entry.may));
    const [namespace, ofName] = key.split('/');
    return eventText('gone', JSON.stringify({ namespace, name: ofName }));
  };

  const leave = (key: Key, one: Watched, entry: Entry): void => {
    one.entries.delete(entry);
    if (one.entries.size > 0) return;
    clearTimeout(one.timer);
    if (watched.get(key) === one) watched.delete(key);
  };

  return {
    open: (outgoing, key, may, onClose) => {
      const one = watched.get(key) ?? { entries: new Set(), body: makeBody(key) };
      watched.set(key, one);
      const viewer = createViewer<'rollout' | 'point'>(outgoing, {
        textOf: name => textOf(key, one, entry, name),
        onClose: () => {
          leave(key, one, entry);
          onClose();
        },
      });
      const entry: Entry = { may, points: [], viewer };
      one.entries.add(entry);
      viewer.due('rollout');
      const { end, endStuck, keepAlive } = viewer;
      return {
        ...{ end, endStuck, keepAlive },
        allow: next => {
          if (next.update === entry.may.update && next.approve === entry.may.approve) return;
          entry.may = next;
          viewer.due('rollout');
        },
      };
    },
    changed: key => {
      const one = watched.get(key);
      if (one !== undefined) one.timer ??= setTimeout(flush, GATHER_MS, key, one);
    },
    point: (key, point) => {
      for (const entry of watched.get(key)?.entries ?? []) {
        entry.points = [...entry.points, point].slice(-MOST_POINTS);
        entry.viewer.due('point');
      }
    },
  };
};
