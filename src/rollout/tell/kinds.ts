import type { Reason } from '../reason.ts';
import type { Phase } from '../status.ts';

/** What kind of thing people are told; each kind has a template. */
export const MESSAGE_KINDS = [
  'started',
  'step',
  'waiting',
  'approval',
  'paused',
  'noData',
  'providerDown',
  'drift',
  'rolledBack',
  'promoted',
  'retired',
  'other',
] as const;

export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** What a reason is called in a headline, and which kind of message it makes. */
const HEADLINES: Readonly<Record<Reason, readonly [kind: MessageKind, title: string]>> = {
  Adopted: ['other', 'taken over'],
  Pinning: ['waiting', 'pins the stable version'],
  PinNeeded: ['waiting', 'cannot tell which version is stable'],
  Started: ['started', 'started'],
  StepEntered: ['step', 'step entered'],
  WaitingForPerson: ['waiting', 'waits for a person'],
  WaitingForGates: ['waiting', 'waits for gates'],
  NoPods: ['waiting', 'the new version has no pods'],
  WaitingForPods: ['waiting', 'waits for ready pods'],
  WaitingForMesh: ['waiting', 'waits for the mesh'],
  MeshCheckFailed: ['waiting', 'the mesh check holds it'],
  WaitingForSubset: ['waiting', 'waits for the subset'],
  WaitingForStable: ['waiting', 'the stable version has no ready pod'],
  Drift: ['drift', 'somebody changed the weights'],
  SubsetRemoved: ['rolledBack', 'the subset was taken away'],
  DriftPutDown: ['drift', 'a raise by somebody else was put down'],
  ProviderError: ['providerDown', 'a provider does not answer'],
  NoData: ['noData', 'no data'],
  GateFailed: ['rolledBack', 'a gate failed'],
  UnattributedFailures: ['rolledBack', 'requests fail before they reach a pod'],
  PodsLost: ['rolledBack', 'the new version lost its pods'],
  Aborted: ['rolledBack', 'aborted'],
  PausedByPerson: ['paused', 'paused'],
  Resumed: ['step', 'resumed'],
  PodsShrinking: ['waiting', 'the new version has fewer pods'],
  Deleted: ['rolledBack', 'the Rollout was deleted'],
  Retried: ['started', 'tried again'],
  Superseded: ['rolledBack', 'a newer version was committed'],
  WentBack: ['rolledBack', 'the version was set back'],
  NewPods: ['rolledBack', 'the pods were replaced'],
  Edited: ['step', 'steps or gates were edited'],
  TargetChanged: ['rolledBack', 'the target was edited'],
  PausedByGate: ['paused', 'paused by a gate'],
  WaitingForApproval: ['approval', 'waits for approval'],
  Approved: ['approval', 'approved'],
  Rejected: ['rolledBack', 'rejected'],
  ApprovalTimedOut: ['approval', 'not approved in time'],
  WaitingForTraffic: ['waiting', 'requests do not arrive'],
  WaitingForCapacity: ['waiting', 'waits for more pods'],
  WaitingForWindow: ['paused', 'outside its window'],
  Frozen: ['paused', 'frozen'],
  ProgressDeadlineExceeded: ['rolledBack', 'pods did not get ready'],
  DriftRepeated: ['rolledBack', 'raised by somebody else again and again'],
  DriftRestored: ['drift', 'weights were restored'],
  ExperimentEnded: ['other', 'the experiment has ended'],
  Retired: ['retired', 'the old version is retired'],
  Promoted: ['promoted', 'promoted'],
  UpToDate: ['other', 'up to date'],
  RolledBack: ['rolledBack', 'rolled back'],
  InvalidSpec: ['waiting', 'the spec is invalid'],
  RequestAccepted: ['other', 'a request was carried out'],
  RequestRefused: ['other', 'a request was refused'],
  SourceProblem: ['other', 'a file in Git is refused'],
};

const BACK: Partial<Readonly<Record<Phase, string>>> = { RollingBack: 'going back', RolledBack: 'rolled back' };

/** Kind and a few words for a reason, in the phase that it was told in; what is not of the list is `other`. */
export const headlineOf = (reason: string, phase: Phase | undefined): { readonly kind: MessageKind; readonly title: string } => {
  const [kind, title] = isReason(reason) ? HEADLINES[reason] : (['other', reason] as const);
  const back = phase === undefined || reason === 'ExperimentEnded' ? undefined : BACK[phase];
  if (back === undefined || (kind !== 'rolledBack' && reason !== 'ApprovalTimedOut')) return { kind, title };
  return { kind: 'rolledBack', title: reason === 'RolledBack' ? title : `${back}: ${title}` };
};

const isReason = (reason: string): reason is Reason => Object.hasOwn(HEADLINES, reason);
