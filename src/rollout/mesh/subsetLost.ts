import type { Action } from '../action.ts';
import { goBack, removedTooOften } from '../back/goBack.ts';
import { byName } from '../byName.ts';
import { isoMillis } from '../duration.ts';
import { place } from '../explain.ts';
import type { MeshObservation } from '../observation.ts';
import { type Guard, type Outcome, saying } from '../outcome.ts';
import type { Attempt, Situation } from '../situation.ts';
import type { RolloutStatus, Target } from '../status.ts';
import { MOST_IN_WINDOW, noted, recent, SUBSET_ADVICE } from './reapplied.ts';

type Mesh = Extract<MeshObservation, { kind: 'resolved' }>;

/** Somebody took the subset of a version away that gets requests: the proxies answer each of them with 503 NC. */
const isLost = (mesh: Mesh, version: string, getsTraffic: boolean): boolean =>
  getsTraffic && byName(mesh.subsets, version) === undefined;

const isOurs = ({ rollout }: Situation): boolean => rollout.spec.router?.istio?.createMissing !== 'none';

const isWeighted = ({ objects }: Mesh, version: string): boolean =>
  objects.some(({ weights, position }) => position !== undefined && (byName(weights.versions, version) ?? 0) > 0);

const putBack = (target: Target, versions: readonly string[]): readonly Action[] =>
  versions.map(version => ({ kind: 'ensureSubset', target, version }));

/** The versions without a subset that get requests, or would get all of them back (R23). */
const lostOf = ({ target, mesh, status, objects }: Attempt): readonly string[] => {
  const isOpen = objects.some(object => object.isOpen && object.position?.revision === status.revision);
  return [
    ...(isLost(mesh, target.canary, isOpen) ? [target.canary] : []),
    ...(isLost(mesh, target.stable, isOpen || isWeighted(mesh, target.stable)) ? [target.stable] : []),
  ];
};

/**
 * R26, R27: a subset that requests depend on is put back at once; whoever takes it away again and again ends the attempt.
 * While that cannot be written nothing else waits for it, and it is not counted: nobody took away what was not put back.
 */
export const subsetLost: Guard = attempt => {
  const { target, status, nowMs, observation } = attempt;
  const lost = lostOf(attempt);
  if (lost.length === 0 || !isOurs(attempt) || observation.writeError !== undefined) return undefined;
  if (lost.includes(target.canary) && recent(status.drift?.restored, nowMs).length >= MOST_IN_WINDOW)
    return goBack(attempt, 'SubsetRemoved', removedTooOften(attempt));
  const message = `${place(attempt)}: ${tookAway(target, lost)}; it is put back; ${SUBSET_ADVICE}`;
  const told = saying({ ...status, gates: attempt.gates }, 'DriftRestored', message, status.waitingFor);
  return { status: noted(told, 'restored', [isoMillis(nowMs)], nowMs), actions: putBack(target, lost), lookAgainAtMs: nowMs };
};

/** Requests do not go back to a version without a subset, and what could not be put back is tried again with what comes next. */
export const withSubsets = (attempt: Attempt, outcome: Outcome): Outcome => {
  const { target, rollout, observation } = attempt;
  const { status, actions = [] } = outcome;
  const isGoingBack = status.phase === 'RollingBack';
  const isOver = status.step === undefined || (rollout.isDeleting === true && !actions.some(({ kind }) => kind === 'setTraffic'));
  if (isOver || !(isGoingBack || observation.writeError !== undefined) || !isOurs(attempt)) return outcome;
  const made = new Set(actions.flatMap(action => (action.kind === 'ensureSubset' ? [action.version] : [])));
  const lost = lostOf(attempt).filter(version => !made.has(version) && (!isGoingBack || version === target.stable));
  return lost.length === 0 ? outcome : { ...outcome, actions: [...putBack(target, lost), ...actions] };
};

const tookAway = ({ destinationRule, host }: Target, versions: readonly string[]): string =>
  `somebody took the subset for ${versions.join(' and ')} out of DestinationRule ${destinationRule ?? `for ${host}`}, without which requests fail`;

/** R26: so too when nothing is in progress; without it every request would fail. */
export const subsetLostAtRest = (
  situation: Situation,
  status: RolloutStatus & { readonly stableVersion: string },
  mesh: Mesh,
): Outcome | undefined => {
  const { stableVersion: stable } = status;
  if (!isLost(mesh, stable, isWeighted(mesh, stable)) || !isOurs(situation)) return undefined;
  const { nowMs, observation } = situation;
  const target = { ...mesh.target, stable, canary: stable };
  const actions = putBack(target, [stable]);
  const seen = `${stable} is stable at 100%; ${tookAway(target, [stable])}`;
  if (observation.writeError !== undefined) {
    const since = (status.reason === 'Drift' ? status.drift?.since : undefined) ?? isoMillis(nowMs);
    const held = { ...status, drift: { ...status.drift, since } };
    return { status: { ...saying(held, 'Drift', `${seen}; ${SUBSET_ADVICE}`), phase: status.phase }, actions };
  }
  const told = saying(status, 'DriftRestored', `${seen}; it was put back at ${isoMillis(nowMs)}; ${SUBSET_ADVICE}`);
  return { status: noted({ ...told, phase: status.phase }, 'restored', [isoMillis(nowMs)], nowMs), actions };
};
