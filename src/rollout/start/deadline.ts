import { goBack } from '../back/goBack.ts';
import { setForwardMs } from '../clock.ts';
import { durationOr, isoMillis, isoSeconds, momentFor } from '../duration.ts';
import { place } from '../explain.ts';
import { standStill } from '../forward/forward.ts';
import { nextGridPointMs } from '../forward/grid.ts';
import type { VersionPods } from '../observation.ts';
import { type Guard, saying } from '../outcome.ts';
import type { Reason } from '../reason.ts';
import type { Situation } from '../situation.ts';
import type { RolloutStatus, WaitingFor } from '../status.ts';

const DEADLINE_MS = 600_000;
/** People are told when a version has had no pod for so long: its Deployment may have been forgotten. */
const TELL_AFTER_MS = 600_000;

/** `none of the 3 pods of v2 is ready`. */
const noneReady = (total: number, version: string): string =>
  total === 1 ? `the only pod of ${version} is not ready` : `none of the ${total} pods of ${version} is ready`;

type Unready = {
  readonly reason: Reason;
  readonly why: string;
  readonly waitingFor: WaitingFor;
  readonly againMs?: number;
  /** Pods have existed for as long as they may without getting ready. */
  readonly isOverdue: boolean;
};

/** R24: what a version without a ready pod waits for before its first weight, by the clock in the stored status. */
export const unreadyPods = ({ rollout, stored, nowMs, observation }: Situation, { total }: VersionPods): Unready => {
  const { version } = rollout.spec;
  const before = stored?.observedGeneration === rollout.generation ? stored.waitingFor : undefined;
  if (total > 0) {
    const { since, until, untilMs } = clockOf(rollout.spec.progressDeadline, before, { nowMs, observation });
    const why = `${noneReady(total, version)} yet; starts by itself when one is, and is given up at ${momentFor(untilMs, nowMs)} (progressDeadline)`;
    const waitingFor = { what: 'pods', since, until } as const;
    return { reason: 'WaitingForPods', why, waitingFor, againMs: untilMs, isOverdue: nowMs >= untilMs };
  }
  const isSame = before?.what === 'pods' && before.since !== undefined && before.until === undefined;
  const since = isSame && before.since !== undefined ? before.since : isoMillis(nowMs);
  const tellMs = Date.parse(since) + TELL_AFTER_MS;
  const isLong = nowMs >= tellMs;
  return {
    reason: isLong ? 'NoPods' : 'WaitingForPods',
    why: `no pod of ${version} exists yet${isLong ? `, since ${isoSeconds(Date.parse(since))}` : ''}; starts by itself when one is ready`,
    waitingFor: { what: 'pods', since },
    ...(isLong ? {} : { againMs: tellMs }),
    isOverdue: false,
  };
};

/** R24: pods of the new version exist, none is ready, and it has no traffic yet: readiness protection has nothing to do there. */
export const progressDeadline: Guard = attempt => {
  const { canaryPods, hasTraffic, step, target, status, stored, nowMs, rollout } = attempt;
  if (hasTraffic || canaryPods.ready > 0 || canaryPods.total === 0 || step.lowReadySince !== undefined) return undefined;
  const { since, until, untilMs } = clockOf(rollout.spec.progressDeadline, stored?.waitingFor, attempt);
  const why = `${noneReady(canaryPods.total, target.canary)} since ${isoSeconds(Date.parse(since))}`;
  if (nowMs >= untilMs) return goBack(attempt, 'ProgressDeadlineExceeded', why);
  const message = `${place(attempt)}: ${why}; goes on by itself when one is, and is given up at ${momentFor(untilMs, nowMs)} (progressDeadline)`;
  const held = standStill(attempt, {
    ...saying(status, 'WaitingForPods', message, { what: 'pods', since, until }),
    phase: 'Progressing',
  });
  const gridMs = step.index === 0 ? Number.POSITIVE_INFINITY : nextGridPointMs(attempt);
  return { ...held, lookAgainAtMs: Math.min(untilMs, gridMs) };
};

/** The deadline as it was stored, so that a restart changes nothing; it begins anew when there is none. */
const clockOf = (
  deadline: string | undefined,
  before: RolloutStatus['waitingFor'],
  { nowMs, observation }: Pick<Situation, 'nowMs' | 'observation'>,
): { since: string; until: string; untilMs: number } => {
  const isCounting = before?.what === 'pods' && before.since !== undefined && before.until !== undefined;
  const since = isCounting && before.since !== undefined ? before.since : isoMillis(nowMs);
  const sinceMs = Date.parse(since);
  const untilMs = sinceMs + durationOr(deadline, DEADLINE_MS) + setForwardMs(sinceMs, observation);
  return { since, until: isoMillis(untilMs), untilMs };
};
