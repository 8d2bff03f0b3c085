import { gatesSentence, place } from './explain.ts';
import { goForward, standStill } from './forward.ts';
import { continueGoingBack, goBack, isBlocked, READY_AGAIN_WITHIN_MS, readyAgainUntil } from './goBack.ts';
import { finishWrites, putDown, raise, stepAside } from './moves.ts';
import { type Outcome, saying } from './outcome.ts';
import { withOutcome } from './request.ts';
import { type Attempt, type ComparedObject, stepKey } from './situation.ts';

/** Answers when its rule applies; the first answer counts. */
type Guard = (attempt: Attempt) => Outcome | undefined;

/** Routes that cannot be told apart any more can neither be raised nor be called safe: people are needed. */
const unreadableMesh: Guard = attempt => {
  const { mesh } = attempt.observation;
  if (mesh.kind === 'resolved') return undefined;
  const message = `${place(attempt)}: ${mesh.message}; until then nothing can be moved, not even back`;
  return { status: saying(attempt.status, 'WaitingForMesh', message, { what: 'mesh' }) };
};

/** Goes on with what was decided before; an attempt that is going back never comes forward again. */
const goingBack: Guard = continueGoingBack;

/** R26: more weight than intended is put down at once. */
const driftUp: Guard = attempt => {
  const raised = attempt.objects.filter(({ drift }) => drift === 'up');
  if (raised.length === 0 || attempt.stablePods.ready === 0) return undefined;
  const names = raised.map(({ name }) => name).join(', ');
  const message = `${place(attempt)}: somebody raised ${attempt.target.canary} in ${names}; put down to ${attempt.weight}%`;
  return {
    status: saying(attempt.status, 'DriftPutDown', message, attempt.status.waitingFor),
    actions: putDown(attempt, raised),
  };
};

/** R22: a person asks to go back. */
const aborted: Guard = attempt => {
  const { request, nowMs } = attempt;
  if (request?.verb !== 'abort') return undefined;
  const forced = request.force ? { ...attempt, step: { ...attempt.step, forced: true } } : attempt;
  const { stable } = attempt.target;
  if (isBlocked(forced)) {
    const outcome = `refused: ${stable} has no ready pod, so nothing is shifted to it; abort with "force": true to go back all the same`;
    return { status: withOutcome(attempt.status, request, outcome, nowMs) };
  }
  const why = `aborted by ${request.by ?? 'a person'}${request.reason === undefined ? '' : `: ${request.reason}`}`;
  const outcome = goBack(forced, 'Aborted', why);
  return { ...outcome, status: withOutcome(outcome.status, request, why, nowMs) };
};

/** R8, R9, R10: another version is wanted, or other pods stand behind the same one. */
const replaced: Guard = attempt => {
  const { rollout, target, status, canaryPods } = attempt;
  const { version } = rollout.spec;
  if (version === target.stable) return goBack(attempt, 'WentBack', `version was set back to ${version}`);
  if (version !== target.canary) return goBack(attempt, 'Superseded', `${version} was committed`);
  const judged = status.podHash?.split('.') ?? [];
  const isNew = canaryPods.hashes.some(hash => !judged.includes(hash));
  return isNew ? goBack(attempt, 'NewPods', `the pods of ${version} were replaced`) : undefined;
};

/** R25: no ready pod of the new version while it has weight. */
const podsLost: Guard = attempt => {
  const { canaryPods, weight, step, target } = attempt;
  if (weight === 0 || canaryPods.ready > 0) return undefined;
  if (isBlocked(attempt) || (step.podsLost ?? 0) > 0)
    return goBack(attempt, 'PodsLost', `${target.canary} lost its last ready pod at ${weight}%`);
  return { status: attempt.status, actions: stepAside(attempt) };
};

/** R25: traffic is off a version that lost its pods; within 30 s, and once, it may come back. */
const podsBack: Guard = attempt => {
  const { step, weight, planStep, canaryPods, nowMs, target } = attempt;
  if (step.lowReadySince === undefined || weight > 0) return undefined;
  const until = readyAgainUntil(step.lowReadySince);
  const isLate = nowMs > until.ms || (step.podsLost ?? 0) > 1;
  if (isLate) return goBack(attempt, 'PodsLost', `${target.canary} had no ready pod for ${READY_AGAIN_WITHIN_MS / 1000} s`);
  const isFrozen = attempt.problems.length > 0;
  if (canaryPods.ready > 0 && planStep !== undefined && !isFrozen)
    return { status: attempt.status, actions: raise(attempt, step.index, planStep.weight) };
  const message = `${place(attempt)}: ${target.canary} lost its last ready pod, traffic was taken off it; the step begins again if a pod is ready by then`;
  return { status: saying(attempt.status, 'PodsLost', message, { what: 'pods', until: until.iso }), lookAgainAtMs: until.ms + 1 };
};

/** R17, R25: the evidence says no. */
const gateFailed: Guard = attempt => {
  const failed = attempt.gates.find(({ verdict }) => verdict === 'Fail');
  if (failed === undefined || attempt.weight === 0) return undefined;
  return goBack(attempt, failed.name === 'unattributed' ? 'UnattributedFailures' : 'GateFailed', failed.message);
};

/** R12: a spec that contradicts itself stops forward movement only. */
const invalidSpec: Guard = attempt => {
  const [first] = attempt.problems;
  if (first === undefined) return undefined;
  const message = `${place(attempt)}: ${first.path} ${first.message}; nothing moves forward until the spec is mended`;
  return standStill(attempt, { ...saying(attempt.status, 'InvalidSpec', message, { what: 'person' }), phase: 'Invalid' });
};

/**
 * R3, R29: a crash between the writes of several objects left some at their earlier position. The stored status stays
 * until all of them are written: so long as it knows of no step, an object without a position is one of them.
 */
const unfinished: Guard = attempt => {
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
const driftDown: Guard = attempt => {
  const lowered = attempt.objects.filter(({ drift }) => drift === 'down' || drift === 'nothing to share');
  if (lowered.length === 0) return undefined;
  const { stable, canary } = attempt.target;
  const tell = ({ name, drift, canaryPercent }: ComparedObject): string =>
    drift === 'down'
      ? `${name} sends ${Math.round(canaryPercent)}%`
      : `${name} leaves nothing for ${stable} and ${canary} to share`;
  const seen = lowered.map(tell).join(', ');
  const message = `${place(attempt)}: somebody changed the weights (${seen}); nothing moves until they are put back, or the rollout is aborted`;
  return standStill(attempt, { ...saying(attempt.status, 'Drift', message, { what: 'drift' }), phase: 'Progressing' });
};

/** R22: a person lets the step go on; what is missing no longer holds it, a failed gate would have come before. */
const promoted: Guard = attempt => {
  const { request, nowMs, step, status } = attempt;
  if (request?.verb !== 'promote') return undefined;
  const by = request.by ?? 'a person';
  const message = `${place(attempt)}: promoted by ${by} (${gatesSentence(attempt.gates)})`;
  const next = withOutcome(
    { ...status, gates: attempt.gates, step: { ...step, promotedBy: by } },
    request,
    `accepted: step ${step.index} promoted`,
    nowMs,
  );
  return { status: { ...saying(next, 'RequestAccepted', message), phase: 'Progressing' }, lookAgainAtMs: nowMs };
};

/** The order of precedence (R6). Deletion needs no guard of its own: without a finalizer the object is simply gone. */
const GUARDS: readonly Guard[] = [
  unreadableMesh,
  aborted,
  goingBack,
  driftUp,
  replaced,
  podsLost,
  podsBack,
  gateFailed,
  invalidSpec,
  unfinished,
  driftDown,
  promoted,
  goForward,
];

export const decideAttempt = (attempt: Attempt): Outcome => {
  for (const guard of GUARDS) {
    const outcome = guard(attempt);
    if (outcome !== undefined) return withWeight(attempt, outcome);
  }
  return { status: attempt.status };
};

/** What is intended, what the objects say, and what requests show. */
const withWeight = ({ objects, observation }: Attempt, outcome: Outcome): Outcome => {
  const { status } = outcome;
  if (status.step === undefined) return outcome;
  const shares = Object.values(observation.measurements).flatMap(m =>
    m.kind === 'counts' && m.canaryPercent !== undefined ? [m.canaryPercent] : [],
  );
  const [measured] = observation.measuredStep === stepKey(status) ? shares : [];
  const weight = {
    desired: status.traffic?.weight ?? 0,
    observed: Math.round(Math.max(0, ...objects.map(({ canaryPercent }) => canaryPercent))),
    ...(measured === undefined ? {} : { measured: Math.round(measured * 10) / 10 }),
  };
  return { ...outcome, status: { ...status, weight } };
};
