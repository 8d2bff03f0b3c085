export type { Action, Decision, RemoveDestination, SetTraffic } from './action.ts';
export { type Announcement, announcements, pastAnnouncements } from './announce.ts';
export { decide } from './decide.ts';
export { durationText, isoSeconds, momentFor, parseDuration } from './duration.ts';
export { freezeSentence } from './forward/frozen.ts';
export { closedAt } from './forward/windows.ts';
export { incomparable } from './gates/baselineGate.ts';
export { type Detectable, detectable, detectsSentence, type Expected } from './gates/detects.ts';
export { percentText } from './gates/gateFigures.ts';
export { carriedGates, judgeGate } from './gates/gates.ts';
export { allowedShare } from './gates/limitGate.ts';
export { providerOf } from './gates/source.ts';
export { addInterval, type BaselineInterval, decodeSums, noSums } from './judge/baseline.ts';
export { addCertified, isCertified, NO_CERTIFY } from './judge/certify.ts';
export { type Block, dispersionOf } from './judge/dispersion.ts';
export { percentileOf } from './judge/percentile.ts';
export { retiringVersion } from './mesh/retire.ts';
export { takesCopiesOnly } from './mesh/routes.ts';
export { driftOf, splitWeights } from './mesh/weights.ts';
export type { MeshFinding } from './meshFinding.ts';
export type {
  ApprovalAnswer,
  BaselineSums,
  Cause,
  ClockJump,
  Counts,
  Freeze,
  Installation,
  Leftover,
  Measurement,
  MeshObservation,
  Normal,
  Observation,
  PodCounts,
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
export { UNKNOWN_AUTHOR } from './people/authors.ts';
export { LONGEST_REASON, oneLine } from './people/oneLine.ts';
export { type AnswerRefusal, type OpenQuestion, openQuestion, refusalOfAnswer } from './people/question.ts';
export { isAnswered, type PersonRequest, parseRequest, refusalOf, VERBS, type Verb } from './people/request.ts';
export { type WantedGate, wantedGates } from './plan/analysis.ts';
export { gatesOfStep } from './plan/gatePlan.ts';
export { compilePlan, planHash } from './plan/plan.ts';
export { targetHash } from './plan/specHash.ts';
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
export { isWayBack } from './start/begin.ts';
export { referenceProviders } from './start/reference.ts';
export type * from './status.ts';
export { type MessageFacts, messageFacts } from './tell/facts.ts';
export { MESSAGE_KINDS, type MessageKind } from './tell/kinds.ts';
export { ATTENTION, type Attention, attentionOf } from './view/attention.ts';
export { type GateView, gateViews } from './view/gates.ts';
export { type RolloutLine, rolloutLine } from './view/line.ts';
export { readable } from './view/readable.ts';
export type { StepMark, StepView } from './view/steps.ts';
export { type RolloutView, rolloutView } from './view/view.ts';
export { isWorthStoring } from './worthStoring.ts';
