import { byName } from '../byName.ts';
import { digest } from '../digest.ts';
import { isoMillis } from '../duration.ts';
import { countOf } from '../explain.ts';
import { highestSeq } from '../mesh/position.ts';
import { routesOf, SAFE, takesTraffic } from '../mesh/routes.ts';
import { earlierPercent, weightPercent } from '../mesh/weights.ts';
import type { MeshObservation, Observation, Rollout, VersionPods } from '../observation.ts';
import { saying, withHistory } from '../outcome.ts';
import { compilePlan, planHash } from '../plan/plan.ts';
import { gatesHash, targetHash } from '../plan/specHash.ts';
import { NO_PODS, type Situation } from '../situation.ts';
import type { Plan, PlanStep, RolloutStatus, Target, Traffic } from '../status.ts';
import { TAKEOVER, wayBackPlan, withFirstStep } from './firstStep.ts';
import { freshReference } from './reference.ts';

/** The first status write of an attempt: revision, target, plan and gates, with no traffic yet (R3). */
export const begin = (
  situation: Situation,
  before: RolloutStatus & { stableVersion: string },
  mesh: Extract<MeshObservation, { kind: 'resolved' }>,
  pods: VersionPods,
): RolloutStatus => {
  const { rollout, observation, nowMs } = situation;
  const { version } = rollout.spec;
  const stable = before.stableVersion;
  const target: Target = { ...mesh.target, stable, canary: version };
  const weight = adoptedWeight(mesh, target);
  const compiled = compilePlan(rollout.spec, observation.installation, freshReference(situation));
  const { intervalMs } = compiled;
  const first = firstStep(situation, mesh, { stable, adopted: weight, intervalMs, standing: before.traffic ?? SAFE });
  const stepped = first === undefined ? compiled : withFirstStep(compiled, first);
  const plan: Plan = {
    ...(isWayBack(situation, before, pods) ? wayBackPlan(compiled) : stepped),
    gatesHash: gatesHash(rollout.spec),
  };
  const attempt = (before.attempt ?? 0) + 1;
  const podHash = pods.hashes.join('.');
  const time = isoMillis(nowMs);
  const index = weight > 0 ? 1 : 0;
  const { gates: _gates, approvals: _approvals, ...kept } = before;
  const status: RolloutStatus = {
    ...kept,
    phase: 'Progressing',
    canaryVersion: version,
    attempt,
    podHash,
    revision: revisionOf(rollout, version, { podHash, attempt }),
    planHash: planHash(rollout.spec),
    targetHash: targetHash(rollout),
    target,
    plan,
    traffic: { weight },
    seq: highestSeq(before, mesh.objects),
    step: { index, count: plan.steps.length, ...(index === 0 ? {} : { name: 'adopted', startedAt: time }) },
    gates: [],
  };
  const message = `starting ${version} at ${weight}%: ${countOf(plan.steps.length, 'step')}, gates ${plan.gates.map(({ name }) => name).join(', ') || 'none'}`;
  const told = withHistory(status, nowMs, { from: stable, to: version, action: 'started', reason: 'Started', message });
  return saying(told, 'Started', message, { what: 'mesh' });
};

/** Names an attempt: a version, the pods that stand behind it, and how many attempts there were. */
export const revisionOf = (
  { uid }: Rollout,
  version: string,
  { podHash = '', attempt = 0 }: Pick<RolloutStatus, 'podHash' | 'attempt'>,
): string => digest(`${uid}/${version}/${podHash}/${attempt}`);

/** The share that the new version has already when a split mesh is taken over; the least of all objects. */
const adoptedWeight = (mesh: Extract<MeshObservation, { kind: 'resolved' }>, { stable, canary }: Target): number =>
  Math.floor(Math.min(100, ...mesh.objects.map(({ weights }) => weightPercent(weights, stable, canary) ?? 0)));

/**
 * A step before those of the spec: a split mesh that is adopted stands as it is (R7, R11), and where stable has no ready
 * pod the newest version takes the share and the routes that the failed one before it has (R9).
 */
const firstStep = (
  { observation }: Situation,
  mesh: Extract<MeshObservation, { kind: 'resolved' }>,
  { stable, adopted, intervalMs, standing }: { stable: string; adopted: number; intervalMs: number; standing: Traffic },
): PlanStep | undefined => {
  if (adopted > 0) return { name: 'adopted', weight: adopted, pauseMs: 0 };
  // Rounded up, it gives back exactly the weight that stands there: stable gets no unit more (R6.4).
  const left = Math.ceil(Math.max(0, ...mesh.objects.map(({ weights }) => earlierPercent(weights, stable))));
  const isDown = (byName(observation.pods, stable) ?? NO_PODS).ready === 0;
  const isTaken = left > 0 || takesTraffic(standing);
  const { sticky, ...routes } = routesOf(standing);
  const drawn = sticky === undefined || left === 0 || left >= 100 ? {} : { sticky };
  return isDown && isTaken ? { name: TAKEOVER, pauseMs: intervalMs, ...routes, ...drawn, weight: left } : undefined;
};

/** R10: the version that was stable before, with the pods it had then, and enough of them, within its window. */
export const isWayBack = (
  { rollout, observation, nowMs }: Pick<Situation, 'rollout' | 'nowMs'> & { readonly observation: Pick<Observation, 'pods'> },
  { previous, stableVersion }: RolloutStatus & { stableVersion: string },
  pods: VersionPods,
): boolean => {
  // an experiment that puts everything back at its end is not meant to bring a version back
  if (rollout.spec.strategy.abTest?.then === 'end') return false;
  if (previous?.version !== rollout.spec.version || previous.until === undefined || nowMs >= Date.parse(previous.until))
    return false;
  const known = previous.podHash?.split('.') ?? [];
  const needed = (byName(observation.pods, stableVersion) ?? NO_PODS).ready;
  return pods.hashes.every(hash => known.includes(hash)) && pods.ready >= needed;
};
