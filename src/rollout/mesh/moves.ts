import type { Action, SetTraffic } from '../action.ts';
import { isoMillis } from '../duration.ts';
import type { Position, SteeredObject } from '../observation.ts';
import type { Reason } from '../reason.ts';
import type { Attempt } from '../situation.ts';
import type { Routes, Traffic } from '../status.ts';
import { highestSeq } from './position.ts';
import { routesDigest, routesOf } from './routes.ts';
import { earlierPercent } from './weights.ts';

/** The writes of one move. Raising goes through the objects in order, lowering in reverse (R29). */
const writes = (
  attempt: Attempt,
  objects: readonly SteeredObject[],
  { routes, ...move }: Pick<Position, 'step' | 'weight' | 'state' | 'reason' | 'time'> & { seq?: number; routes?: Routes },
): readonly SetTraffic[] => {
  const { status, mesh, target, observation } = attempt;
  const named = routes === undefined ? undefined : routesDigest(routes);
  const position: Position = {
    seq: highestSeq(status, mesh.objects) + 1,
    revision: status.revision ?? '',
    plan: status.planHash ?? '',
    epoch: observation.epoch,
    ...(named === undefined ? {} : { routes: named }),
    ...move,
  };
  return objects.map(({ name, resourceVersion }) => ({
    kind: 'setTraffic',
    target,
    object: name,
    resourceVersion,
    weight: move.weight,
    ...(routes === undefined || named === undefined ? {} : { routes: routesOf(routes) }),
    position,
  }));
};

/**
 * Somebody raised the new version, or the one that it takes over from, and stable has no ready pod: it cannot be put down (R6.4), and no step may be entered,
 * since its weight may lie below what stands there.
 */
export const isRaisedOverNobody = ({ objects, stablePods, target, status }: Attempt, next: Traffic): boolean =>
  stablePods.ready === 0 &&
  objects.some(
    ({ drift, weights, canaryPercent, routes }) =>
      drift === 'up' ||
      Math.max(canaryPercent, Math.ceil(earlierPercent(weights, target.stable))) > next.weight ||
      (routes !== undefined && next.weight < 100 && !leadsNobodyBack(routes, status.traffic ?? {}, next)),
  );

/** Whoever is on the new version by these routes is so by the next ones, too: they are the same, or draw more people. */
const leadsNobodyBack = (digest: string, now: Routes, next: Routes): boolean => {
  if (digest === routesDigest(next)) return true;
  const { sticky: drawing, ...leading } = now;
  const { sticky: drawingNext, ...leadingNext } = next;
  const isKept = drawing === undefined || drawing.cookie === drawingNext?.cookie;
  return digest === routesDigest(now) && isKept && routesDigest(routesOf(leading)) === routesDigest(routesOf(leadingNext));
};

/** Sends the new version its share in a step; the step's clock starts with this write. */
export const raise = (attempt: Attempt, index: number, weight: number): readonly Action[] =>
  writes(attempt, attempt.objects, {
    step: index,
    weight,
    routes: attempt.plan.steps[index - 1] ?? {},
    state: 'raised',
    reason: 'StepEntered',
    time: isoMillis(attempt.nowMs),
  });

/** Puts all traffic back: every object that still sends some to the new version. */
export const lower = (attempt: Attempt, reason: Reason): readonly Action[] => {
  const open = attempt.objects.filter(({ isOpen }) => isOpen).reverse();
  return writes(attempt, open, { step: attempt.step.index, weight: 0, state: 'safe', reason, time: isoMillis(attempt.nowMs) });
};

/** Takes the traffic off a version without ready pods; the step may be entered again (R25). */
export const stepAside = (attempt: Attempt): readonly Action[] => {
  const open = attempt.objects.filter(({ isOpen }) => isOpen).reverse();
  return writes(attempt, open, {
    step: attempt.step.index,
    weight: 0,
    state: 'raised',
    reason: 'PodsLost',
    time: isoMillis(attempt.nowMs),
  });
};

/** Puts weights back to what was intended, without touching the step's clock or the loss of its pods (R25, R26). */
export const putDown = (attempt: Attempt, objects: readonly SteeredObject[]): readonly Action[] => {
  const { step, weight, hasTraffic, nowMs } = attempt;
  const lostAt = hasTraffic ? undefined : step.lowReadySince;
  return writes(attempt, [...objects].reverse(), {
    step: step.index,
    weight,
    routes: intendedRoutes(attempt),
    state: 'raised',
    reason: lostAt === undefined ? 'DriftPutDown' : 'PodsLost',
    time: lostAt ?? step.startedAt ?? isoMillis(nowMs),
  });
};

/** Raises weights that somebody else lowered to what was intended: a person asked for it, or a tool re-applied its file (R26). */
export const putBack = (
  attempt: Attempt,
  objects: readonly SteeredObject[],
  reason: 'Resumed' | 'DriftRestored',
): readonly Action[] =>
  writes(attempt, objects, {
    step: attempt.step.index,
    weight: attempt.weight,
    routes: intendedRoutes(attempt),
    state: 'raised',
    reason,
    time: attempt.step.startedAt ?? isoMillis(attempt.nowMs),
  });

const intendedRoutes = ({ status }: Attempt): Routes => status.traffic ?? {};

/** Writes the objects that a crash left behind at their earlier position; the clock starts with the last of them (R29). */
export const finishWrites = (attempt: Attempt, objects: readonly SteeredObject[]): readonly Action[] =>
  writes(attempt, objects, {
    seq: attempt.status.seq ?? 0,
    step: attempt.step.index,
    weight: attempt.weight,
    routes: intendedRoutes(attempt),
    state: 'raised',
    reason: 'StepEntered',
    time: isoMillis(attempt.nowMs),
  });
