import { isoMillis } from './duration.ts';
import { place } from './explain.ts';
import { standStill } from './forward.ts';
import { goBack, isBlocked, READY_AGAIN_WITHIN_MS, readyAgainUntil } from './goBack.ts';
import { nextGridPointMs } from './grid.ts';
import { isRaisedOverNobody, raise, stepAside } from './moves.ts';
import { type Guard, saying } from './outcome.ts';
import { SAFE } from './routes.ts';

/** R25: no ready pod of the new version while it has weight. */
export const podsLost: Guard = attempt => {
  const { canaryPods, weight, hasTraffic, step, target } = attempt;
  if (!hasTraffic || canaryPods.ready > 0) return undefined;
  if (isBlocked(attempt) || (step.podsLost ?? 0) > 0)
    return goBack(attempt, 'PodsLost', `${target.canary} lost its last ready pod at ${weight}%`);
  return { status: attempt.status, actions: stepAside(attempt) };
};

/** R25: traffic is off a version that lost its pods; within 30 s, and once, it may come back. */
export const podsBack: Guard = attempt => {
  const { step, hasTraffic, planStep, canaryPods, nowMs, target } = attempt;
  if (step.lowReadySince === undefined || hasTraffic) return undefined;
  const until = readyAgainUntil(step.lowReadySince, attempt);
  const isLate = nowMs > until.ms || (step.podsLost ?? 0) > 1;
  if (isLate) return goBack(attempt, 'PodsLost', `${target.canary} had no ready pod for ${READY_AGAIN_WITHIN_MS / 1000} s`);
  const isFrozen = attempt.problems.length > 0 || isRaisedOverNobody(attempt, planStep ?? SAFE);
  if (canaryPods.ready > 0 && planStep !== undefined && !isFrozen)
    return { status: attempt.status, actions: raise(attempt, step.index, planStep.weight) };
  const message = `${place(attempt)}: ${target.canary} lost its last ready pod, traffic was taken off it; the step begins again if a pod is ready by then`;
  return { status: saying(attempt.status, 'PodsLost', message, { what: 'pods', until: until.iso }), lookAgainAtMs: until.ms + 1 };
};

/** R25: fewer than half of the pods that the step began with, for 30 s, is too few. */
export const podsShrinking: Guard = attempt => {
  const { step, hasTraffic, canaryPods, nowMs, target, status } = attempt;
  if (!hasTraffic || step.readyAtStart === undefined) return undefined;
  const { lowReadySince, ...rest } = step;
  const isLow = canaryPods.ready < step.readyAtStart / 2;
  if (!isLow) return lowReadySince === undefined ? undefined : { status: { ...status, step: rest }, lookAgainAtMs: nowMs };
  const since = lowReadySince ?? isoMillis(nowMs);
  const until = readyAgainUntil(since, attempt);
  const has = `${target.canary} has ${canaryPods.ready} of the ${step.readyAtStart} ready pods that the step began with`;
  if (nowMs >= until.ms) return goBack(attempt, 'PodsLost', `${has}, for ${READY_AGAIN_WITHIN_MS / 1000} s`);
  const message = `${place(attempt)}: ${has}; goes back if it stays so`;
  const told = saying({ ...status, step: { ...step, lowReadySince: since } }, 'PodsShrinking', message, {
    what: 'pods',
    until: until.iso,
  });
  return { ...standStill(attempt, told), lookAgainAtMs: Math.min(until.ms, nextGridPointMs(attempt)) };
};
