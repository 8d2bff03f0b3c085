import type { MatchSpec } from '../spec.ts';

/** Routes of ours beside the steered one; absent parts are not wanted (R28). */
export type Routes = {
  /** Matched requests go to the new version, whatever the weight. */
  readonly headerRoutes?: readonly { readonly match: readonly MatchSpec[] }[];
  /** Copies of so many percent of live requests go to the new version; replies are dropped. */
  readonly mirror?: { readonly percentage: number };
  /** Keeps people on the version that they met, by a cookie. */
  readonly sticky?: Sticky;
};

/**
 * A cookie says which version somebody met, and at which weight. Who met stable at a smaller weight than now is drawn once
 * more, so that the share of all people is the weight of the step.
 */
export type Sticky = {
  readonly cookie: string;
  /** Absent: until the browser closes. */
  readonly ttlMs?: number;
  /** Weights of the steps before this one at which people were drawn, ascending, each between 0 and the present weight. */
  readonly drawnAt: readonly number[];
};

/** One step of the compiled plan. */
export type PlanStep = {
  readonly name?: string;
  readonly weight: number;
  /** Shortest stay in ms; `null`: until a person promotes. */
  readonly pauseMs: number | null;
  readonly approval?: PlanApproval;
} & Routes;

/** Who has to agree, all defaults filled in (R19). */
export type PlanApproval = {
  /** `before`: ere this step's traffic is set; `after`: ere the next one's is. */
  readonly when: 'before' | 'after';
  readonly required: number;
  readonly approvers: readonly string[];
  readonly message?: string;
  /** Absent: no end. */
  readonly timeoutMs?: number;
  readonly onTimeout: 'hold' | 'rollback';
  readonly allowAuthor: boolean;
};

/** Where a gate's numbers come from. */
export type GateSource =
  | { readonly kind: 'prometheus'; readonly provider: string; readonly metric: 'success-rate' }
  | { readonly kind: 'prometheus'; readonly provider: string; readonly metric: 'latency'; readonly percentile: number }
  | {
      readonly kind: 'query';
      readonly provider: string;
      readonly query: string;
      readonly samples?: string;
      readonly windowMs?: number;
    }
  | { readonly kind: 'zipkin'; readonly provider: string; readonly percentile: number }
  | { readonly kind: 'webhook'; readonly url: string; readonly timeoutMs: number }
  | { readonly kind: 'unattributed'; readonly provider: string };

/** One gate of the compiled plan, all defaults filled in. */
export type PlanGate = {
  readonly name: string;
  readonly source: GateSource;
  readonly judge: 'sequential' | 'plain';
  readonly min?: number;
  readonly max?: number;
  readonly minSamples: number;
  readonly failureLimit: number;
  readonly onNoData: 'hold' | 'fail';
  readonly noDataDeadlineMs: number;
  /** A failure stops forward movement until a person decides; absent: all traffic goes back. */
  readonly onFailure?: 'pause';
  /** 1-based numbers of the steps in which it is measured; absent: all. */
  readonly steps?: readonly number[];
  /** Compares with the stable version, beside or instead of `min` and `max`. */
  readonly baseline?: PlanBaseline;
  /** `min` or `max` comes from what was normal for stable: while stable itself breaks it, it is nobody's failure. */
  readonly isDerived?: true;
  /** What the attempt's false-alarm budget grants to each test of this gate; only sequential gates. */
  readonly alpha?: number;
  /** The part of `alpha` that the limit has in one step, as its counts begin anew there; absent: all of it. */
  readonly stepAlpha?: number;
  /** How much more bad samples vary than independent ones would (phi, at least 1); absent: 1. */
  readonly dispersion?: number;
};

/** A comparison with the stable version, all defaults filled in. */
export type PlanBaseline = {
  /** Error rates: so many times stable's is acceptable. Latency: so many times stable's durations. */
  readonly tolerance: number;
  /** Latency: stable's 90th and 99th percentile in ms before the first raise (bucket edges, where there are only those). */
  readonly edgesMs?: readonly number[];
  /** The gate's dispersion without what all pods have in common, which a comparison cancels; absent: the gate's. */
  readonly dispersion?: number;
  /** In the gate's unit, from what was normal for stable: the limit of a gate that has no other, where there is nobody to compare with. */
  readonly limit: number;
  readonly certify?: PlanCertify;
};

/** Asks for proof that the new version is good enough, not only for no proof that it is bad (beta 0.05). */
export type PlanCertify = {
  /** The new version fails less than this many times as often as stable, or ... */
  readonly ratio: number;
  /** ... less often than this, in percent. */
  readonly floor: number;
  /** Without proof after this long; absent: the step's pause, at least 5 min. */
  readonly undecidedAfterMs?: number;
  readonly onUndecided: 'hold' | 'pass';
};

/** What an attempt was started with; it does not change while the attempt lasts. */
export type Plan = {
  readonly steps: readonly PlanStep[];
  readonly gates: readonly PlanGate[];
  readonly intervalMs: number;
  readonly initialDelayMs: number;
  readonly settleMs: number;
  /** After the last step all traffic goes back to stable, which is no failure (an experiment); absent: promoted. */
  readonly end?: 'stable';
  /** Digests of approvals at the weight of the first step that people gave before steps or gates were edited (R11, R19). */
  readonly given?: readonly string[];
  /** What is left of the attempt's false-alarm budget for gates that are changed while it lasts (R11). */
  readonly reserveAlpha?: number;
  /** Digest of the gates as the spec had them: the same ones keep their frozen limits when other parts are edited (R11). */
  readonly gatesHash?: string;
};
