import type {
  Block,
  Cause,
  MeshFinding,
  MeshObservation,
  PodCounts,
  RemoveDestination,
  ResolvedTarget,
  Rollout,
  RolloutStatus,
  SetTraffic,
  Target,
  VersionPods,
} from '../rollout/index.ts';

/**
 * A failure of something outside this process. Messages read `verb-ing object: reason` and hold no secret.
 * `conflict`: the object has changed since it was read (observe again, decide again, at once).
 */
export class SystemError extends Error {
  readonly system: string;
  readonly operation: string;
  readonly kind: 'conflict' | 'refused' | 'unavailable' | 'notFound' | 'badAnswer';
  /** How long the system asks to be left alone. */
  readonly retryAfterMs: number | undefined;
  constructor(system: string, operation: string, kind: SystemError['kind'], reason: string, options?: SystemErrorOptions) {
    super(`${operation}: ${reason}`, options);
    this.name = 'SystemError';
    this.system = system;
    this.operation = operation;
    this.kind = kind;
    this.retryAfterMs = options?.retryAfterMs;
  }
}

type SystemErrorOptions = ErrorOptions & { readonly retryAfterMs?: number | undefined };

/** Structured log; messages are static, what varies stands in the fields. The shape is pino's. */
export type Logger = {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(bindings: object): Logger;
};

/** `namespace/name`. */
export type Key = string;

/** The Rollout objects, from a cache that is filled by a watch and sees own writes at once. */
export type RolloutStore = {
  keys(): readonly Key[];
  get(key: Key): StoredRollout | undefined;
  /** Calls back with the key of each Rollout that was added, changed or deleted. */
  onChange(callback: (key: Key) => void): void;
  /** Replaces the status; throws SystemError `conflict` when the object has changed since `rollout` was read. */
  writeStatus(rollout: StoredRollout, status: RolloutStatus): Promise<void>;
  /** Adds our finalizer, or takes it away; throws SystemError `conflict` like `writeStatus`. */
  setFinalizer(rollout: StoredRollout, isWanted: boolean): Promise<void>;
  /** Removes the request annotation if it still has this value. */
  removeRequest(rollout: StoredRollout, request: string): Promise<void>;
};

export type StoredRollout = Rollout & {
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
  /** Label `sluice.dev/source` and annotation `sluice.dev/commit`, when Git owns the object. */
  readonly source?: {
    readonly name: string;
    readonly revision: string;
    readonly path?: string;
    /** Annotation `sluice.dev/authors`: who wrote the commits that led to this spec (R19). */
    readonly authors?: readonly string[];
  };
};

/** The mesh: reads come from caches and are synchronous, writes are single patches. One per kind of router. */
export type Router = {
  /** Finds the routing objects of a Rollout that has no attempt in progress. */
  resolve(rollout: Rollout, versions: readonly string[]): MeshObservation;
  /** Looks at the objects of an attempt in progress; the spec does not matter. */
  observe(rollout: Rollout, target: ResolvedTarget, versions: readonly string[]): MeshObservation;
  /** Calls back with the keys of the Rollouts that a change of a routing object may concern. */
  onChange(callback: (object: { readonly namespace: string; readonly host?: string }) => void): void;
  /** Adds the subset for a version to the DestinationRule; does nothing when it is there. */
  ensureSubset(target: Target, version: string): Promise<void>;
  /** One patch with weights and position; throws SystemError `conflict` when the object is not as it was observed. */
  setTraffic(write: SetTraffic, owner: Owner): Promise<void>;
  /** One patch that takes a destination without weight away; throws SystemError `conflict` like `setTraffic`. */
  removeDestination(write: RemoveDestination, owner: Owner): Promise<void>;
  /** Takes a subset away that we added; does nothing when it is gone, or not ours. Throws SystemError `refused` while routes refer to it. */
  removeSubset(target: ResolvedTarget, version: string): Promise<void>;
};

/** The Rollout for which something is written: positions go by uid, routes that are added are named after it. */
export type Owner = Pick<Rollout, 'uid' | 'name' | 'status'>;

/** Looks for what makes routing rules fail silently (R13). Synchronous, from caches. */
export type MeshChecker = {
  /** What it finds for moving traffic between the two versions of the target. */
  check(rollout: Rollout, target: Target): readonly MeshFinding[];
};

/** What runs the pods of a version. */
export type Workloads = {
  /**
   * Scales the Deployments to 0 whose pods have this version, are selected by the Service behind the host, and nothing
   * else. Those at 0 already are not written. Answers `namespace/name` of those that it scaled; throws SystemError.
   */
  scaleToZero(pods: {
    readonly namespace: string;
    readonly host: string;
    readonly versionLabel: string;
    readonly version: string;
  }): Promise<readonly string[]>;
};

/** Pods behind a host, by version. Synchronous, from caches. */
export type PodSource = {
  versions(namespace: string, host: string, versionLabel: string): Readonly<Record<string, VersionPods>>;
  onChange(callback: (change: { readonly namespace: string }) => void): void;
};

/** Requests to one host in (fromMs, toMs], both versions in one answer. */
export type TrafficQuery = {
  /** Full name, e.g. `forecast.weather.svc.cluster.local`. */
  readonly host: string;
  readonly stable: VersionSelector;
  readonly canary: VersionSelector;
  readonly fromMs: number;
  readonly toMs: number;
  /** Stable's part of the answer is not needed: a provider that would have to ask for it separately leaves it at 0. */
  readonly onlyCanary?: boolean;
  /** The new version gets nothing but copies of requests, which only its own side counts. */
  readonly copies?: boolean;
  /** Durations are not needed: `timed`, `slow` and `durations` may stay empty, which makes large answers twenty times smaller. */
  readonly withoutDurations?: boolean;
  /** Latency limits in ms for which slow requests are counted. */
  readonly slowerThanMs: readonly number[];
};

export type VersionSelector = { readonly version: string; readonly subset: string; readonly workloads: readonly string[] };

export type VersionTraffic = {
  readonly requests: number;
  readonly errors: number;
  /** Copies only: so many more were ended by the proxy that sent them, before there was an answer. */
  readonly unanswered?: number;
  /** Requests (or spans) that have a duration. */
  readonly timed: number;
  /** Requests slower than the limit, in the order of `slowerThanMs`. */
  readonly slow: readonly number[];
  /** Durations for people: `[upper edge in ms, count]`, ascending, edges exact (spans) or of buckets. */
  readonly durations: readonly (readonly [upToMs: number, count: number])[];
  /** Providers of spans: each call with a duration, `[start in ms, duration in ms]`, ascending by start, one per trace. */
  readonly calls?: readonly (readonly [atMs: number, durationMs: number])[];
  /** What the failed requests were, like `503 UH`; most frequent first, at most ten. */
  readonly causes?: readonly Cause[];
  /** Requests and failures of each pod, where the scrape tells it; most failures first, at most twenty. */
  readonly pods?: readonly PodCounts[];
};

export type Traffic = {
  /** Data are complete up to then; the next reading starts here. Not after `toMs`; equal to `fromMs` when nothing is known yet. */
  readonly untilMs: number;
  /** So much of the time before `untilMs` was not read, on both sides alike, as there was too much in it; absent: none. */
  readonly skippedMs?: number;
  readonly stable: VersionTraffic;
  readonly canary: VersionTraffic;
  /** All requests to the host, and those that failed before they reached a pod. */
  readonly host: { readonly requests: number; readonly unattributed: number };
  /** Providers that scrape: median time between two samples of a target, as far as it is known. */
  readonly scrapeDistanceMs?: number;
};

/** A source of request counts and durations per version: Prometheus with Istio's metrics, Zipkin with its spans. */
export type TrafficProvider = {
  /** Throws SystemError when the provider does not answer as it should (R16); no data is zero counts (R15). */
  readTraffic(query: TrafficQuery, signal: AbortSignal): Promise<Traffic>;
  /**
   * Requests of stable by pod and minute in (fromMs, toMs], to see whether failures come in bursts; absent where the provider
   * does not know pods. `slowerThanMs`: count slow ones above this instead of errors. Throws SystemError.
   */
  readBlocks?(query: BlockQuery, signal: AbortSignal): Promise<readonly Block[]>;
};

export type BlockQuery = {
  readonly host: string;
  readonly version: VersionSelector;
  readonly fromMs: number;
  readonly toMs: number;
  readonly slowerThanMs?: number;
};

/** A provider that answers a query in its own language with one number. */
export type QueryProvider = {
  /** `undefined` value: no data (empty, NaN, more than one series), with the reason for people. */
  readValue(query: string, atMs: number, signal: AbortSignal): Promise<{ readonly value: number } | { readonly none: string }>;
};

export type Providers = {
  readonly prometheus: Readonly<Record<string, TrafficProvider & QueryProvider>>;
  readonly zipkin: Readonly<Record<string, TrafficProvider>>;
};

/** Asks another program for a verdict: gates of kind webhook. */
export type GateCaller = {
  /** Throws SystemError when the receiver does not answer as it should (R16). */
  call(
    request: { readonly url: string; readonly timeoutMs: number; readonly body: object },
    signal: AbortSignal,
  ): Promise<GateVerdict>;
};

export type GateVerdict = {
  readonly verdict: 'pass' | 'fail' | 'nodata';
  readonly value?: number;
  /** One line, of limited length, without control characters. */
  readonly message?: string;
};

/** Fills a template; throws an Error that names what is unknown or broken. */
export type RenderTemplate = (template: string, values: Readonly<Record<string, string | number>>) => string;

/** Tells people through Kubernetes events. Must not throw; `name` makes repeats harmless. */
export type EventSink = {
  emit(
    rollout: StoredRollout,
    event: { readonly name: string; readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string },
  ): void;
};

/** A record on its way to where it is kept (R37). */
export type Evidence = {
  readonly rollout: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly attempt: number;
  /** Unique within the attempt, in the order of time: `20261121T140005123Z-raised`. */
  readonly name: string;
  /** SHA-256 of `text`, in hex. */
  readonly digest: string;
  /** The record, as JSON. */
  readonly text: string;
};

/** One place in which records are kept. */
export type EvidenceStore = {
  /** For logs and metrics. */
  readonly name: string;
  /**
   * Keeps a record; to write one again changes nothing. `lost`: there is nothing to keep it with any more, and why.
   * Throws SystemError when it may work later.
   */
  write(evidence: Evidence, signal: AbortSignal): Promise<'written' | { readonly lost: string }>;
};

/** Time, so that tests own it. */
export type Clock = { now(): number };
