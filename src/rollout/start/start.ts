import { byName } from '../byName.ts';
import { isoSeconds } from '../duration.ts';
import { freezeSentence } from '../forward/frozen.ts';
import { closedAt } from '../forward/windows.ts';
import { driftOf } from '../mesh/weights.ts';
import type { MeshObservation, VersionPods } from '../observation.ts';
import { type Outcome, saying, withHistory } from '../outcome.ts';
import { withOutcome } from '../people/request.ts';
import type { Reason } from '../reason.ts';
import { NO_PODS, type Situation } from '../situation.ts';
import type { RolloutStatus, WaitingFor } from '../status.ts';
import { atRest, undoReapplied, withRestoredCounted } from './atRest.ts';
import { begin, isWayBack, revisionOf } from './begin.ts';
import { unreadyPods } from './deadline.ts';
import { missingReference, REFERENCE_RETRY_MS } from './reference.ts';
import { withoutSpecNote, withSpecNote } from './specNote.ts';

/** Nothing is in progress: stay, or start when another version is wanted (R8, R10). */
export const decideIdle = (situation: Situation, known: RolloutStatus & { stableVersion: string }): Outcome => {
  const { version } = situation.rollout.spec;
  const status = withoutSpecNote(known);
  const stable = status.stableVersion;
  const rest = (at: RolloutStatus): Outcome => withSpecNote(situation, atRest(situation, at, stable));
  if (situation.observation.olderRival !== undefined) return { status: invalid(situation, status) };
  if (version === stable) return rest(healthy(situation, status));
  if (isOver(situation, status)) return retried(situation, status) ?? rest(status);
  if (version === status.canaryVersion) return retried(situation, status) ?? rest(stayRolledBack(situation, status));
  return situation.problems.length > 0
    ? { status: invalid(situation, status) }
    : prepare(situation, withRestoredCounted(status, situation.observation.mesh, situation.nowMs));
};

/** R12: a spec that contradicts itself, or that another Rollout stands in the way of. */
const invalid = ({ problems }: Situation, status: RolloutStatus & { stableVersion: string }): RolloutStatus => {
  const [problem] = problems;
  const message = `${status.stableVersion} stays at 100%: ${problem?.path} ${problem?.message}; nothing starts until the spec is mended`;
  return { ...saying(status, 'InvalidSpec', message, { what: 'person' }), phase: 'Invalid' };
};

/** This version was the last that was tried, neither promoted nor rolled back: its experiment ended. It needs a retry. */
const isOver = ({ rollout }: Situation, status: RolloutStatus, version = rollout.spec.version): boolean =>
  status.canaryVersion === undefined && status.revision === revisionOf(rollout, version, status);

const healthy = (situation: Situation, status: RolloutStatus & { stableVersion: string }): RolloutStatus => {
  const isOther = status.revision !== undefined && !isOver(situation, status, status.stableVersion);
  if (status.phase === 'Healthy' && !isOther) return status;
  const { canaryVersion: _canary, target: _target, gates: _gates, revision: _revision, pause: _pause, ...rest } = status;
  const message = `${status.stableVersion} is stable at 100%; nothing to do until the version changes`;
  return { ...saying(rest, 'UpToDate', message), phase: 'Healthy' };
};

/** Between attempts only a version that was rolled back is still named; new pods alone start it no second time (R8). */
const stayRolledBack = ({ observation }: Situation, status: RolloutStatus): RolloutStatus => {
  const rolledBack = status.history?.findLast(({ action }) => action === 'rolledBack');
  const again: RolloutStatus =
    status.phase === 'RolledBack'
      ? status
      : { ...saying(status, rolledBack?.reason ?? 'RolledBack', rolledBack?.message ?? 'rolled back'), phase: 'RolledBack' };
  const judged = status.podHash?.split('.') ?? [];
  const isNew = byName(observation.pods, status.canaryVersion ?? '')?.hashes.some(hash => !judged.includes(hash)) ?? false;
  const isLate = again.reason === 'ProgressDeadlineExceeded';
  const note = isLate ? `; ${status.canaryVersion} has ready pods now` : `; ${status.canaryVersion} has new pods since`;
  return isNew && !again.message.endsWith(note) ? { ...again, message: `${again.message}${note}` } : again;
};

/** R22: a person wants another attempt; what failed is no longer named, so the version starts like any other. */
const retried = ({ request, rollout, nowMs }: Situation, status: Idle): Outcome | undefined => {
  if (request?.verb !== 'retry') return undefined;
  const { version } = rollout.spec;
  const message = `${version} is tried again for ${request.by ?? 'a person'}`;
  const entry = { from: status.stableVersion, to: version, action: 'retried', reason: 'Retried', message } as const;
  const told = saying(withHistory(withoutCanary(status), nowMs, entry), 'Retried', message);
  const next = withOutcome({ ...told, phase: 'Pending' }, request, 'accepted: tried again', nowMs);
  return { status: next, lookAgainAtMs: nowMs };
};

type Idle = RolloutStatus & { stableVersion: string };

/** Why nothing starts yet, and what would end it. */
type Obstacle = {
  readonly reason: Reason;
  readonly why: string;
  readonly waitingFor: WaitingFor;
  readonly againMs?: number | undefined;
};

/** What must be known before an attempt begins: where to write, which pods, what was normal. */
const prepare = (situation: Situation, status: Idle): Outcome => {
  const { observation, rollout } = situation;
  const { mesh } = observation;
  if (rollout.spec.paused === true) {
    const why = 'spec.paused is true; set it to false to start';
    return pending(situation, status, { reason: 'PausedByPerson', why, waitingFor: { what: 'person' } });
  }
  if (mesh.kind === 'problem') {
    return pending(situation, status, { reason: 'WaitingForMesh', why: mesh.message, waitingFor: { what: 'mesh' } });
  }
  const { version } = rollout.spec;
  const adoptsSplit = rollout.spec.initialVersion === status.stableVersion && status.attempt === undefined;
  const drift = adoptsSplit ? undefined : startDrift(mesh, status.stableVersion, version);
  const undoing = adoptsSplit ? undefined : undoReapplied(situation, status, mesh);
  if (undoing !== undefined) return undoing;
  if (drift !== undefined) return pending(situation, status, { reason: 'Drift', why: drift, waitingFor: { what: 'drift' } });
  const pods = byName(observation.pods, version) ?? NO_PODS;
  if (pods.ready === 0) {
    const unready = unreadyPods(situation, pods);
    return unready.isOverdue ? givenUp(situation, status, pods, unready.waitingFor) : pending(situation, status, unready);
  }
  const closed = adoptsSplit || isWayBack(situation, status, pods) ? undefined : closedNow(situation);
  if (closed !== undefined) return pending(situation, status, closed);
  return reference(situation, status, pods) ?? { status: begin(situation, status, mesh, pods), lookAgainAtMs: situation.nowMs };
};

const pending = ({ rollout, nowMs }: Situation, status: Idle, { reason, why, waitingFor, againMs }: Obstacle): Outcome => ({
  status: {
    ...saying(withoutCanary(status), reason, `${rollout.spec.version} is to replace ${status.stableVersion}: ${why}`, waitingFor),
    phase: 'Pending',
  },
  ...(againMs === undefined || againMs <= nowMs ? {} : { lookAgainAtMs: againMs }),
});

/** R20: a start is forward movement, the way back and the adoption of what stands already are not. */
const closedNow = ({ observation, rollout, nowMs }: Situation): Obstacle | undefined => {
  const { freeze } = observation;
  if (freeze !== undefined) return { reason: 'Frozen', why: freezeSentence(freeze), waitingFor: { what: 'person' } };
  const closed = closedAt(rollout.spec.windows, nowMs);
  if (closed === undefined) return undefined;
  const { because, until, untilMs, againMs } = closed;
  return {
    reason: 'WaitingForWindow',
    why: `nothing starts ${until}, as spec.windows says (${because})`,
    waitingFor: { what: 'window', ...(untilMs === undefined ? {} : { until: isoSeconds(untilMs) }) },
    againMs,
  };
};

/** R24: its pods did not get ready in time; stable was never touched, and only another version or a person starts again. */
const givenUp = (
  { rollout, nowMs }: Situation,
  { podHash: _podHash, ...status }: Idle,
  { total }: VersionPods,
  { since = '' }: WaitingFor,
): Outcome => {
  const { version } = rollout.spec;
  const stable = status.stableVersion;
  const none = total === 1 ? `the only pod of ${version} did not get` : `none of the ${total} pods of ${version} got`;
  const message = `all traffic on ${stable}: ${none} ready since ${isoSeconds(Date.parse(since))} (progressDeadline); retry, or commit another version to go on`;
  const reason = 'ProgressDeadlineExceeded';
  const entry = { from: version, to: stable, action: 'rolledBack', reason, message } as const;
  const told = withHistory({ ...withoutCanary(status), canaryVersion: version }, nowMs, entry);
  return { status: { ...saying(told, reason, message), phase: 'RolledBack' } };
};

/** What was normal before the first raise is measured once; `undefined` when it is known, or is not needed. */
const reference = (situation: Situation, status: Idle, pods: VersionPods): Outcome | undefined => {
  const { observation, rollout, nowMs } = situation;
  const { version } = rollout.spec;
  const stable = status.stableVersion;
  const known = observation.reference;
  // Going back is not held by a provider that is away: without a reference the default limits hold.
  const isUrgent = known?.kind === 'error' && isWayBack(situation, status, pods);
  const missing = isUrgent ? undefined : missingReference(situation, stable);
  if (missing === undefined) return undefined;
  const isDue = known === undefined || known.kind === 'measured' || nowMs - known.atMs >= REFERENCE_RETRY_MS;
  const failed = known?.kind === 'error' ? known.message : undefined;
  const why = `what is normal cannot be measured: ${failed}`;
  const waiting = pending(situation, status, { reason: 'ProviderError', why, waitingFor: { what: 'gates' } });
  return {
    status: failed === undefined ? status : waiting.status,
    actions: isDue ? [{ kind: 'measureReference', atMs: nowMs, stable, canary: version, ...missing }] : [],
    lookAgainAtMs: (isDue ? nowMs : known.atMs) + REFERENCE_RETRY_MS,
    isUndecided: failed === undefined,
  };
};

const withoutCanary = (status: RolloutStatus): RolloutStatus => {
  const { canaryVersion: _canary, revision: _revision, gates: _gates, ...rest } = status;
  return rest;
};

/** A rollout starts from a mesh that sends everything to stable. */
const startDrift = (mesh: Extract<MeshObservation, { kind: 'resolved' }>, stable: string, canary: string): string | undefined => {
  const odd = mesh.objects.filter(({ weights }) => driftOf(weights, stable, canary, 0) !== 'none').map(({ name }) => name);
  return odd.length === 0
    ? undefined
    : `${odd.join(', ')} does not send everything to ${stable}; put its weights right, and it starts by itself`;
};
