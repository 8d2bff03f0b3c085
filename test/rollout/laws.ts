import { expect } from 'vitest';
import {
  checkSpec,
  type Decision,
  decide,
  driftOf,
  type GateStatus,
  type Observation,
  type PlanGate,
  type Rollout,
  type RouteWeights,
  type SetTraffic,
  splitWeights,
} from '../../src/rollout/index.ts';

type Look = { readonly rollout: Rollout; readonly observation: Observation; readonly decision: Decision; readonly nowMs: number };

/** A law that every decision obeys. Decisions are millions, and `expect` costs more than what it looks at. */
const demand = (isObeyed: boolean, law: string, look: Look): void => {
  if (!isObeyed) expect.unreachable(`${law}, but: ${JSON.stringify({ ...look.decision, observation: look.observation })}`);
};

/**
 * Looks at every decision of a world, and fails at the first one that breaks a law; every n-th of them is made twice (R1),
 * with `Infinity` none.
 */
export const watchLaws = (
  twiceEvery = 1,
): ((rollout: Rollout, observation: Observation, decision: Decision, nowMs: number) => void) => {
  const givenUp = new Set<string>();
  let looks = 0;
  return (rollout, observation, decision, nowMs) => {
    const look: Look = { rollout, observation, decision, nowMs };
    looks += 1;
    if (looks % twiceEvery === 0) checkSame(look);
    demand(decision.status.message.trim() !== '', 'R36: never without words', look);
    checkReady(look);
    checkFinalizer(look);
    for (const revision of recordedAsGoingBack(look)) givenUp.add(revision);
    const writes = decision.actions.filter(action => action.kind === 'setTraffic');
    for (const write of writes) checkWrite(look, write, givenUp);
  };
};

const checkSame = ({ rollout, observation, decision, nowMs }: Look): void => {
  const again = decide(rollout, observation, nowMs);
  if (!isSame(again, decision)) expect(again, 'R1: the same input gives the same output').toEqual(decision);
};

/** Decisions are many, so what is the same object is not looked into. */
const isSame = (a: unknown, b: unknown): boolean => {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every(key => isSame((a as Readonly<Record<string, unknown>>)[key], (b as Readonly<Record<string, unknown>>)[key]))
  );
};

/** Attempts of which the status or the mesh says that traffic goes back; a decision that was never written down is none. */
const recordedAsGoingBack = ({ rollout, observation: { mesh } }: Look): readonly string[] => {
  const stored = rollout.status?.phase === 'RollingBack' ? [rollout.status.revision ?? ''] : [];
  const objects = mesh.kind === 'resolved' ? mesh.objects : [];
  return [...stored, ...objects.flatMap(({ position }) => (position?.state === 'safe' ? [position.revision] : []))];
};

const readyOf = ({ observation: { pods } }: Look, version: string): number => pods[version]?.ready ?? 0;

const checkWrite = (look: Look, write: SetTraffic, givenUp: ReadonlySet<string>): void => {
  const { weight, position, target } = write;
  const { decision, observation, rollout } = look;
  demand(Number.isInteger(weight) && weight >= 0 && weight <= 100, 'R28: a share is a whole percentage', look);
  demand(position.weight === weight, 'R3: the position says the weight', look);
  if (position.reason === 'Pinning') return;
  const { mesh } = observation;
  const object = mesh.kind === 'resolved' ? mesh.objects.find(({ name }) => name === write.object) : undefined;
  const drift = object ? driftOf(object.weights, target.stable, target.canary, weight) : 'none';
  const isForced = decision.status.step?.forced === true;
  const isStableReady = readyOf(look, target.stable) > 0;
  if (object && !isStableReady && !isForced) checkNothingForNobody(look, object.weights, write);
  const planned = rollout.status?.plan?.steps[position.step - 1]?.weight ?? 0;
  demand(weight === 0 || weight === planned, 'R4: no weight that no position explains', look);
  if (drift === 'down') checkRaise(look, write, givenUp);
  if (drift === 'up') demand(isStableReady || isForced, 'R6: nothing is shifted to a stable version without a ready pod', look);
};

const ENDS = ['promoted', 'rolledBack', 'superseded', 'ended'];

/** What a tool that knows nothing of us reads: Ready at this generation means that this version is rolled out. */
const checkReady = (look: Look): void => {
  const { rollout, decision } = look;
  const { status } = decision;
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True' || ready.observedGeneration !== rollout.generation || rollout.isDeleting) return;
  // an experiment that is over is what its spec wanted, though its version is not stable, and whatever is changed afterwards
  if (status.history?.findLast(({ action }) => ENDS.includes(action))?.action === 'ended') return;
  demand(status.stableVersion === rollout.spec.version, `Ready at generation ${rollout.generation} means rolled out`, look);
};

/** R30: there before the first weight, gone only when nothing is left to put back, or nobody could take it. */
const checkFinalizer = (look: Look): void => {
  const { isDeleting, hasFinalizer, spec, status } = look.rollout;
  for (const action of look.decision.actions) {
    if (action.kind !== 'setFinalizer') continue;
    demand(action.isWanted === !hasFinalizer, 'R30: only what changes', look);
    if (action.isWanted) demand(!isDeleting, 'R30: nothing is held back late', look);
    if (action.isWanted || status?.step === undefined) continue;
    demand(isDeleting === true, 'R30: held until the attempt ends', look);
    const { mesh } = look.observation;
    const { stable = '', canary = '' } = status.target ?? {};
    const nobody = readyOf(look, stable) === 0 || mesh.kind === 'problem' || spec.onDelete === 'keep';
    const open = mesh.kind === 'resolved' && mesh.objects.some(({ weights }) => driftOf(weights, stable, canary, 0) === 'up');
    demand(nobody || !open, 'R30: Safe first', look);
  }
};

/** R6: what a stable version without a ready pod has does not grow, whoever had it before. */
const checkNothingForNobody = (look: Look, { versions, earlier = [] }: RouteWeights, { target, weight }: SetTraffic): void => {
  const ours = Object.entries(versions).filter(
    ([name]) => name === '*' || name === target.stable || name === target.canary || earlier.includes(name),
  );
  const total = ours.reduce((sum, [, share]) => sum + share, 0);
  if (total === 0) return;
  const after = splitWeights(total, weight).stable;
  demand(after <= (versions[target.stable] ?? 0), `R6: nothing is shifted to ${target.stable} without a ready pod`, look);
};

const checkRaise = (look: Look, { position, target }: SetTraffic, givenUp: ReadonlySet<string>): void => {
  const { rollout, observation, nowMs } = look;
  const stored = rollout.status;
  const ready = readyOf(look, target.canary);
  demand(!givenUp.has(position.revision), 'R23: never raised again once it went back', look);
  demand(stored?.revision === position.revision, 'R3: an attempt is stored before its first write', look);
  demand(ready > 0, 'R13: no raise without a ready pod', look);
  demand(rollout.isDeleting !== true, 'R30: never raised once deleted', look);
  demand(rollout.hasFinalizer === true || rollout.spec.onDelete === 'keep', 'R30: the finalizer comes before the weight', look);
  const problems = checkSpec(rollout.spec, observation.installation).filter(({ severity }) => severity === 'error');
  demand(problems.length === 0, 'R12: no raise while the spec contradicts itself', look);
  const from = stored?.step?.index ?? 0;
  const isForward = position.step > from && !hasBegun(look, position);
  const isPaused = rollout.spec.paused === true || stored?.pause !== undefined;
  demand(!(isForward && isPaused), 'R20: a pause stops forward movement', look);
  if (from === 0 || !isForward) return;
  demand(position.step === from + 1, 'R4: steps are entered one by one', look);
  if (stored?.step?.promotedBy !== undefined) return;
  const began = stored?.traffic?.weight === 0 ? 0 : (stored?.step?.readyAtStart ?? 0);
  demand(ready >= began, 'R25: nothing goes forward on a set that shrank', look);
  const pauseMs = stored?.plan?.steps[from - 1]?.pauseMs ?? Number.POSITIVE_INFINITY;
  const startedMs = Date.parse(stored?.step?.startedAt ?? '');
  demand(nowMs - startedMs >= pauseMs, 'R4: no step shorter than its pause', look);
  for (const gate of (stored?.plan?.gates ?? []).filter(({ steps }) => steps?.includes(from) ?? true)) {
    const state = stored?.gates?.find(({ name }) => name === gate.name);
    checkGate(look, gate, { state, startedMs });
  }
};

/** R29: a move that one object has made already goes on in the others, whatever has come between; it was free to begin. */
const hasBegun = ({ observation: { mesh } }: Look, { revision, seq, step }: SetTraffic['position']): boolean =>
  mesh.kind === 'resolved' &&
  mesh.objects.some(({ position }) => position?.revision === revision && position.seq === seq && position.step === step);

type Judged = { readonly state: GateStatus | undefined; readonly startedMs: number };

/** R14: passed, on enough samples, of this step. */
const checkGate = (look: Look, gate: PlanGate, { state, startedMs }: Judged): void => {
  demand(state?.verdict === 'Pass' || state?.verdict === 'NotApplicable', `R14: ${gate.name} passed`, look);
  if (state?.message.endsWith('gets no traffic in this step')) return;
  if (gate.name !== 'unattributed' && gate.source.kind !== 'query')
    demand((state?.samples ?? 0) >= gate.minSamples, `R14: ${gate.name} passed on enough samples`, look);
  demand(Date.parse(state?.at ?? '') >= startedMs, `R14: ${gate.name} passed in this step`, look);
};
