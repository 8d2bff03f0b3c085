export type { Action, Decision, RemoveDestination, SetTraffic } from './action.ts';
export { type Announcement, announcements, isWorthStoring, pastAnnouncements } from './announce.ts';
export { decide } from './decide.ts';
export { parseDuration } from './duration.ts';
export { percentileOf } from './judge/percentile.ts';
export { retiringVersion } from './mesh/retire.ts';
export { driftOf, splitWeights } from './mesh/weights.ts';
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
export { type WantedGate, wantedGates } from './plan/analysis.ts';
export { gatesOfStep } from './plan/gatePlan.ts';
export { REASONS, type Reason } from './reason.ts';
export type { Difference } from './record/jsonDifference.ts';
export {
  decodeRecord,
  type EvidenceRecord,
  encodeRecord,
  recordedSeqOf,
  recordOf,
  replay,
  withEvidence,
} from './record/record.ts';
export { checkSpec } from './semantics/semantics.ts';
export { isUrlCovered } from './semantics/webhook.ts';
export { inProgress } from './situation.ts';
export type * from './spec.ts';
export type * from './status.ts';
