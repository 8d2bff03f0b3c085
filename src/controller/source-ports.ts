import type { Key } from './ports.ts';

/** A branch of a Git repository. One at a time: no two calls may overlap. */
export type GitRepository = {
  /**
   * Asks where the branch stands. Costs one request (the first one may cost two) and fetches nothing (R34).
   * Throws SystemError `git`: unreachable, not allowed, no such repository or branch.
   */
  poll(signal: AbortSignal): Promise<{ readonly oid: string }>;
  /**
   * Fetches if need be and reads the files below the configured path. The branch may have moved on since `oid` was polled;
   * what was read says so in its own `oid`. Throws SystemError `git`, also when the path is missing or empty.
   */
  read(oid: string, signal: AbortSignal): Promise<GitContent>;
  /** The history that led to a commit which was read. It keeps what it has looked at: to be made anew for each pass of writes. */
  history(oid: string): GitHistory;
  close(): void;
};

export type GitHistory = {
  /**
   * Who wrote the commits that changed a file and that are not part of the commit it was applied from last (R19); without
   * `before`, all that changed it, as far back as is known. May fetch older commits. Throws SystemError `unavailable` when
   * that may work in a moment; whatever else fails is said in `missing`.
   */
  authorsOf(file: string, before: GitPlace | undefined, signal: AbortSignal): Promise<Authors>;
};

/** A file at a commit; `revision` as in GitContent. */
export type GitPlace = { readonly revision: string; readonly path: string };

export type Authors = {
  /** Names and e-mail addresses, the newest first; empty: the file is as it was. */
  readonly people: readonly string[];
  /** Why somebody may be missing among them. */
  readonly missing?: string;
};

export type GitContent = {
  readonly oid: string;
  /** Branch and commit for people, e.g. `main@sha1:9f3c...`. */
  readonly revision: string;
  readonly files: readonly GitFile[];
  /** Files that could not be read as text. */
  readonly problems: readonly GitFileProblem[];
};

/** `path` is relative to the root of the repository. */
export type GitFile = { readonly path: string; readonly text: string };

export type GitFileProblem = { readonly file: string; readonly message: string };

/** A Rollout as a file defines it, complete and checked. */
export type RolloutManifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
  };
  readonly spec: object;
};

/** `line` and `column` are 1-based. */
type ManifestProblem = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where in the document, e.g. `spec.strategy.canary`. */
  readonly path: string;
  readonly message: string;
  /** What was probably meant. */
  readonly suggestion?: string;
};

/** A Rollout and where it begins in its file. */
export type LocatedManifest = RolloutManifest & { readonly line?: number; readonly column?: number };

/** Parses one YAML file, which may hold several documents; must not throw. Documents of other kinds are left out. */
export type RolloutParser = (
  text: string,
  file: string,
) => { readonly rollouts: readonly LocatedManifest[]; readonly problems: readonly ManifestProblem[] };

/** Where a Rollout comes from; stands on the object as label and annotations. */
export type RolloutOrigin = {
  readonly source: string;
  readonly revision: string;
  readonly path: string;
  /** Asked only when there is something to write: who wrote what has changed since `before`, if anything stood there. */
  readonly authors: (before: GitPlace | undefined, signal: AbortSignal) => Promise<Authors>;
  /** What was written last, when others have changed that since: it is put back as it was. */
  readonly written?: { readonly revision: string; readonly authors?: string | undefined };
};

/** A Rollout with the namespace it goes to. */
export type PlacedRollout = Omit<RolloutManifest, 'metadata'> & {
  readonly metadata: Omit<RolloutManifest['metadata'], 'namespace'> & { readonly namespace: string };
};

/** A Rollout in the cluster, as far as it concerns a source that owns it or wants to. */
export type SourcedRollout = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Rises with each change of the spec. */
  readonly generation: number;
  readonly isDeleting: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The source whose label it carries. */
  readonly source?: string;
  /** Commit and file of the last write by a source. */
  readonly revision?: string;
  readonly path?: string;
  /** Who wrote what led to its spec, as the source has written it: a JSON list. */
  readonly authors?: string;
};

/** The Rollouts in the cluster, from a cache; reading them costs no request. */
export type SourcedRollouts = {
  get(key: Key): SourcedRollout | undefined;
  /** All that carry the label of this source. */
  list(source: string): readonly SourcedRollout[];
  /** Calls back when a Rollout was added or deleted, or when its spec, labels or annotations have changed. */
  onChange(callback: (key: Key) => void): void;
};

export type Applied = {
  readonly outcome: 'created' | 'changed' | 'unchanged';
  /** The object as it stands now. */
  readonly object: SourcedRollout;
  /** Who else wrote to it last before this write, by name of the field manager; where known. */
  readonly lastManager?: string;
};

export type RolloutWriter = {
  /**
   * Server-side apply as field manager `sluice-git`, with the origin as label and annotations. An object that already says
   * what Git says is not written: its commit annotation stays the last commit that changed something. Authors add up until
   * what they wrote is stable. Throws SystemError `refused` when the object exists and does not carry the label of this
   * source, and what `authors` throws.
   */
  apply(rollout: PlacedRollout, origin: RolloutOrigin, signal: AbortSignal): Promise<Applied>;
  /**
   * Deletes the object, if it is still this one and still carries the label of this source; otherwise nothing happens.
   * What has to come first is the work of its finalizer. Throws SystemError.
   */
  remove(rollout: SourcedRollout, source: string, signal: AbortSignal): Promise<'deleted' | 'left'>;
};

/** Calls back at the times of a cron expression (seconds allowed), never while the last call is still running. */
export type Scheduler = (cron: string, callback: () => Promise<void>) => { stop(): void };
