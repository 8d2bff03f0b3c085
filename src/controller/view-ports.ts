import type { MessageFacts, RolloutView } from '../rollout/index.ts';
import type { Link } from './channel-ports.ts';
import type { Key, StoredRollout } from './ports.ts';

/** A routing object as it is, and as it will be; fields that nobody reads (managedFields and the like) are left out. */
export type MeshObjectView = {
  readonly kind: 'VirtualService' | 'DestinationRule';
  readonly namespace: string;
  readonly name: string;
  readonly now: object;
  /** In the order in which it would happen; an object that would not change has none. */
  readonly later: readonly { readonly when: string; readonly object: object }[];
};

/** What the next steps, the end and the way back would write, worked out by what would write it. Reads caches only. */
export type MeshPreview = {
  /** `problem`: why nothing can be told, for people. */
  preview(rollout: StoredRollout): { readonly objects: readonly MeshObjectView[]; readonly problem?: string };
};

/** Where a rollout was at one moment. */
export type TimelinePoint = {
  /** RFC 3339. */
  readonly at: string;
  readonly phase: string;
  /** The new version while there is one, else the stable one. */
  readonly version: string;
  readonly revision?: string;
  readonly step?: number;
  /** Intended share of `version` in percent. */
  readonly weight: number;
  readonly gates: readonly {
    readonly name: string;
    readonly verdict: string;
    readonly value?: number;
    readonly baseline?: number;
    readonly min?: number;
    readonly max?: number;
    /** `ms`, `%` or nothing. */
    readonly unit: string;
  }[];
};

/** A stored record of a decision (R37). */
export type StoredRecord = {
  /** SHA-256 of `text`, in hex, as `status.history[].evidence` names it. */
  readonly digest: string;
  readonly attempt: number;
  /** `20261121T140005123Z-raised`. */
  readonly name: string;
  /** The record, as JSON. */
  readonly text: string;
};

/** What people are shown beside what the status says; absent: nothing. */
export type Further = {
  /** Where they look further; `at`: up to when (RFC 3339). */
  readonly linksOf?: (rollout: StoredRollout, facts: MessageFacts, at: string) => readonly Link[];
  /** What the author of the Rollout wants them to be asked, filled in. */
  readonly askOf?: (rollout: StoredRollout, facts: MessageFacts) => string | undefined;
};

/** Reads records where they are kept, with the rights of the caller, as Sluice itself may not read ConfigMaps. */
export type RecordReader = {
  /** Newest last. Throws SystemError: `refused` when the caller may not read them. */
  read(
    token: string,
    rollout: { readonly namespace: string; readonly name: string },
    signal: AbortSignal,
  ): Promise<readonly StoredRecord[]>;
};

/** What a person asks of a Rollout by the HTTP API (R22). */
export type Wish = {
  readonly key: Key;
  readonly verb: RolloutView['actions'][number]['verb'];
  readonly revision?: string;
  readonly step?: number;
  /** When the step that was seen began, RFC 3339: one that was edited since has the same number (R11). */
  readonly startedAt?: string;
  readonly reason?: string;
  readonly force?: boolean;
  /** Name of the Kubernetes user, as the API server has told it. */
  readonly by: string;
};

/** Puts a request into a Rollout, for its controller to act on. */
export type RequestWriter = {
  /** Throws SystemError: `conflict` when the Rollout has changed since it was read, so that nothing is overwritten unseen. */
  put(rollout: StoredRollout, request: string): Promise<void>;
};

/** What became of it. */
export type WishOutcome =
  /** The status that knows it is stored; `outcome` is the sentence of `status.lastRequest`. */
  | { readonly kind: 'done'; readonly outcome: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unknown' }
  /** It could not be stored, or nobody has said in time what became of it. */
  | { readonly kind: 'notStored'; readonly reason: string };
