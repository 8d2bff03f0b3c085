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
  type SetTraffic,
} from '../../src/rollout/index.ts';

type Look = { readonly rollout: Rollout; readonly observation: Observation; readonly decision: Decision; readonly nowMs: number };

/** Looks at every decision of a world, and fails at the first one that breaks a law. */
export const watchLaws = (): ((rollout: Rollout, observation: Observation, decision: Decision, nowMs: number) => void) => {
  const givenUp = new Set<string>();
  return (rollout, observation, decision, nowMs) => {
    const look: Look = { rollout, observation, decision, nowMs };
    expect(decide(rollout, observation, nowMs), 'R1: the same input gives the same output').toEqual(decision);
    expect(decision.status.message.trim(), 'R36: never without words').not.toBe('');
    for (const revision of recordedAsGoingBack(look)) givenUp.add(revision);
    const writes = decision.actions.filter(action => action.kind === 'setTraffic');
    for (const write of writes) checkWrite(look, write, givenUp);
  };
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
  const planned = rollout.status?.plan?.steps[position.step - 1]?.weight ?? 0;
  expect([0, planned], `a weight that no position explains: ${JSON.stringify(write)}`).toContain(weight);
  if (drift === 'down') checkRaise(look, write, givenUp);
  const stableReady = observation.pods[target.stable]?.ready ?? 0;
  const forced = decision.status.step?.forced === true;
  if (drift === 'up')
    expect(stableReady > 0 || forced, 'R6: nothing is shifted to a stable version without a ready pod').toBe(true);
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
  const problems = checkSpec(rollout.spec, observation.installation).filter(({ severity }) => severity === 'error');
  expect(problems, 'R12: no raise while the spec contradicts itself').toEqual([]);
  const from = stored?.step?.index ?? 0;
  if (from === 0 || position.step <= from) return;
  expect(position.step, 'R4: steps are entered one by one').toBe(from + 1);
  if (stored?.step?.promotedBy !== undefined) return;
  const pauseMs = stored?.plan?.steps[from - 1]?.pauseMs ?? Number.POSITIVE_INFINITY;
  expect(nowMs - Date.parse(stored?.step?.startedAt ?? ''), 'R4: no step shorter than its pause').toBeGreaterThanOrEqual(pauseMs);
  for (const gate of stored?.plan?.gates ?? [])
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
