/**
 * The closed list of reasons: every decision, condition and event carries one of them. `docs/reasons.md` explains each
 * to the person on call; a test holds the two lists together.
 */
export const REASONS = {
  Adopted: 'The running version was taken over as stable; no traffic moved.',
  Pinning: 'The host was routed without naming a version; it is being pinned to the stable one.',
  PinNeeded: 'Several versions take traffic and nothing says which one is stable.',
  Started: 'A new version was seen and an attempt began.',
  StepEntered: 'Traffic was set to the weight of this step.',
  WaitingForPerson: 'The step lasts until a person promotes it.',
  WaitingForGates: 'The pause is over; a gate has not enough evidence yet.',
  WaitingForPods: 'The new version has no ready pod yet.',
  WaitingForMesh: 'A routing object is missing, cannot be resolved, or could not be written.',
  WaitingForSubset: 'The subset was just added; proxies get a moment to learn it before traffic is sent there.',
  WaitingForStable: 'The stable version has no ready pod, so nothing is shifted to it.',
  Drift: 'Somebody else lowered or changed the weights; nothing is raised until a person decides.',
  DriftPutDown: 'Somebody else raised the weight of the new version; it was put down again.',
  ProviderError: 'A provider of metrics or traces does not answer; nothing moves forward meanwhile.',
  NoData: 'A gate has had no data for longer than its deadline.',
  GateFailed: 'A gate found the new version to be bad.',
  UnattributedFailures: 'Too many requests to the host failed before they reached any pod.',
  PodsLost: 'The new version lost its last ready pod while it took traffic, or had too few of them for 30 s.',
  Aborted: 'A person asked to go back.',
  PausedByPerson: 'A person paused the rollout; everything but forward movement goes on.',
  Resumed: 'A person let the rollout go on.',
  PodsShrinking: 'The new version has fewer ready pods than when the step began.',
  Deleted: 'The Rollout was deleted while a rollout was in progress.',
  Retried: 'A person asked for another attempt with the version that was rolled back.',
  Superseded: 'A newer version was committed while this one was in progress.',
  WentBack: 'The version was set back to the stable one while another was in progress.',
  NewPods: 'The pods of the new version were replaced; what was learned about the old ones does not count.',
  Promoted: 'The new version passed every step and is stable now.',
  UpToDate: 'The stable version is the desired one.',
  RolledBack: 'All traffic is on the stable version again.',
  InvalidSpec: 'The spec contradicts itself or asks for what is not supported yet; nothing moves forward.',
  RequestAccepted: 'A request of a person was carried out.',
  RequestRefused: 'A request of a person was stale, unknown or not possible.',
  SourceProblem: 'A file in Git has an error, or may not be applied; the last good spec stays.',
} as const satisfies Record<string, string>;

export type Reason = keyof typeof REASONS;
