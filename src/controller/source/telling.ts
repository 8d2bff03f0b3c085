import type { EventSink, Key, RolloutStore } from '../ports.ts';
import type { SourceProblem } from './desired.ts';

type TellingDependencies = { readonly store: Pick<RolloutStore, 'get'>; readonly events: EventSink };

/**
 * Makes an event on each Rollout in the cluster that a problem concerns, once for each commit and file. What is only being
 * tried again is no news for the Rollout.
 */
export function createTelling({ store, events }: TellingDependencies) {
  return (
    { kind, file, line, message }: SourceProblem,
    concerned: readonly Key[],
    { name: source, lastOid = '' }: { readonly name: string; readonly lastOid?: string },
  ): void => {
    if (kind === 'notWritten') return;
    const place = line === undefined ? file : `${file}:${line}`;
    for (const key of concerned) {
      const rollout = store.get(key);
      if (rollout === undefined) continue;
      events.emit(rollout, {
        name: `${rollout.name}.${rollout.uid.slice(0, 8)}.${lastOid.slice(0, 12)}.${file}`,
        type: 'Warning',
        reason: 'SourceProblem',
        message: `source ${source}: ${place}: ${message}`,
      });
    }
  };
}
