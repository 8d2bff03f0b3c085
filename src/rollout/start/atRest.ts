import type { Action } from '../action.ts';
import { byName } from '../byName.ts';
import { durationOr, isoMillis } from '../duration.ts';
import { subsetFirst } from '../forward/subset.ts';
import { highestSeq, positionAtRest } from '../mesh/position.ts';
import { adviceFor, isReapplied, MOST_IN_WINDOW, nameOf, noted, recent, writersOf } from '../mesh/reapplied.ts';
import { retire } from '../mesh/retire.ts';
import { subsetLostAtRest } from '../mesh/subsetLost.ts';
import { driftOf, earlierPercent } from '../mesh/weights.ts';
import type { MeshObservation, SteeredObject } from '../observation.ts';
import { type Outcome, saying, withHistory } from '../outcome.ts';
import { type PersonRequest, withOutcome } from '../people/request.ts';
import { NO_PODS, type Situation } from '../situation.ts';
import type { RolloutStatus, Target } from '../status.ts';

type Resting = RolloutStatus & { readonly stableVersion: string };
type Mesh = Extract<MeshObservation, { kind: 'resolved' }>;

/**
 * R26: nothing is in progress, Healthy or RolledBack. Weights that somebody changed are reported and left alone, but for a
 * tool that re-applied its file over a Healthy rollout. R21: what was left behind is retired when nothing is odd.
 */
export const atRest = (situation: Situation, status: RolloutStatus, stableVersion: string): Outcome => {
  const { mesh } = situation.observation;
  if (mesh.kind === 'problem' || !isSettled(status)) return { status };
  const known = withRestored({ ...status, stableVersion }, mesh, situation.nowMs);
  const lost = subsetLostAtRest(situation, known, mesh);
  if (lost !== undefined) return lost;
  const target = restingTarget(mesh, known);
  const odd = mesh.objects.filter(object => isOdd(object, known, target));
  if (odd.length > 0) {
    const oddity = { mesh, target, odd, status: known };
    const restored = known.phase === 'Healthy' ? restore(situation, oddity) : undefined;
    return restored ?? { status: refused(situation, reported(situation, odd, known)) };
  }
  if (situation.request?.verb === 'resume') return { status: resumed(situation, situation.request, known) };
  const calm = known.reason === 'Drift' ? undisturbed(known) : known;
  return calm.phase === 'Healthy' ? retire(situation, calm, mesh) : { status: calm };
};

const isSettled = ({ phase }: RolloutStatus): boolean => phase === 'Healthy' || phase === 'RolledBack';

/** What has all traffic, and the version that would have it wrongly: the one that was rolled back, else the one before. */
const restingTarget = ({ target }: Mesh, { stableVersion, canaryVersion, previous }: Resting): Target => ({
  ...target,
  stable: stableVersion,
  canary: canaryVersion ?? previous?.version ?? stableVersion,
});

/**
 * Anything but all of our traffic on stable. Weights that were never ours may be as they like (R7 looks at them first); routes
 * of ours never, also those of a Rollout of this name that was deleted and left them.
 */
const isOdd = (object: SteeredObject, { previous, canaryVersion }: RolloutStatus, { stable, canary }: Target): boolean => {
  const isOurs = object.position !== undefined || previous !== undefined || canaryVersion !== undefined;
  const isOff = driftOf(object.weights, stable, canary, 0) !== 'none' || earlierPercent(object.weights, stable) > 0;
  return object.routes !== undefined || (isOurs && isOff);
};

/** Says and counts what was restored since the status was stored. */
const withRestored = (status: Resting, mesh: Mesh, nowMs: number): Resting => {
  const counted = withRestoredCounted(status, mesh, nowMs);
  if (counted === status) return status;
  const { stableVersion } = status;
  const message = `${stableVersion} is stable at 100%; a tool re-applied its file over the weights, which were restored at ${counted.drift?.restored?.at(-1)}`;
  return { ...saying(counted, 'DriftRestored', message), stableVersion };
};

/** Each restoration counts once, by the number and the time in its position. */
export const withRestoredCounted = <S extends RolloutStatus>(status: S, mesh: MeshObservation, nowMs: number): S => {
  const objects = mesh.kind === 'resolved' ? mesh.objects : [];
  const seq = highestSeq(status, objects);
  const position = objects.find(object => object.position?.seq === seq)?.position;
  if (seq <= (status.seq ?? 0) || position?.reason !== 'DriftRestored') return status;
  return { ...status, ...noted(status, 'restored', [position.time], nowMs), seq };
};

/** R26: what a known tool re-applied is undone before the next attempt begins, too: both may come in one commit. */
export const undoReapplied = (situation: Situation, status: Resting, mesh: Mesh): Outcome | undefined => {
  const target = restingTarget(mesh, status);
  const odd = mesh.objects.filter(object => isOdd(object, status, target));
  const undoing = odd.length === 0 ? undefined : restore(situation, { mesh, target, odd, status });
  return undoing === undefined ? undefined : { ...undoing, isUndecided: true };
};

type Oddity = {
  readonly mesh: Mesh;
  readonly target: Target;
  readonly odd: readonly SteeredObject[];
  readonly status: Resting;
};

/** A known tool is undone at once, until it is too often; what was reported once stays reported until it is gone. */
const restore = (situation: Situation, { mesh, target, odd, status }: Oddity): Outcome | undefined => {
  const { rollout, observation, nowMs } = situation;
  const isTooOften = recent(status.drift?.restored, nowMs).length >= MOST_IN_WINDOW;
  const isKnown = isReapplied(odd, observation.installation) && status.reason !== 'Drift' && !isTooOften;
  const isAsked = situation.request?.verb === 'resume';
  if (!isKnown && !isAsked) return undefined;
  if ((byName(observation.pods, target.stable) ?? NO_PODS).ready === 0) return undefined;
  if (odd.some(({ weights }) => driftOf(weights, target.stable, target.canary, 0) === 'nothing to share')) return undefined;
  const settleMs = durationOr(rollout.spec.router?.istio?.settle, 2_000);
  const missing = subsetFirst({ rollout, mesh, nowMs, settleMs }, target, target.stable);
  if (missing === 'refused') return undefined;
  if (missing !== undefined) return { ...missing, status };
  const reason = isAsked ? 'Resumed' : 'DriftRestored';
  return { status, actions: writes(situation, { mesh, target, odd, status }, reason) };
};

/** The request stood until the weights were seen to be back, so that a write that failed was tried again. */
const resumed = ({ nowMs }: Situation, request: PersonRequest, status: Resting): RolloutStatus => {
  const message = `resumed by ${request.by ?? 'a person'}: the weights were put back`;
  const entry = { to: status.stableVersion, action: 'resumed', reason: 'Resumed', message } as const;
  const told = withHistory(undisturbed(status), nowMs, entry);
  return withOutcome(told, request, 'accepted: the weights were put back', nowMs);
};

/** R22: what cannot be put back is not tried for ever. */
const refused = ({ request, nowMs }: Situation, status: RolloutStatus): RolloutStatus =>
  request?.verb === 'resume' ? withOutcome(status, request, `refused: ${status.message}`, nowMs) : status;

const writes = (
  { observation, nowMs }: Situation,
  { mesh, target, odd, status }: Oddity,
  reason: 'Resumed' | 'DriftRestored',
): readonly Action[] => {
  const position = positionAtRest(status, mesh.objects, { reason, time: isoMillis(nowMs), epoch: observation.epoch });
  return odd.map(({ name, resourceVersion }) => ({
    kind: 'setTraffic',
    target,
    object: name,
    resourceVersion,
    weight: 0,
    position,
  }));
};

const reported = ({ observation, nowMs }: Situation, odd: readonly SteeredObject[], status: Resting): RolloutStatus => {
  const { stableVersion: stable } = status;
  const names = odd.map(({ name }) => name).join(', ');
  const by = writersOf(odd);
  const isRouted = odd.every(({ routes }) => routes !== undefined);
  const what = isRouted
    ? `header, mirror or cookie routes of this Rollout stand in ${names}, and nothing is in progress: they lead past ${stable}`
    : `${nameOf(by)} changed the weights of ${names}: not all of it goes to ${stable} any more`;
  const [byPerson, bySluice] = isRouted ? ['take them out', 'resume takes them out'] : ['put them back', 'resume puts them back'];
  const told = `${what}; ${status.phase === 'Healthy' ? bySluice : byPerson}, or commit a version`;
  const before = status.phase === 'Healthy' ? `${stable} is stable` : rolledBack(status).message;
  const advice = adviceFor(by, observation.installation);
  // Nothing else tells this time from one a week ago, and people are told each thing once (R35).
  const since = (status.reason === 'Drift' ? status.drift?.since : undefined) ?? isoMillis(nowMs);
  const next = { ...status, drift: { ...status.drift, since } };
  return { ...saying(next, 'Drift', `${before}; ${told}${advice}`), phase: status.phase };
};

/** What was said before the weights were changed. */
const undisturbed = (status: Resting): Resting => {
  const { stableVersion, phase } = status;
  const { reason, message } = phase === 'Healthy' ? upToDate(stableVersion) : rolledBack(status);
  return { ...saying(status, reason, message), stableVersion, phase };
};

const upToDate = (stable: string): Pick<RolloutStatus, 'reason' | 'message'> => ({
  reason: 'UpToDate',
  message: `${stable} is stable at 100%; nothing to do until the version changes`,
});

const rolledBack = ({ history }: RolloutStatus): Pick<RolloutStatus, 'reason' | 'message'> =>
  history?.findLast(({ action }) => action === 'rolledBack') ?? { reason: 'RolledBack', message: 'rolled back' };
