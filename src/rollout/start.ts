import { digest } from './digest.ts';
import { isoMillis } from './duration.ts';
import { preferred } from './gatePlan.ts';
import type { MeshObservation, Reference, VersionPods } from './observation.ts';
import { type Outcome, saying, withHistory } from './outcome.ts';
import { compilePlan, planHash } from './plan.ts';
import { highestSeq } from './position.ts';
import { withOutcome } from './request.ts';
import { NO_PODS, type Situation } from './situation.ts';
import type { Plan, PlanStep, RolloutStatus, Target, WaitingFor } from './status.ts';
import { driftOf, earlierPercent, weightPercent } from './weights.ts';

const REFERENCE_FRESH_MS = 60_000;
const REFERENCE_RETRY_MS = 5_000;

/** Nothing is in progress: stay, or start when another version is wanted (R8, R10). */
export const decideIdle = (situation: Situation, status: RolloutStatus & { stableVersion: string }): Outcome => {
  const { version } = situation.rollout.spec;
  const stable = status.stableVersion;
  if (version === stable) return { status: healthy(status) };
  if (version === status.canaryVersion) return retried(situation, status) ?? { status: stayRolledBack(situation, status) };
  const [problem] = situation.problems;
  if (problem !== undefined) {
    const message = `${stable} stays at 100%: ${problem.path} ${problem.message}; nothing starts until the spec is mended`;
    return { status: { ...saying(status, 'InvalidSpec', message, { what: 'person' }), phase: 'Invalid' } };
  }
  return prepare(situation, status);
};

const healthy = (status: RolloutStatus & { stableVersion: string }): RolloutStatus => {
  if (status.phase === 'Healthy') return status;
  const { canaryVersion: _canary, target: _target, gates: _gates, revision: _revision, pause: _pause, ...rest } = status;
  const message = `${status.stableVersion} is stable at 100%; nothing to do until the version changes`;
  return { ...saying(rest, 'UpToDate', message), phase: 'Healthy' };
};

/** Between attempts only a version that was rolled back is still named; new pods alone start it no second time (R8). */
const stayRolledBack = ({ observation }: Situation, status: RolloutStatus): RolloutStatus => {
  const rolledBack = status.history?.findLast(({ action }) => action === 'rolledBack');
  const again: RolloutStatus =
    status.phase === 'RolledBack'
      ? status
      : { ...saying(status, rolledBack?.reason ?? 'RolledBack', rolledBack?.message ?? 'rolled back'), phase: 'RolledBack' };
  const judged = status.podHash?.split('.') ?? [];
  const isNew = observation.pods[status.canaryVersion ?? '']?.hashes.some(hash => !judged.includes(hash)) ?? false;
  const note = `; ${status.canaryVersion} has new pods since`;
  return isNew && !again.message.endsWith(note) ? { ...again, message: `${again.message}${note}` } : again;
};

/** R22: a person wants another attempt; what failed is no longer named, so the version starts like any other. */
const retried = ({ request, nowMs }: Situation, status: RolloutStatus): Outcome | undefined => {
  if (request?.verb !== 'retry') return undefined;
  const message = `${status.canaryVersion} is tried again for ${request.by ?? 'a person'}`;
  const next = withOutcome(
    { ...saying(withoutCanary(status), 'Retried', message), phase: 'Pending' },
    request,
    'accepted: tried again',
    nowMs,
  );
  return { status: next, lookAgainAtMs: nowMs };
};

/** What must be known before an attempt begins: where to write, which pods, what was normal. */
const prepare = (situation: Situation, status: RolloutStatus & { stableVersion: string }): Outcome => {
  const { observation, rollout, nowMs } = situation;
  const { version } = rollout.spec;
  const stable = status.stableVersion;
  const { mesh, reference } = observation;
  const wait = (reason: Parameters<typeof saying>[1], what: WaitingFor['what'], why: string): RolloutStatus => ({
    ...saying(withoutCanary(status), reason, `${version} is to replace ${stable}: ${why}`, { what }),
    phase: 'Pending',
  });
  if (rollout.spec.paused === true)
    return { status: wait('PausedByPerson', 'person', 'spec.paused is true; set it to false to start') };
  if (mesh.kind === 'problem') return { status: wait('WaitingForMesh', 'mesh', mesh.message) };
  const drift = startDrift(mesh, stable, version, rollout.spec.initialVersion === stable && status.attempt === undefined);
  if (drift !== undefined) return { status: wait('Drift', 'drift', drift) };
  const pods = observation.pods[version] ?? NO_PODS;
  if (pods.ready === 0) {
    const why =
      pods.total === 0 ? `no pod of ${version} exists yet` : `none of the ${pods.total} pods of ${version} is ready yet`;
    return { status: wait('WaitingForPods', 'pods', `${why}; starts by itself then`) };
  }
  // Going back is not held by a provider that is away: without a reference the default limits hold.
  const isUrgent = reference?.kind === 'error' && isWayBack(situation, status, pods);
  const missing = isUrgent ? undefined : missingReference(situation, stable);
  if (missing !== undefined) {
    const again = reference === undefined || reference.kind === 'measured' || nowMs - reference.atMs >= REFERENCE_RETRY_MS;
    const failed = reference?.kind === 'error' ? reference.message : undefined;
    return {
      status: failed === undefined ? status : wait('ProviderError', 'gates', `what is normal cannot be measured: ${failed}`),
      actions: again ? [{ kind: 'measureReference', atMs: nowMs, stable, canary: version, ...missing }] : [],
      lookAgainAtMs: (again ? nowMs : reference.atMs) + REFERENCE_RETRY_MS,
      isUndecided: failed === undefined,
    };
  }
  return { status: begin(situation, status, mesh, pods), lookAgainAtMs: nowMs };
};

const withoutCanary = (status: RolloutStatus): RolloutStatus => {
  const { canaryVersion: _canary, revision: _revision, gates: _gates, ...rest } = status;
  return rest;
};

/** The providers that have yet to tell what is normal: default limits and the built-in gate come from it. */
const missingReference = (
  { observation, rollout, nowMs }: Situation,
  stable: string,
): { prometheus?: string; zipkin?: string } | undefined => {
  const { installation, reference } = observation;
  const prometheus = preferred(installation.prometheus);
  const zipkin = rollout.spec.analysis?.gates === undefined ? preferred(installation.zipkin) : undefined;
  if (prometheus === undefined && zipkin === undefined) return undefined;
  const known =
    reference?.kind === 'measured' && reference.stableVersion === stable && nowMs - reference.atMs <= REFERENCE_FRESH_MS;
  return known ? undefined : { ...(prometheus === undefined ? {} : { prometheus }), ...(zipkin === undefined ? {} : { zipkin }) };
};

/** A rollout starts from a mesh that sends everything to stable, or from the split that it has just adopted (R7). */
const startDrift = (
  mesh: Extract<MeshObservation, { kind: 'resolved' }>,
  stable: string,
  canary: string,
  adoptsSplit: boolean,
): string | undefined => {
  if (adoptsSplit) return undefined;
  const odd = mesh.objects.filter(({ weights }) => driftOf(weights, stable, canary, 0) !== 'none').map(({ name }) => name);
  return odd.length === 0
    ? undefined
    : `${odd.join(', ')} does not send everything to ${stable}; put its weights right, and it starts by itself`;
};

/** The first status write of an attempt: revision, target, plan and gates, with no traffic yet (R3). */
const begin = (
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
  const compiled = compilePlan(rollout.spec, observation.installation, fresh(observation.reference));
  const plan = isWayBack(situation, before, pods)
    ? wayBackPlan(compiled)
    : withFirstStep(compiled, firstStep(situation, mesh, { stable, adopted: weight, intervalMs: compiled.intervalMs }));
  const attempt = (before.attempt ?? 0) + 1;
  const podHash = pods.hashes.join('.');
  const time = isoMillis(nowMs);
  const index = weight > 0 ? 1 : 0;
  const { gates: _gates, ...kept } = before;
  const status: RolloutStatus = {
    ...kept,
    phase: 'Progressing',
    canaryVersion: version,
    attempt,
    podHash,
    revision: digest(`${rollout.uid}/${version}/${podHash}/${attempt}`),
    planHash: planHash(rollout.spec),
    target,
    plan,
    traffic: { weight },
    seq: highestSeq(before, mesh.objects),
    step: { index, count: plan.steps.length, ...(index === 0 ? {} : { name: 'adopted', startedAt: time }) },
    gates: [],
  };
  const message = `starting ${version} at ${weight}%: ${plan.steps.length} steps, gates ${plan.gates.map(({ name }) => name).join(', ') || 'none'}`;
  const told = withHistory(status, nowMs, { from: stable, to: version, action: 'started', reason: 'Started', message });
  return saying(told, 'Started', message, { what: 'mesh' });
};

const fresh = (reference: Reference | undefined): Reference | undefined =>
  reference?.kind === 'measured' ? reference : undefined;

/** The share that the new version has already when a split mesh is taken over; the least of all objects. */
const adoptedWeight = (mesh: Extract<MeshObservation, { kind: 'resolved' }>, { stable, canary }: Target): number =>
  Math.floor(Math.min(100, ...mesh.objects.map(({ weights }) => weightPercent(weights, stable, canary) ?? 0)));

/**
 * A step before those of the spec: a split mesh that is adopted stands as it is (R7, R11), and where stable has no ready
 * pod the newest version takes the share that the failed one before it has (R9).
 */
const firstStep = (
  { observation }: Situation,
  mesh: Extract<MeshObservation, { kind: 'resolved' }>,
  { stable, adopted, intervalMs }: { stable: string; adopted: number; intervalMs: number },
): PlanStep | undefined => {
  if (adopted > 0) return { name: 'adopted', weight: adopted, pauseMs: 0 };
  // Rounded up, it gives back exactly the weight that stands there: stable gets no unit more (R6.4).
  const left = Math.ceil(Math.max(0, ...mesh.objects.map(({ weights }) => earlierPercent(weights, stable))));
  const isDown = (observation.pods[stable] ?? NO_PODS).ready === 0;
  return isDown && left > 0 ? { name: 'takeover', weight: left, pauseMs: intervalMs } : undefined;
};

/** The last step stays in any case: it is where the new version bakes. */
const withFirstStep = (plan: Plan, first: PlanStep | undefined): Plan => {
  if (first === undefined) return plan;
  const last = plan.steps.length - 1;
  return { ...plan, steps: [first, ...plan.steps.filter((step, index) => step.weight > first.weight || index === last)] };
};

/** R10: the version that was stable before, with the pods it had then, and enough of them, within its window. */
const isWayBack = (
  { rollout, observation, nowMs }: Situation,
  { previous, stableVersion }: RolloutStatus & { stableVersion: string },
  pods: VersionPods,
): boolean => {
  if (previous?.version !== rollout.spec.version || previous.until === undefined || nowMs >= Date.parse(previous.until))
    return false;
  const known = previous.podHash?.split('.') ?? [];
  const needed = (observation.pods[stableVersion] ?? NO_PODS).ready;
  return pods.hashes.every(hash => known.includes(hash)) && pods.ready >= needed;
};

/** Straight to 100: its evidence is that it was stable before; failures that reach no pod are watched there for one interval. */
const wayBackPlan = (plan: Plan): Plan => ({
  ...plan,
  steps: [{ name: 'way back', weight: 100, pauseMs: plan.intervalMs }],
  gates: plan.gates.filter(({ source }) => source.kind === 'unattributed'),
});
