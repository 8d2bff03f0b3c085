import type { Measurement, Reference, ShareMeasurement } from '../rollout/index.ts';
import type { ProviderSums } from './sums.ts';

/**
 * What this process remembers of one rollout between two decisions. All of it can be lost: a restart measures again from
 * the provider's history, on top of the sums in the status.
 */
export type Memory = {
  /** Name of the step that the measurements belong to. */
  step: string | undefined;
  readonly measurements: Map<string, Measurement>;
  /** Running sums of each provider in this step. */
  readonly sums: Map<string, ProviderSums>;
  /** How far the samples of a provider are apart, by its key. */
  readonly scrapeDistanceMs: Map<string, number>;
  reference: Reference | undefined;
  share: ShareMeasurement | undefined;
  /** Readings under way, so that none is started twice. */
  readonly inFlight: Set<string>;
  /** Workloads seen behind each version: a pod that is gone has left requests to be counted. */
  readonly workloads: Map<string, Set<string>>;
  /** What the last write failed with, in a sentence. */
  writeError: string | undefined;
  backOff: BackOff | undefined;
  /** Conflicts in a row. */
  conflicts: number;
};

/** A write that failed, and when it is tried again; a round that comes before does not send it. */
export type BackOff = {
  /** The write, and the object as it was found: another write, or a changed object, is tried at once. */
  readonly what: string;
  /** Phase and step in which it was wanted. */
  readonly place: string;
  /** Failures in a row. */
  readonly failures: number;
  readonly retryAtMs: number;
};

export const createMemory = (): Memory => ({
  step: undefined,
  measurements: new Map(),
  sums: new Map(),
  scrapeDistanceMs: new Map(),
  reference: undefined,
  share: undefined,
  inFlight: new Set(),
  workloads: new Map(),
  writeError: undefined,
  backOff: undefined,
  conflicts: 0,
});

/** Forgets the measurements of another step. */
export const turnTo = (memory: Memory, step: string): void => {
  if (memory.step === step) return;
  memory.step = step;
  memory.measurements.clear();
  memory.sums.clear();
};
