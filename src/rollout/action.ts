import type { Position, ResolvedTarget } from './observation.ts';
import type { RolloutStatus, Routes, Target } from './status.ts';

/** What the shell is to do, in this order, before it stores the status. */
export type Action =
  | { readonly kind: 'ensureSubset'; readonly target: Target; readonly version: string }
  | SetTraffic
  | RemoveDestination
  /** Take a subset that we added out of the DestinationRule; nothing refers to it any more (R21). */
  | { readonly kind: 'removeSubset'; readonly target: ResolvedTarget; readonly version: string }
  /** Scale the Deployments behind a version to 0; those that have no replicas already are left alone (R21). */
  | { readonly kind: 'scaleToZero'; readonly target: ResolvedTarget; readonly version: string }
  /** Measure these gates of the plan as of `atMs`, cumulatively since `sinceMs`; the answer comes back as an observation. */
  | {
      readonly kind: 'measure';
      readonly step: string;
      readonly sinceMs: number;
      readonly atMs: number;
      readonly gates: readonly string[];
      /** The two versions answer the same kind of requests, so that baselines may compare them. */
      readonly compares: boolean;
      /** The new version gets nothing but copies of requests: only its own side counts them. */
      readonly copies?: true;
    }
  /** Measure what was normal in the ten minutes before `atMs`, with these providers. */
  | {
      readonly kind: 'measureReference';
      readonly atMs: number;
      readonly stable: string;
      readonly canary: string;
      /** Like `prometheus/default`. */
      readonly providers: readonly string[];
    }
  /** Measure who gets requests after `fromMs`: the versions of the attempt, or, when none is in progress, those of `between`. */
  | {
      readonly kind: 'measureShare';
      readonly fromMs: number;
      readonly atMs: number;
      readonly between?: { readonly stable: string; readonly canary: string };
    }
  /** Keep the Rollout from vanishing while an attempt is in progress, or let it go (R30). */
  | { readonly kind: 'setFinalizer'; readonly isWanted: boolean }
  /** Take the annotation `sluice.dev/request` away. */
  | { readonly kind: 'removeRequest'; readonly request: string };

/** One write of one routing object: weight and position in the same patch. */
export type SetTraffic = {
  readonly kind: 'setTraffic';
  readonly target: Target;
  /** `namespace/name`. */
  readonly object: string;
  /** What was observed; the write is dropped when the object has changed since. */
  readonly resourceVersion: string;
  /** Share of `target.canary` in percent of what foreign destinations leave. */
  readonly weight: number;
  /** Header and mirror routes of ours; those that are absent are removed. */
  readonly routes?: Routes;
  readonly position: Position;
};

/** Takes the destination of a retired version, which gets nothing, out of the steered routes of one object (R21). */
export type RemoveDestination = {
  readonly kind: 'removeDestination';
  readonly target: ResolvedTarget;
  /** `namespace/name`. */
  readonly object: string;
  /** What was observed; the write is dropped when the object has changed since. */
  readonly resourceVersion: string;
  readonly version: string;
  readonly position: Position;
};

export type Decision = {
  readonly status: RolloutStatus;
  readonly actions: readonly Action[];
  /** When to look again if nothing else happens; absent: only when something changes. */
  readonly lookAgainAtMs?: number;
};
