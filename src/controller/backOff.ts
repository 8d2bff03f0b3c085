import type { Action, RolloutStatus } from '../rollout/index.ts';
import type { Memory } from './memory.ts';

/** What is written before the status. */
export type WriteAction = Extract<
  Action,
  {
    kind: 'ensureSubset' | 'setTraffic' | 'removeDestination' | 'removeSubset' | 'scaleToZero' | 'setFinalizer' | 'removeRequest';
  }
>;

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 30_000;

/** The writes of one round, and the objects as they were found: other writes, or a changed object, are tried at once. */
const nameOf = (writes: readonly WriteAction[]): string => writes.map(nameOfOne).join();

const nameOfOne = (write: WriteAction): string => {
  switch (write.kind) {
    case 'ensureSubset':
      return `subset ${write.version}`;
    case 'setTraffic':
      return `${write.object}@${write.resourceVersion} ${write.weight} ${write.position.state}`;
    case 'removeDestination':
      return `${write.object}@${write.resourceVersion} without ${write.version}`;
    case 'removeSubset':
      return `no subset ${write.version}`;
    case 'scaleToZero':
      return `no pods of ${write.version}`;
    case 'setFinalizer':
      return `finalizer ${write.isWanted}`;
    case 'removeRequest':
      return `request ${write.request}`;
  }
};

const placeOf = ({ phase, revision, step }: RolloutStatus): string => `${phase}/${revision}/${step?.index}/${step?.startedAt}`;

/** Must these writes wait, because they failed a moment ago? What woke the controller never makes them come sooner (R2). */
export const mustWait = ({ backOff }: Memory, writes: readonly WriteAction[], nowMs: number): boolean =>
  writes.length > 0 && backOff?.what === nameOf(writes) && nowMs < backOff.retryAtMs;

/**
 * Notes a failure. The first retry comes after 100 ms, then each after twice the time, at most 30 s, counted from the
 * beginning of the try: one that had to wait for an answer in vain has waited already.
 */
export const noteFailure = (
  memory: Memory,
  failed: { readonly writes: readonly WriteAction[]; readonly status: RolloutStatus },
  [startedMs, endedMs]: readonly [startedMs: number, endedMs: number],
): { readonly retryAtMs: number } => {
  const what = nameOf(failed.writes);
  const failures = memory.backOff?.what === what ? memory.backOff.failures + 1 : 1;
  const delayMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20));
  const retryAtMs = Math.max(startedMs + delayMs, endedMs + FIRST_RETRY_MS);
  memory.backOff = { what, place: placeOf(failed.status), failures, retryAtMs };
  return { retryAtMs };
};

/** Forgets a failure that matters no more: after a success, in another phase or step, or when nobody tries again. */
export const forgetFailure = (
  memory: Memory,
  { writes, status }: { readonly writes: readonly WriteAction[]; readonly status: RolloutStatus },
  nowMs: number,
): void => {
  const { backOff } = memory;
  const isOpen = writes.length === 0 && backOff?.place === placeOf(status) && nowMs <= backOff.retryAtMs + MAX_RETRY_MS;
  if (isOpen) return;
  memory.backOff = undefined;
  memory.writeError = undefined;
  memory.conflicts = 0;
};
