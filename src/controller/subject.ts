import {
  carriedGates,
  type GateStatus,
  gatesOfStep,
  inProgress,
  type MeshObservation,
  type Plan,
  type RolloutStatus,
} from '../rollout/index.ts';
import type { Memory } from './memory.ts';
import type { StoredRollout, VersionSelector } from './ports.ts';

/** Who is compared with whom. */
export type Sides = {
  readonly memory: Memory;
  readonly host: string;
  readonly stable: VersionSelector;
  readonly canary: VersionSelector;
};

/** What a reading needs to know about the rollout. */
export type Subject = Sides & {
  /** Its gates are those that are to be read in this step. */
  readonly plan: Plan;
  /** Gates as stored: sums of an earlier process are carried on from there. */
  readonly stored: readonly GateStatus[];
  readonly revision: string;
  readonly templateValues: TemplateValues;
};

/** What queries and URLs may use; `window` is each gate's own. */
type TemplateName =
  | 'namespace'
  | 'name'
  | 'host'
  | 'stable'
  | 'canary'
  | 'version'
  | 'step'
  | 'steps'
  | 'weight'
  | 'interval'
  | 'commit';
export type TemplateValues = Readonly<Record<TemplateName, string | number>>;

type Resolved = Extract<MeshObservation, { kind: 'resolved' }>;
type Versions = { readonly stable: string; readonly canary: string };

/** The two versions as providers know them. */
export const sidesOf = (mesh: Resolved, memory: Memory, { stable, canary }: Versions): Sides => {
  const selector = (version: string): Subject['stable'] => ({
    version,
    subset: (Object.hasOwn(mesh.subsets, version) ? mesh.subsets[version]?.name : undefined) ?? version,
    workloads: [...(memory.workloads.get(version) ?? [])].sort(),
  });
  return { memory, host: mesh.target.host, stable: selector(stable), canary: selector(canary) };
};

/** What is read in one step of an attempt, as the decision that asks for it sees it. */
export const subjectOf = (
  rollout: StoredRollout,
  mesh: Resolved,
  memory: Memory,
  status: RolloutStatus & Required<Pick<RolloutStatus, 'plan' | 'target'>>,
): Subject => {
  const { plan, target, step, gates = [] } = status;
  const failed = gates.filter(({ verdict }) => verdict === 'Fail').map(({ name }) => name);
  const armed = gatesOfStep(plan, step?.index ?? 0).filter(({ name }) => !failed.includes(name));
  const isSameStep = inProgress(rollout.status) && rollout.status.step.startedAt === step?.startedAt;
  return {
    ...sidesOf(mesh, memory, target),
    revision: status.revision ?? '',
    plan: { ...plan, gates: armed },
    stored: isSameStep ? gates : carriedGates(gates),
    templateValues: templateValues(rollout, status, plan, target),
  };
};

/** What templates of a Rollout may use in its present step; `window` is up to each. */
export const templateValues = (
  { namespace, name, source }: StoredRollout,
  { step, traffic }: RolloutStatus,
  { intervalMs }: Plan,
  { host, stable, canary }: Versions & { readonly host: string },
): TemplateValues => ({
  namespace,
  name,
  host,
  stable,
  canary,
  version: canary,
  step: step?.index ?? 0,
  steps: step?.count ?? 0,
  weight: traffic?.weight ?? 0,
  interval: promDuration(intervalMs),
  commit: source?.revision ?? '',
});

/** A duration as Prometheus reads it. */
export const promDuration = (ms: number): string => (ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`);
