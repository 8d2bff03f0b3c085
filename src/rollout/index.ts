export type { Action, Decision, SetTraffic } from './action.ts';
export { type Announcement, announcements, isWorthStoring } from './announce.ts';
export { decide } from './decide.ts';
export { parseDuration } from './duration.ts';
export { percentileOf } from './judge/percentile.ts';
export type {
  ApprovalAnswer,
  Counts,
  Freeze,
  Installation,
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
export { checkSpec } from './semantics.ts';
export { inProgress } from './situation.ts';
export type * from './spec.ts';
export type * from './status.ts';
export { driftOf, splitWeights } from './weights.ts';
