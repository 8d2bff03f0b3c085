import type { MeshFinding } from './meshFinding.ts';
import type { Plan, Routes } from './plan/stored.ts';
import type { Reason } from './reason.ts';

export type * from './plan/stored.ts';

/** Where a rollout is; one word for `kubectl get`. */
export type Phase =
  | 'Pending'
  | 'Progressing'
  | 'Paused'
  | 'AwaitingApproval'
  | 'RollingBack'
  | 'RolledBack'
  | 'Healthy'
  | 'Invalid';

export type Verdict = 'Pass' | 'Fail' | 'NoData' | 'Error' | 'NotApplicable' | 'Pending';

/** What a rollout is waiting for; `until` is absolute (RFC 3339). */
export type WaitingFor = {
  readonly what: 'pause' | 'gates' | 'approval' | 'pods' | 'traffic' | 'drift' | 'window' | 'person' | 'pin' | 'mesh';
  readonly until?: string;
  /** Since when it waits, where a deadline counts from there (R24). */
  readonly since?: string;
};

/** The resolved objects of one attempt; going back uses only this, never the spec. */
export type Target = {
  readonly router: 'istio';
  /** Destination host as a full name, e.g. `forecast.weather.svc.cluster.local`. */
  readonly host: string;
  readonly versionLabel: string;
  /** `namespace/name`, in the order in which they are raised. */
  readonly virtualServices: readonly string[];
  /** Names of the steered http routes; empty when the only route that matters has no name. */
  readonly routes: readonly string[];
  /** `namespace/name`; absent when there is none. */
  readonly destinationRule?: string;
  readonly stable: string;
  readonly canary: string;
};

/** Full intended state of the traffic; `weight` is the share of the new version in percent. */
export type Traffic = { readonly weight: number } & Routes;

export type StepStatus = {
  /** 1-based; 0 before the first step. */
  readonly index: number;
  readonly count: number;
  readonly name?: string;
  readonly startedAt?: string;
  /** Ready pods of the new version when the step began. */
  readonly readyAtStart?: number;
  /** Since when the new version has had no ready pod in this step. */
  readonly lowReadySince?: string;
  /** How often the last ready pod was lost in this attempt. */
  readonly podsLost?: number;
  /** Set when a person let the step go on before its pause or its data were complete. */
  readonly promotedBy?: string;
  /** A person insists on going back although stable has no ready pod. */
  readonly forced?: boolean;
  /** When people were asked to approve the step that comes next, or this one (R19). */
  readonly askedAt?: string;
  /** When a provider, or data, went missing last in this step. */
  readonly troubledAt?: string;
};

export type GateStatus = {
  readonly name: string;
  readonly source: string;
  readonly verdict: Verdict;
  /** In the gate's own unit: percent for rates, ms for latency. */
  readonly value?: number;
  readonly baselineValue?: number;
  /** Requests or spans of the new version judged so far in this step. */
  readonly samples?: number;
  /** Sequential gates: bad samples so far. Plain gates: failed measurements in a row. */
  readonly failures?: number;
  /** Evidence of this step that the limit is broken, as a likelihood ratio; the gate fails at 1/alpha. */
  readonly evidence?: number;
  readonly alpha?: number;
  /** Stable's in the same time, where the gate looks at it. */
  readonly stable?: { readonly bad: number; readonly total: number };
  /** The comparison with stable since the first traffic of this attempt. */
  readonly baseline?: BaselineStatus;
  /** What can be found at the current request rate, and how long that takes, for people. */
  readonly detects?: string;
  /** Up to when data have been judged. */
  readonly until?: string;
  /** Since when the gate has had no data, or its provider no answer. */
  readonly since?: string;
  readonly message: string;
  /** When it was measured. */
  readonly at?: string;
};

/** What a baseline knows of both versions; it outlasts the steps. */
export type BaselineStatus = {
  /** Requests or spans of the new version, and the bad ones among them. */
  readonly samples: number;
  readonly failures: number;
  readonly stableSamples: number;
  readonly stableFailures: number;
  /** That the new version is worse, as a likelihood ratio; the gate fails at 1/alpha. */
  readonly evidence: number;
  readonly alpha: number;
  /** The sums behind `evidence`, for a restart to go on from; not for people. */
  readonly sums: string;
};

export type HistoryEntry = {
  readonly at: string;
  readonly from?: string;
  readonly to: string;
  readonly action:
    | 'adopted'
    | 'started'
    | 'promoted'
    | 'rolledBack'
    | 'stepPromoted'
    | 'refused'
    | 'retried'
    | 'superseded'
    | 'paused'
    | 'resumed'
    | 'edited'
    | 'approved'
    | 'rejected'
    | 'ended'
    | 'retired';
  readonly reason: Reason;
  readonly message: string;
  /** Where an attempt stood that ended without being promoted: number of the step, and its share of the new version in percent. */
  readonly step?: number;
  readonly weight?: number;
  /** Digest of the evidence record that was stored for it (R37). */
  readonly evidence?: string;
};

/** One person's answer to a request for approval, as it counts (R19). */
export type Approval = {
  readonly revision: string;
  readonly step: number;
  readonly decision: 'approved' | 'rejected';
  /** The person, by name; one person counts once, whatever the channel. */
  readonly by: string;
  readonly via: string;
  readonly at: string;
  readonly comment?: string;
};

export type Condition = {
  readonly type: 'Ready' | 'Reconciling' | 'Stalled' | 'GatesPassing';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: Reason;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
};

export type RequestOutcome = { readonly id: string; readonly verb: string; readonly outcome: string; readonly at: string };

/** Requests that are not to be acted on again (R22). */
export type Answered = {
  /** Own ids of the last ones, newest last. */
  readonly ids?: readonly string[];
  /** Digest of one without an id, until its annotation was seen to be gone: then the same text is another request. */
  readonly text?: string;
};

/** All that a restart needs, together with the position on the mesh objects. */
export type RolloutStatus = {
  readonly observedGeneration?: number;
  readonly phase: Phase;
  /** Why the phase is what it is. */
  readonly reason: Reason;
  /** Since when phase, reason and step, and what people are asked, are what they are. */
  readonly since?: string;
  readonly stableVersion?: string;
  readonly canaryVersion?: string;
  /** The stable version before this one; until then the way back to it is short (R10). */
  readonly previous?: { readonly version: string; readonly podHash?: string; readonly until?: string };
  /** This attempt: digest of version, pods and attempt. */
  readonly revision?: string;
  readonly attempt?: number;
  /** Template hashes of the new pods, joined by dots; fixed when the attempt starts. */
  readonly podHash?: string;
  readonly planHash?: string;
  /** Digest of host, version label and router as the spec had them when the attempt began (R11). */
  readonly targetHash?: string;
  readonly target?: Target;
  readonly traffic?: Traffic;
  readonly weight?: { readonly desired: number; readonly observed: number; readonly measured?: number };
  readonly step?: StepStatus;
  readonly waitingFor?: WaitingFor;
  /** A person's pause; forward movement stands still until somebody resumes (R20). */
  readonly pause?: { readonly by: string; readonly reason?: string; readonly since: string };
  /** Number of the last write of a mesh object (R3). */
  readonly seq?: number;
  readonly position?: { readonly step: number; readonly time: string };
  readonly plan?: Plan;
  readonly message: string;
  readonly gates?: readonly GateStatus[];
  readonly approvals?: readonly Approval[];
  readonly lastRequest?: RequestOutcome;
  readonly answered?: Answered;
  /** When somebody else raised weights (`times`), and when a re-applier's change was put back (`restored`), of the last 5 min (R26). */
  readonly drift?: {
    readonly times?: readonly string[];
    readonly restored?: readonly string[];
    /** Field managers that raised weights last. */
    readonly by?: string;
    /** When drift at rest was found last; nothing was written for it. */
    readonly since?: string;
  };
  /** What the version before this one left behind is being removed since then, or is (R21). */
  readonly retire?: { readonly version: string; readonly since: string; readonly done?: boolean };
  readonly source?: {
    readonly name: string;
    readonly revision: string;
    readonly path?: string;
    readonly authors?: readonly string[];
  };
  /** What the mesh check found for the attempt in progress; absent: nothing (R13). */
  readonly meshFindings?: readonly MeshFinding[];
  readonly history?: readonly HistoryEntry[];
  readonly display?: { readonly version: string; readonly step: string; readonly weight: string };
  readonly conditions?: readonly Condition[];
};
