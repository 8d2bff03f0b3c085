import { place } from './explain.ts';
import { standStill } from './forward.ts';
import { finishWrites, putBack, putDown } from './moves.ts';
import { type Guard, saying } from './outcome.ts';
import type { Attempt, ComparedObject } from './situation.ts';

/** Routes that cannot be told apart any more can neither be raised nor be called safe: people are needed. */
export const unreadableMesh: Guard = attempt => {
  const { mesh } = attempt.observation;
  if (mesh.kind === 'resolved') return undefined;
  const message = `${place(attempt)}: ${mesh.message}; until then nothing can be moved, not even back`;
  return { status: saying(attempt.status, 'WaitingForMesh', message, { what: 'mesh' }) };
};

/** R26: more weight than intended is put down at once. */
export const driftUp: Guard = attempt => {
  const raised = attempt.objects.filter(({ drift }) => drift === 'up');
  if (raised.length === 0 || attempt.stablePods.ready === 0) return undefined;
  const names = raised.map(({ name }) => name).join(', ');
  const message = `${place(attempt)}: somebody raised ${attempt.target.canary} in ${names}; put down to ${attempt.weight}%`;
  return {
    status: saying(attempt.status, 'DriftPutDown', message, attempt.status.waitingFor),
    actions: putDown(attempt, raised),
  };
};

/**
 * R3, R29: a crash between the writes of several objects left some at their earlier position. The stored status stays
 * until all of them are written: so long as it knows of no step, an object without a position is one of them.
 */
export const unfinished: Guard = attempt => {
  const { objects, stored } = attempt;
  const behind = objects.filter(object => object.drift === 'down' && isBehind(attempt, object));
  if (behind.length === 0) return undefined;
  return { status: stored ?? attempt.status, actions: finishWrites(attempt, behind) };
};

/** Does the object stand where its own position, or the time before this attempt, left it? */
const isBehind = ({ status, stored }: Attempt, { position, canaryPercent }: ComparedObject): boolean => {
  if (position === undefined) return stored?.step?.index === 0 && canaryPercent === 0;
  const leftAt = position.revision === status.revision ? position.weight : 0;
  return position.seq < (status.seq ?? 0) && Math.abs(canaryPercent - leftAt) < 1;
};

/** R26, R28: what a person lowered, or gave to others altogether, is not raised again. */
export const driftDown: Guard = attempt => {
  const lowered = attempt.objects.filter(({ drift }) => drift === 'down' || drift === 'nothing to share');
  if (lowered.length === 0) return undefined;
  const { stable, canary } = attempt.target;
  const tell = ({ name, drift, canaryPercent }: ComparedObject): string =>
    drift === 'down'
      ? `${name} sends ${Math.round(canaryPercent)}%`
      : `${name} leaves nothing for ${stable} and ${canary} to share`;
  const seen = lowered.map(tell).join(', ');
  const message = `${place(attempt)}: somebody changed the weights (${seen}); nothing moves until they are put back; resume puts them back, abort ends the rollout`;
  const held = standStill(attempt, { ...saying(attempt.status, 'Drift', message, { what: 'drift' }), phase: 'Progressing' });
  const ours = lowered.filter(({ drift }) => drift === 'down');
  if (attempt.request?.verb !== 'resume' || ours.length === 0) return held;
  // The request stands until the weights are seen to be back, so that a write that fails is tried again.
  return { ...held, actions: putBack(attempt, ours) };
};
