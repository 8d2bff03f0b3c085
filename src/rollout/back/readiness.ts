import { isoMillis, momentFor } from '../duration.ts';
import { place } from '../explain.ts';
import { standStill } from '../forward/forward.ts';
import { nextGridPointMs } from '../forward/grid.ts';
import { brokenMesh } from '../forward/meshFindings.ts';
import { noSubset, subsetFirst } from '../forward/subset.ts';
import { isRaisedOverNobody, raise, stepAside } from '../mesh/moves.ts';
import { SAFE } from '../mesh/routes.ts';
import { type Guard, saying } from '../outcome.ts';
import type { Attempt } from '../situation.ts';
import { goBack, isBlocked, READY_AGAIN_WITHIN_MS, readyAgainUntil } from './goBack.ts';

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
  const broken = canaryPods.ready > 0 ? brokenMesh(attempt) : undefined;
  const why = broken === undefined ? 'had no ready pod for' : 'lost its last ready pod, and a mesh check held it for';
  if (isLate) return goBack(attempt, 'PodsLost', `${target.canary} ${why} ${READY_AGAIN_WITHIN_MS / 1000} s`);
  const isFrozen = attempt.problems.length > 0 || isRaisedOverNobody(attempt, planStep ?? SAFE);
  const mayCome = canaryPods.ready > 0 && !isFrozen && isLossStored(attempt) && broken === undefined;
  const first = mayCome ? subsetFirst({ ...attempt, settleMs: attempt.plan.settleMs }, target, target.canary) : undefined;
  if (mayCome && planStep !== undefined && first === undefined)
    return { status: attempt.status, actions: raise(attempt, step.index, planStep.weight) };
  const lost = `${target.canary} lost its last ready pod, traffic was taken off it`;
  const end = `by ${momentFor(until.ms, nowMs)}, else it is rolled back`;
  const wait = first === 'refused' ? `${noSubset(target, target.canary)} ${end}` : `the step begins again if one is ready ${end}`;
  if (broken !== undefined) {
    const held = saying(attempt.status, 'MeshCheckFailed', `${place(attempt)}: ${lost}; ${broken} ${end}`, {
      what: 'mesh',
      until: until.iso,
    });
    return { lookAgainAtMs: until.ms + 1, status: held };
  }
  const message = `${place(attempt)}: ${lost}; ${wait}`;
  const [reason, what] = first === 'refused' ? (['WaitingForMesh', 'mesh'] as const) : (['PodsLost', 'pods'] as const);
  const status = saying(attempt.status, reason, message, { what, until: until.iso });
  return { lookAgainAtMs: until.ms + 1, ...(first === 'refused' ? {} : first), status };
};

/** A refused status write holds back the raise (R3): how often the pods were lost must be known to whoever comes next. */
const isLossStored = ({ stored, step }: Attempt): boolean =>
  stored?.step?.lowReadySince === step.lowReadySince && stored?.step?.podsLost === step.podsLost;

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
  const message = `${place(attempt)}: ${has}; goes back at ${momentFor(until.ms, nowMs)} if it stays so`;
  const told = saying({ ...status, step: { ...step, lowReadySince: since } }, 'PodsShrinking', message, {
    what: 'pods',
    until: until.iso,
  });
  return { ...standStill(attempt, told), lookAgainAtMs: Math.min(until.ms, nextGridPointMs(attempt)) };
};
