export type { Action, Decision, SetTraffic } from './action.ts';
export type {
  Counts,
  Installation,
  Measurement,
  MeshObservation,
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
export type * from './spec.ts';
export type * from './status.ts';
