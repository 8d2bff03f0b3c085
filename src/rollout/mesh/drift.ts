import { goBack, raisedTooOften } from '../back/goBack.ts';
import { place } from '../explain.ts';
import { standStill } from '../forward/forward.ts';
import { brokenMesh } from '../forward/meshFindings.ts';
import { noSubset, subsetFirst } from '../forward/subset.ts';
import { type Guard, type Outcome, saying } from '../outcome.ts';
import type { Attempt, ComparedObject } from '../situation.ts';
import type { RolloutStatus } from '../status.ts';
import { finishWrites, isRaisedOverNobody, putBack, putDown } from './moves.ts';
import { adviceFor, isReapplied, MOST_IN_WINDOW, nameOf, recent, writersOf } from './reapplied.ts';
import { SAFE } from './routes.ts';

/** Routes that cannot be told apart any more can neither be raised nor be called safe: people are needed. */
export const unreadableMesh: Guard = attempt => {
  const { mesh } = attempt.observation;
  if (mesh.kind === 'resolved') return undefined;
  const message = `${place(attempt)}: ${mesh.message}; until then nothing can be moved, not even back`;
  return { status: saying(attempt.status, 'WaitingForMesh', message, { what: 'mesh' }) };
};

/** R26: more weight than intended is put down at once; whoever raises it again and again ends the attempt. */
export const driftUp: Guard = attempt => {
  const raised = attempt.objects.filter(({ drift }) => drift === 'up');
  if (raised.length === 0 || attempt.stablePods.ready === 0) return undefined;
  const { target, nowMs } = attempt;
  const by = writersOf(raised);
  const status = by === undefined ? attempt.status : { ...attempt.status, drift: { ...attempt.status.drift, by } };
  if (recent(status.drift?.times, nowMs).length >= MOST_IN_WINDOW)
    return goBack({ ...attempt, status }, 'DriftRepeated', raisedTooOften({ ...attempt, status }));
  const names = raised.map(({ name }) => name).join(', ');
  const message = `${place(attempt)}: ${nameOf(by)} raised ${target.canary} in ${names}; put down to ${attempt.weight}%`;
  return { status: saying(status, 'DriftPutDown', message, status.waitingFor), actions: putDown(attempt, raised) };
};

/** R36: without its routing object the new version gets whatever the mesh does by itself; nothing else is worth telling then. */
export const meshGone: Guard = attempt => {
  const { objects, target, hasTraffic, status } = attempt;
  if (!hasTraffic || objects.length > 0) return undefined;
  const message = `${place(attempt)}: VirtualService ${target.virtualServices.join(', ')} is gone, or does not route to ${target.host} any more; put it back and the rollout goes on, or abort`;
  return standStill(attempt, { ...saying(status, 'WaitingForMesh', message, { what: 'mesh' }), phase: 'Progressing' });
};

/**
 * R3, R29: a crash between the writes of several objects left some at their earlier position. The stored status stays
 * until all of them are written: so long as it knows of no step, an object without a position is one of them.
 */
export const unfinished: Guard = attempt => {
  const behind = unfinishedObjects(attempt);
  if (behind.length === 0) return undefined;
  return { status: attempt.stored ?? attempt.status, actions: finishWrites(attempt, behind) };
};

const unfinishedObjects = (attempt: Attempt): readonly ComparedObject[] =>
  attempt.objects.filter(object => isLess(object) && isBehind(attempt, object));

/** Whatever else is said before all objects are written: where the attempt stands is what was stored before them (R29). */
export const withUnfinished = (attempt: Attempt, outcome: Outcome): Outcome => {
  const { stored } = attempt;
  const { status, actions = [] } = outcome;
  const isElsewhere =
    status.step === undefined || status.phase === 'RollingBack' || actions.some(({ kind }) => kind === 'setTraffic');
  if (isElsewhere || stored?.step === undefined || unfinishedObjects(attempt).length === 0) return outcome;
  const { position: _position, ...rest } = status;
  const { step, traffic = SAFE, seq = 0, position, gates = [] } = stored;
  return { ...outcome, status: { ...rest, step, traffic, seq, gates, ...(position === undefined ? {} : { position }) } };
};

/** Does the object stand where its own position, or the time before this attempt, left it? */
const isBehind = ({ status, stored }: Attempt, { position, canaryPercent, routes }: ComparedObject): boolean => {
  if (position === undefined) return stored?.step?.index === 0 && canaryPercent === 0 && routes === undefined;
  const left = position.revision === status.revision ? position : { weight: 0, routes: position.routes };
  return position.seq < (status.seq ?? 0) && Math.abs(canaryPercent - left.weight) < 1 && routes === left.routes;
};

/** Less weight than intended, or other routes of ours. */
const isLess = ({ drift, areRoutesChanged }: ComparedObject): boolean =>
  drift === 'down' || (drift === 'none' && areRoutesChanged);

/** R26, R28: what a person lowered, or gave to others altogether, is not raised again; what a known tool re-applied is. */
export const driftDown: Guard = attempt => {
  const changed = attempt.objects.filter(object => isLess(object) || object.drift === 'nothing to share');
  if (changed.length === 0) return undefined;
  const ours = changed.filter(isLess);
  const isRestorable = ours.length === changed.length && !wouldGiveToNobody(attempt);
  const restored = isRestorable ? restore(attempt, ours) : undefined;
  if (restored !== undefined) return restored;
  const seen = changed.map(object => tell(attempt, object)).join(', ');
  const who = writersOf(changed);
  const advice = adviceFor(who, attempt.observation.installation);
  const message = `${place(attempt)}: ${nameOf(who)} changed the weights (${seen}); nothing moves until they are put back; resume puts them back, abort ends the rollout${advice}`;
  const held = standStill(attempt, { ...saying(attempt.status, 'Drift', message, { what: 'drift' }), phase: 'Progressing' });
  return attempt.request?.verb === 'resume' && ours.length > 0 ? resume(attempt, ours, held) : held;
};

/** R6: the share of stable, which has no ready pod, was given to an earlier version; it is not taken from that one. */
const wouldGiveToNobody = (attempt: Attempt): boolean => isRaisedOverNobody(attempt, attempt.status.traffic ?? SAFE);

/** The request stands until the weights are seen to be back, so that a write that fails is tried again. */
const resume = (attempt: Attempt, ours: readonly ComparedObject[], held: Outcome): Outcome => {
  const { target, plan } = attempt;
  const refused = (why: string): Outcome => ({
    ...held,
    status: { ...held.status, message: `${place(attempt)}: ${why}; nothing moves until the weights are put back` },
  });
  if (wouldGiveToNobody(attempt))
    return refused(`somebody took traffic off ${target.stable}, which has no ready pod to take it back`);
  const broken = brokenMesh(attempt);
  if (broken !== undefined) return refused(broken);
  const missing = subsetFirst({ ...attempt, settleMs: plan.settleMs }, target, target.canary);
  if (missing === 'refused') return refused(noSubset(target, target.canary));
  if (missing !== undefined) return { ...held, ...missing, keepsRequest: true };
  return { ...held, actions: putBack(attempt, ours, 'Resumed') };
};

const tell = ({ target: { stable, canary } }: Attempt, { name, drift, canaryPercent }: ComparedObject): string => {
  if (drift === 'nothing to share') return `${name} leaves nothing for ${stable} and ${canary} to share`;
  return drift === 'down' ? `${name} sends ${Math.round(canaryPercent)}%` : `${name} has other header or mirror routes`;
};

/** R26: a tool that applies its file for ever is undone at once, until it is too often; what is held stays held. */
const restore = (attempt: Attempt, changed: readonly ComparedObject[]): Outcome | undefined => {
  const { status, stored, nowMs, mesh, target, plan, observation, rollout } = attempt;
  if (!isReapplied(changed, observation.installation) || stored?.reason === 'Drift') return undefined;
  if (recent(status.drift?.restored, nowMs).length >= MOST_IN_WINDOW) return undefined;
  const by = nameOf(writersOf(changed));
  const told = `${place(attempt)}: ${by} re-applied its file over ${changed.map(({ name }) => name).join(', ')}`;
  const says = (what: string): RolloutStatus => ({
    ...saying({ ...status, gates: attempt.gates }, 'DriftRestored', `${told}; ${what}`, status.waitingFor),
  });
  const broken = brokenMesh(attempt);
  if (broken !== undefined) return standStill(attempt, saying(status, 'MeshCheckFailed', `${told}; ${broken}`, { what: 'mesh' }));
  const missing = subsetFirst({ rollout, mesh, nowMs, settleMs: plan.settleMs }, target, target.canary);
  if (missing === 'refused') return undefined;
  if (missing !== undefined) return { ...missing, status: says(`its subset for ${target.canary} comes back first`) };
  return { status: says(`put back to ${attempt.weight}%`), actions: putBack(attempt, changed, 'DriftRestored') };
};
