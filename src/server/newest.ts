import type { Clock, Key, Logger, RolloutStore, StoredRollout } from '../controller/ports.ts';
import type { TimelinePoint } from '../controller/view-ports.ts';
import type { RolloutStatus } from '../rollout/index.ts';
import { createTimeline, type Timeline } from './timeline.ts';

/** What this process knows of Rollouts, newer than what is stored where it decides itself. */
export type Newest = {
  /** As stored, with the numbers of the last decision: a measurement that changes no verdict is not written (R5). */
  get(key: Key): StoredRollout | undefined;
  keys(): readonly Key[];
  /** To be called with each decision of this process. */
  decided(rollout: StoredRollout, status: RolloutStatus): void;
  timeline: Pick<Timeline, 'of'>;
  /** Something may be different about this Rollout. */
  onChange(callback: (key: Key) => void): void;
  onPoint(callback: (key: Key, point: TimelinePoint) => void): void;
};

export const createNewest = ({
  store,
  clock,
  logger,
}: {
  readonly store: Pick<RolloutStore, 'keys' | 'get' | 'onChange'>;
  readonly clock: Clock;
  readonly logger: Logger;
}): Newest => {
  const timeline = createTimeline(clock);
  const decisions = new Map<Key, { readonly uid: string; readonly status: RolloutStatus }>();
  const onChange: ((key: Key) => void)[] = [];
  const onPoint: ((key: Key, point: TimelinePoint) => void)[] = [];

  const note = (key: Key, rollout: StoredRollout, status: RolloutStatus): void => {
    try {
      const point = timeline.add(rollout, status);
      if (point !== undefined) for (const callback of onPoint) callback(key, point);
    } catch (error) {
      // what is only shown must not hold back what protects
      logger.warn({ rollout: key, err: error }, 'a Rollout has no new point in its timeline');
    }
  };

  store.onChange(key => {
    const rollout = store.get(key);
    // what is stored may be of another process, and newer; a round of this one follows if it leads
    decisions.delete(key);
    if (rollout === undefined) {
      const [namespace = '', name = ''] = key.split('/');
      timeline.forget({ namespace, name });
    } else if (rollout.status !== undefined) note(key, rollout, rollout.status);
    for (const callback of onChange) callback(key);
  });

  return {
    keys: store.keys,
    get: key => {
      const rollout = store.get(key);
      const decision = decisions.get(key);
      if (rollout?.status === undefined || decision?.uid !== rollout.uid) return rollout;
      return isSameMoment(rollout.status, decision.status) ? withNumbers(rollout, rollout.status, decision.status) : rollout;
    },
    decided: (rollout, status) => {
      const key = `${rollout.namespace}/${rollout.name}`;
      // it was deleted while its round went on; nobody would tell that once more
      if (store.get(key)?.uid !== rollout.uid) return;
      // what stands still is known from the store
      if (status.step === undefined) decisions.delete(key);
      else decisions.set(key, { uid: rollout.uid, status });
      note(key, rollout, status);
      for (const callback of onChange) callback(key);
    },
    timeline,
    onChange: callback => void onChange.push(callback),
    onPoint: callback => void onPoint.push(callback),
  };
};

/** What was stored has more: the source, digests of records. */
const withNumbers = (rollout: StoredRollout, stored: RolloutStatus, decided: RolloutStatus): StoredRollout => {
  const { message, gates, weight, waitingFor } = decided;
  const status = {
    ...stored,
    message,
    ...(gates === undefined ? {} : { gates }),
    ...(weight === undefined ? {} : { weight }),
    ...(waitingFor === undefined ? {} : { waitingFor }),
  };
  return { ...rollout, status };
};

/** Nothing but numbers and words about them can be different then, so that what is shown is never ahead of what is stored. */
const isSameMoment = (stored: RolloutStatus, decided: RolloutStatus): boolean =>
  stored.phase === decided.phase &&
  stored.reason === decided.reason &&
  stored.since === decided.since &&
  stored.revision === decided.revision &&
  stored.step?.index === decided.step?.index &&
  stored.step?.askedAt === decided.step?.askedAt &&
  stored.waitingFor?.what === decided.waitingFor?.what &&
  stored.seq === decided.seq &&
  stored.lastRequest?.id === decided.lastRequest?.id &&
  (stored.approvals?.length ?? 0) === (decided.approvals?.length ?? 0) &&
  (stored.history?.length ?? 0) === (decided.history?.length ?? 0);
