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

/** Looks at every decision of a world, and fails at the first one that breaks a law; `once` leaves R1 to others. */
export const watchLaws = (
  again: 'twice' | 'once' = 'twice',
): ((rollout: Rollout, observation: Observation, decision: Decision, nowMs: number) => void) => {
  const givenUp = new Set<string>();
  return (rollout, observation, decision, nowMs) => {
    const look: Look = { rollout, observation, decision, nowMs };
    if (again === 'twice') checkSame(look);
    if (decision.status.message.trim() === '') expect.unreachable('R36: never without words');
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

const checkWrite = (look: Look, write: SetTraffic, givenUp: ReadonlySet<string>): void => {
  const { weight, position, target } = write;
  const { decision, observation, rollout } = look;
  expect(Number.isInteger(weight) && weight >= 0 && weight <= 100, `a share: ${weight}`).toBe(true);
  expect(position.weight, 'R3: the position says the weight').toBe(weight);
  if (position.reason === 'Pinning') return;
  const { mesh } = observation;
  const object = mesh.kind === 'resolved' ? mesh.objects.find(({ name }) => name === write.object) : undefined;
  const drift = object ? driftOf(object.weights, target.stable, target.canary, weight) : 'none';
  const isDown = (observation.pods[target.stable]?.ready ?? 0) === 0 && decision.status.step?.forced !== true;
  if (object && isDown) checkNothingForNobody(object.weights, write);
  const planned = rollout.status?.plan?.steps[position.step - 1]?.weight ?? 0;
  expect([0, planned], `a weight that no position explains: ${JSON.stringify(write)}`).toContain(weight);
  if (drift === 'down') checkRaise(look, write, givenUp);
  const stableReady = observation.pods[target.stable]?.ready ?? 0;
  const forced = decision.status.step?.forced === true;
  if (drift === 'up')
    expect(stableReady > 0 || forced, 'R6: nothing is shifted to a stable version without a ready pod').toBe(true);
};

/** What a tool that knows nothing of us reads: Ready at this generation means that this version is rolled out. */
const checkReady = ({ rollout, decision: { status } }: Look): void => {
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True' || ready.observedGeneration !== rollout.generation || rollout.isDeleting) return;
  // an experiment that is over is what its spec wanted, though its version is not stable
  if (status.reason === 'ExperimentEnded') return;
  if (status.stableVersion === rollout.spec.version) return;
  expect(status.stableVersion, `Ready at generation ${rollout.generation}`).toBe(rollout.spec.version);
};

/** R30: there before the first weight, gone only when nothing is left to put back, or nobody could take it. */
const checkFinalizer = ({ rollout, observation, decision }: Look): void => {
  const { isDeleting, hasFinalizer, spec, status } = rollout;
  for (const action of decision.actions) {
    if (action.kind === 'setFinalizer') expect(action.isWanted, 'R30: only what changes').toBe(!hasFinalizer);
    if (action.kind === 'setFinalizer' && action.isWanted) expect(isDeleting, 'R30: nothing is held back late').toBe(false);
    if (action.kind !== 'setFinalizer' || action.isWanted || status?.step === undefined) continue;
    expect(isDeleting, 'R30: held until the attempt ends').toBe(true);
    const { mesh, pods } = observation;
    const { stable = '', canary = '' } = status.target ?? {};
    const nobody = (pods[stable]?.ready ?? 0) === 0 || mesh.kind === 'problem' || spec.onDelete === 'keep';
    const open = mesh.kind === 'resolved' && mesh.objects.some(({ weights }) => driftOf(weights, stable, canary, 0) === 'up');
    expect(nobody || !open, 'R30: Safe first').toBe(true);
  }
};

/** R6: what a stable version without a ready pod has does not grow, whoever had it before. */
const checkNothingForNobody = ({ versions, earlier = [] }: RouteWeights, { target, weight }: SetTraffic): void => {
  const ours = Object.entries(versions).filter(
    ([name]) => name === '*' || name === target.stable || name === target.canary || earlier.includes(name),
  );
  const total = ours.reduce((sum, [, share]) => sum + share, 0);
  if (total === 0) return;
  const after = splitWeights(total, weight).stable;
  expect(after, `R6: nothing is shifted to ${target.stable} without a ready pod`).toBeLessThanOrEqual(
    versions[target.stable] ?? 0,
  );
};

const checkRaise = (
  { rollout, observation, nowMs }: Look,
  { position, target }: SetTraffic,
  givenUp: ReadonlySet<string>,
): void => {
  const stored = rollout.status;
  expect(givenUp.has(position.revision), 'R23: never raised again once it went back').toBe(false);
  expect(stored?.revision, 'R3: an attempt is stored before its first write').toBe(position.revision);
  expect(observation.pods[target.canary]?.ready ?? 0, 'R13: no raise without a ready pod').toBeGreaterThan(0);
  expect(rollout.isDeleting, 'R30: never raised once deleted').toBe(false);
  expect(rollout.hasFinalizer || rollout.spec.onDelete === 'keep', 'R30: the finalizer comes before the weight').toBe(true);
  const problems = checkSpec(rollout.spec, observation.installation).filter(({ severity }) => severity === 'error');
  expect(problems, 'R12: no raise while the spec contradicts itself').toEqual([]);
  const from = stored?.step?.index ?? 0;
  const isForward = position.step > from;
  const isPaused = rollout.spec.paused === true || stored?.pause !== undefined;
  expect(isForward && isPaused, 'R20: a pause stops forward movement').toBe(false);
  if (from === 0 || !isForward) return;
  expect(position.step, 'R4: steps are entered one by one').toBe(from + 1);
  if (stored?.step?.promotedBy !== undefined) return;
  const began = stored?.traffic?.weight === 0 ? 0 : (stored?.step?.readyAtStart ?? 0);
  const ready = observation.pods[target.canary]?.ready ?? 0;
  expect(ready, 'R25: nothing goes forward on a set that shrank').toBeGreaterThanOrEqual(began);
  const pauseMs = stored?.plan?.steps[from - 1]?.pauseMs ?? Number.POSITIVE_INFINITY;
  expect(nowMs - Date.parse(stored?.step?.startedAt ?? ''), 'R4: no step shorter than its pause').toBeGreaterThanOrEqual(pauseMs);
  for (const gate of (stored?.plan?.gates ?? []).filter(({ steps }) => steps?.includes(from) ?? true))
    checkGate(
      gate,
      stored?.gates?.find(({ name }) => name === gate.name),
      stored?.step?.startedAt,
    );
};

/** R14: passed, on enough samples, of this step. */
const checkGate = (gate: PlanGate, state: GateStatus | undefined, startedAt: string | undefined): void => {
  const told = `R14: ${gate.name} ${JSON.stringify(state)}`;
  expect(['Pass', 'NotApplicable'], told).toContain(state?.verdict);
  if (state?.message.endsWith('gets no traffic in this step')) return;
  if (gate.name !== 'unattributed' && gate.source.kind !== 'query')
    expect(state?.samples ?? 0, told).toBeGreaterThanOrEqual(gate.minSamples);
  expect(Date.parse(state?.at ?? ''), told).toBeGreaterThanOrEqual(Date.parse(startedAt ?? ''));
};
