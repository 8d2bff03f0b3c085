export type { Action, Decision, RemoveDestination, SetTraffic } from './action.ts';
export { type WantedGate, wantedGates } from './analysis.ts';
export { type Announcement, announcements, isWorthStoring, pastAnnouncements } from './announce.ts';
export { decide } from './decide.ts';
export { parseDuration } from './duration.ts';
export { gatesOfStep } from './gatePlan.ts';
export type { Difference } from './jsonDifference.ts';
export { percentileOf } from './judge/percentile.ts';
export type {
  ApprovalAnswer,
  ClockJump,
  Counts,
  Freeze,
  Installation,
  Leftover,
  Measurement,
  MeshObservation,
  Normal,
  Observation,
  Position,
  Reference,
  ResolvedTarget,
  Rollout,
  RouteWeights,
  ShareMeasurement,
  SteeredObject,
  Subset,
  VersionPods,
} from './observation.ts';
export { REASONS, type Reason } from './reason.ts';
export { decodeRecord, type EvidenceRecord, encodeRecord, recordedSeqOf, recordOf, replay, withEvidence } from './record.ts';
export { retiringVersion } from './retire.ts';
export { isUrlCovered } from './semantics/webhook.ts';
export { checkSpec } from './semantics.ts';
export { inProgress } from './situation.ts';
export type * from './spec.ts';
export type * from './status.ts';
export { driftOf, splitWeights } from './weights.ts';
