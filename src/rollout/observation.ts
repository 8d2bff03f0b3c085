import type { MeshFinding } from './meshFinding.ts';
import type { Reason } from './reason.ts';
import type { AnalysisSpec, GateSpec, RolloutSpec, SpecProblem } from './spec.ts';
import type { RolloutStatus, Target } from './status.ts';

/** The Rollout object as the core sees it. */
export type Rollout = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  readonly spec: RolloutSpec;
  /** Absent before the first decision. */
  readonly status?: RolloutStatus;
  /** Value of the annotation `sluice.dev/request`. */
  readonly request?: string;
  /** Somebody deleted the object; it goes when our finalizer does. */
  readonly isDeleting?: boolean;
  /** Our finalizer is on the object (R30). */
  readonly hasFinalizer?: boolean;
  /** Names and addresses of those who wrote the change; they do not approve it themselves (R19). */
  readonly authors?: readonly string[];
};

/** What a person answered to a request for approval, from whatever channel, before it is known to count (R19). */
export type ApprovalAnswer = {
  readonly revision: string;
  readonly step: number;
  readonly decision: 'approved' | 'rejected';
  /** The person, as the configuration names them, else the identity itself. */
  readonly by: string;
  /** All that the channel proved, like `slack:U024BE7LH`, `user:alice@example.com`, `group:release`, `webhook:change-board`. */
  readonly identities: readonly string[];
  readonly via: string;
  /** RFC 3339. */
  readonly at: string;
  /** When people were asked what this answers, RFC 3339; absent: the channel does not say. */
  readonly askedAt?: string;
  readonly comment?: string;
};

/** Everything the core may know about the world at one moment. */
export type Observation = {
  readonly installation: Installation;
  readonly mesh: MeshObservation;
  /** By version; a version without pods is absent. */
  readonly pods: Readonly<Record<string, VersionPods>>;
  /** Latest measurement of each gate, by gate name. */
  readonly measurements: Readonly<Record<string, Measurement>>;
  /** The step (`step` of the `measure` action) that the measurements belong to; those of another step say nothing. */
  readonly measuredStep: string | undefined;
  /** What was normal before the first raise; absent until it was measured. */
  readonly reference?: Reference;
  /** Latest look at who gets requests, after a rollback. */
  readonly share?: ShareMeasurement;
  /** What the last write of a routing object failed with, in a sentence; absent after a success. */
  readonly writeError?: string;
  /** Answers of people that are not in the status yet. */
  readonly answers?: readonly ApprovalAnswer[];
  /** Somebody stopped all forward movement of this installation. */
  readonly freeze?: Freeze;
  /** When the clock was set while this process ran; absent: never. */
  readonly clockJumps?: readonly ClockJump[];
  /** What only the shell can see in this spec: broken templates and queries. */
  readonly findings?: readonly SpecProblem[];
  /** What the mesh check finds for the attempt in progress; absent: nothing, or nobody looks (R13). */
  readonly meshFindings?: readonly MeshFinding[];
  /** `namespace/name` of an older Rollout that steers the same route (R12). */
  readonly olderRival?: string;
  /** Number of the lease holder's term, for the record. */
  readonly epoch: number;
};

/** What this installation offers. */
export type Installation = {
  /** Names of the configured providers. */
  readonly prometheus: readonly string[];
  readonly zipkin: readonly string[];
  /** Gates that a spec can refer to by name. */
  readonly gateTemplates?: Readonly<Record<string, GateSpec>>;
  /** What holds for analyses that do not say otherwise. */
  readonly analysis?: AnalysisSpec;
  /** URLs that webhook gates may call, with `*` for any label of a host name or any rest of a path. */
  readonly webhookGates?: readonly string[];
  /** Field managers that re-apply their file for ever; what they change is restored (R26). */
  readonly restore?: readonly string[];
  /** Messages go to Slack, so that a Rollout may name a channel; absent, here and below: not known. */
  readonly slack?: boolean;
  /** Buttons in Slack are answered. */
  readonly slackButtons?: boolean;
  /** Names of the webhooks that may answer. */
  readonly approvalWebhooks?: readonly string[];
};

/** The clock was set while this process ran: `atMs` is what it showed then, `byMs` how much more than before; in ms. */
export type ClockJump = { readonly atMs: number; readonly byMs: number };

export type Freeze = {
  readonly by: string;
  readonly since: string;
  readonly reason?: string;
  /** What ends it, as the end of "goes on by itself ..."; absent: `sluice freeze --off`. */
  readonly end?: string;
};

export type VersionPods = {
  /** Pods that are Ready, not terminating, and selected by the Service and the subset. */
  readonly ready: number;
  /** Pods that are not terminating. */
  readonly total: number;
  /** Template hashes of the ready pods, sorted. */
  readonly hashes: readonly string[];
  /** Names of the workloads that own the ready pods, as the mesh's telemetry names them; sorted. */
  readonly workloads: readonly string[];
};

export type MeshObservation =
  | {
      readonly kind: 'resolved';
      readonly objects: readonly SteeredObject[];
      readonly target: ResolvedTarget;
      readonly subsets: Readonly<Record<string, Subset>>;
      /** Of the version that is to be retired; absent when none is. */
      readonly leftover?: Leftover;
    }
  /** What is missing or ambiguous, in a sentence that names the object and how to mend it. */
  | { readonly kind: 'problem'; readonly message: string; readonly nothingRoutes: boolean };

/** The objects that a spec (or the target of an attempt) resolves to, before versions are known. */
export type ResolvedTarget = Omit<Target, 'stable' | 'canary'>;

/** A subset of the DestinationRule, by the version that its labels select. */
export type Subset = { readonly name: string /** When this process first saw it, in ms. */; readonly seenAtMs: number };

/** What the mesh still has of a version that was stable before (R21). */
export type Leftover = {
  readonly version: string;
  /** Steered objects that still name it as a destination, which gets nothing. */
  readonly destinationsIn: readonly string[];
  /** `namespace/name` of VirtualServices that refer to it anywhere else. */
  readonly referredBy: readonly string[];
  /** It has a subset that we added. */
  readonly hasOwnSubset: boolean;
  /** `namespace/name` of VirtualServices that lead to the pods of every version, as they name no subset; absent: none. */
  readonly reachedBy?: readonly string[];
};

/** One routing object that carries weights of ours. */
export type SteeredObject = {
  /** `namespace/name`. */
  readonly name: string;
  readonly resourceVersion: string;
  readonly weights: RouteWeights;
  /** Our own entry of the annotation `sluice.dev/position`. */
  readonly position?: Position;
  /** Digest of the header and mirror routes of ours that stand in it; absent: none. */
  readonly routes?: string;
  /** Somebody took the conditions out of a route of ours, which leads every request to the new version now. */
  readonly takesAll?: true;
  /** Field manager that wrote the routes last, if it was not Sluice. */
  readonly manager?: string;
};

/**
 * Weights of the steered route as they stand in the object (a single destination counts as 100). Keys of `versions` are
 * version label values, `*` for destinations to the host that name no subset. All other hosts add up to `foreign`.
 */
export type RouteWeights = {
  readonly versions: Readonly<Record<string, number>>;
  readonly foreign: number;
  /** Versions that this Rollout steered before: what they still have is ours to give (R28). */
  readonly earlier?: readonly string[];
};

/** The write-ahead record that travels with the weight, in the same patch (R3). */
export type Position = {
  readonly seq: number;
  readonly revision: string;
  readonly plan: string;
  /** 1-based. */
  readonly step: number;
  /** Share of the new version in percent. */
  readonly weight: number;
  /** Digest of the header and mirror routes; absent: none. */
  readonly routes?: string;
  readonly state: 'raised' | 'safe' | 'done';
  readonly reason: Reason;
  /** RFC 3339. */
  readonly time: string;
  readonly epoch: number;
};

/** Bad ones among all; whole numbers. */
export type Counts = { readonly bad: number; readonly total: number };

export type Measurement =
  /**
   * Cumulative over the step, reset-aware. `untilMs`: data are complete up to then. `value` in the gate's unit and
   * `canaryPercent`, the share of the new version among the requests of both, for people.
   */
  | {
      readonly kind: 'counts';
      readonly atMs: number;
      readonly untilMs: number;
      readonly counts: Counts;
      readonly value?: number;
      /** Why there may be no samples, for people. */
      readonly hint?: string;
      /** Why so much is missing in the counts that they prove nothing good; absent: nothing is. */
      readonly missing?: string;
      readonly canaryPercent?: number;
      /** Requests of both versions that `canaryPercent` is about. */
      readonly requests?: number;
      /** Stable's in the same time. */
      readonly stable?: Counts;
      /** Stable's in the latest reading alone. */
      readonly latestStable?: Counts;
      /** Stable's `value`. */
      readonly stableValue?: number;
      /** Since the first traffic of this attempt, not only of this step. */
      readonly baseline?: BaselineSums;
      /** What the bad ones of the new version were, most frequent first: `503 UH`, `grpc 14`. */
      readonly causes?: readonly Cause[];
      /** Pods of the new version, most failures first. */
      readonly pods?: readonly PodCounts[];
      /** Spans per request, 0..1, where both are known. */
      readonly sampling?: number;
    }
  /** One number of a custom query; `samples` when the gate asks for them. */
  | {
      readonly kind: 'value';
      readonly atMs: number;
      readonly value: number;
      readonly samples?: number;
      readonly windowMs: number;
    }
  /** What a webhook answered. */
  | {
      readonly kind: 'verdict';
      readonly atMs: number;
      readonly verdict: 'pass' | 'fail' | 'nodata';
      readonly value?: number;
      readonly message?: string;
    }
  /** The provider answered, but not with one number. */
  | { readonly kind: 'none'; readonly atMs: number; readonly message: string }
  /** The provider did not answer as it should. */
  | { readonly kind: 'error'; readonly atMs: number; readonly message: string };

/** Kind of failure as the proxies tell it: status and response flags. */
export type Cause = { readonly what: string; readonly count: number };

export type PodCounts = { readonly name: string; readonly requests: number; readonly failures: number };

/** What a baseline has summed up; see judge/baseline.ts. */
export type BaselineSums = {
  readonly canary: Counts;
  readonly stable: Counts;
  /** For each share that is compared (errors, or slower than each edge): log likelihood ratios over the grid. */
  readonly shares: readonly (readonly number[])[];
  /** Spans only: logarithms of the bets on ranks, one for each stake. */
  readonly ranks?: readonly number[];
  /** Only with `certify`: log likelihood ratios over both grids. */
  readonly certify?: { readonly ratio: readonly number[]; readonly floor: readonly number[] };
};

/** The ten minutes before the first raise, as each provider saw them. */
export type Reference =
  | {
      readonly kind: 'measured';
      readonly atMs: number;
      readonly stableVersion: string;
      /** By provider, like `prometheus/default`. */
      readonly normal: Readonly<Record<string, Normal>>;
    }
  | { readonly kind: 'error'; readonly atMs: number; readonly message: string };

/** `unattributed`: requests to the host that reached no pod, among all of them. */
export type Normal = {
  readonly stable: Counts;
  readonly stableP90Ms?: number;
  readonly stableP99Ms?: number;
  readonly unattributed: Counts;
  /** How much stable's errors (and slow requests) of the last 40 minutes came in bursts; absent: not known. */
  readonly dispersion?: Dispersion;
};

/** Over-dispersion phi of stable's pods; see judge/dispersion.ts. */
export type Dispersion = {
  readonly errors: number;
  readonly slow?: number;
  /** The same without what all pods have in common in a minute. */
  readonly within: { readonly errors: number; readonly slow?: number };
  readonly pods: number;
  readonly minutes: number;
};

/** Requests per side in (fromMs, untilMs]. */
export type ShareMeasurement =
  | {
      readonly kind: 'measured';
      readonly atMs: number;
      readonly fromMs: number;
      readonly untilMs: number;
      readonly stable: number;
      readonly canary: number;
    }
  | { readonly kind: 'error'; readonly atMs: number; readonly message: string };
