import { isoSeconds } from '../duration.ts';
import type { RolloutStatus } from '../status.ts';

type Pause = NonNullable<RolloutStatus['pause']>;

/** `paused by alice at 2026-11-21T14:03:10Z: lunch`. */
export const pauseSentence = ({ by, since, reason }: Pause): string =>
  `paused by ${by} at ${isoSeconds(Date.parse(since))}${reason === undefined ? '' : `: ${reason}`}`;

/** A person may be called like a gate; the history knows of a pause that a gate began. */
const isByGate = ({ since }: Pause, { history = [] }: RolloutStatus): boolean =>
  history.some(({ action, reason, at }) => action === 'paused' && reason === 'PausedByGate' && at === since);

/** The pause that a person has asked for; nothing but a person ends it. */
export const pauseOfPerson = (status: RolloutStatus): Pause | undefined =>
  status.pause !== undefined && isByGate(status.pause, status) ? undefined : status.pause;
