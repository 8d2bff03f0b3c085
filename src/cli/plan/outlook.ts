import { inProgress, planHash, type Rollout, type RolloutStatus, targetHash } from '../../rollout/index.ts';

/** What applying the file would lead to. */
export type Outlook = {
  /** `starts`: an attempt begins when its pods are ready; `stays`: traffic does not move; `changes`: an attempt goes on otherwise. */
  readonly kind: 'starts' | 'stays' | 'changes' | 'back' | 'unknown';
  readonly text: string;
};

type Known = {
  /** As the file has it; its status, if there is one, is that of the cluster. */
  readonly rollout: Rollout;
  /** What would be taken for stable where the status does not say it. */
  readonly stable?: string | undefined;
  /** The Rollout is not in the cluster yet. */
  readonly isNew: boolean;
};

/** The same precedence as in the decisions: what is in progress, what was rolled back, what is stable. */
export const outlookOf = ({ rollout, stable, isNew }: Known): Outlook => {
  const { spec, status } = rollout;
  const { version } = spec;
  if (status !== undefined && inProgress(status)) return ofAttempt(rollout, status);
  const known = status?.stableVersion ?? stable;
  if (known === undefined) {
    const text = 'nothing says which version is stable: set spec.initialVersion, or it waits until a person promotes';
    return { kind: 'unknown', text };
  }
  if (status?.stableVersion === undefined) return adopting(version, known, isNew);
  if (version === known) {
    const text = `${version} is stable and stays so; nothing moves`;
    return { kind: 'stays', text };
  }
  if (status.canaryVersion === version && status.phase === 'RolledBack') {
    const text = `${version} was rolled back, and ${known} has all traffic; it begins again only after a retry, or as another version`;
    return { kind: 'stays', text };
  }
  return { kind: 'starts', text: `${version} replaces ${known}, as attempt ${(status.attempt ?? 0) + 1}` };
};

const adopting = (version: string, stable: string, isNew: boolean): Outlook => {
  const taken = isNew ? 'the Rollout is new: Sluice takes over' : 'Sluice has not looked at the Rollout yet: it takes over';
  return version === stable
    ? { kind: 'stays', text: `${taken} with ${stable} as the stable version; nobody notices` }
    : { kind: 'starts', text: `${taken} with ${stable} as the stable version, and then ${version} replaces it` };
};

type InProgress = RolloutStatus & Required<Pick<RolloutStatus, 'step' | 'target'>>;

const ofAttempt = (rollout: Rollout, status: InProgress): Outlook => {
  const { step, target, traffic, phase } = status;
  const { spec } = rollout;
  const { version } = spec;
  const where = `${target.canary} is in progress at step ${step.index}/${step.count} with ${traffic?.weight ?? 0}%`;
  if (version === target.stable) return { kind: 'back', text: `${where}; all traffic goes back to ${version}` };
  if (version !== target.canary) {
    const text = `${where}; all traffic goes back to ${target.stable}, and then ${version} begins at its first step`;
    return { kind: 'starts', text };
  }
  if (status.targetHash !== undefined && status.targetHash !== targetHash(rollout)) {
    const text = `${where}; host, version label or routing objects are edited: all traffic goes back to ${target.stable}, and then ${version} begins at its first step`;
    return { kind: 'starts', text };
  }
  if (phase === 'RollingBack') return { kind: 'back', text: `${where}, and is going back to ${target.stable}` };
  if (status.planHash === planHash(spec)) return { kind: 'changes', text: `${where}, and goes on` };
  const text = `${where}; its steps or gates are edited: traffic stays, and it goes on with the first step above ${traffic?.weight ?? 0}%`;
  return { kind: 'changes', text };
};
