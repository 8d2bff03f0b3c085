import type { Clock } from '../controller/ports.ts';
import { networkOf } from './clientAddress.ts';
import { Problem } from './problem.ts';

/** Counts what fails to prove who it comes from, by address; whoever succeeds is never held up by it for long. */
export type FailureLimit = {
  /** Throws Problem 429 when this address has failed too often. */
  check(address: string): void;
  /** Whether it was counted: what comes when there were too many already is not. */
  failed(address: string): boolean;
};

export type FailureLimitOptions = {
  readonly clock: Clock;
  /** So many failures at once; default 20. */
  readonly burst?: number;
  /** One more is forgiven after so long; default 3 s. */
  readonly refillMs?: number;
  /** Default 10,000; those that failed longest ago are forgotten first. */
  readonly mostAddresses?: number;
};

type Bucket = { readonly failures: number; readonly atMs: number };

export const createFailureLimit = (options: FailureLimitOptions): FailureLimit => {
  const { clock, burst = 20, refillMs = 3_000, mostAddresses = 10_000 } = options;
  const buckets = new Map<string, Bucket>();

  const failuresOf = (key: string): number => {
    const bucket = buckets.get(key);
    return bucket === undefined ? 0 : Math.max(0, bucket.failures - Math.max(0, clock.now() - bucket.atMs) / refillMs);
  };
  /** Failures that have to be forgiven before there may be another one. */
  const overOf = (key: string): number => Math.max(0, failuresOf(key) - (burst - 1));

  return {
    check: address => {
      const over = overOf(networkOf(address));
      if (over === 0) return;
      const seconds = Math.max(1, Math.ceil((over * refillMs) / 1_000));
      throw new Problem(429, 'too many requests of this address failed to prove who they come from', {
        headers: { 'retry-after': String(seconds) },
      });
    },
    failed: address => {
      const key = networkOf(address);
      if (overOf(key) > 0) return false;
      const failures = failuresOf(key) + 1;
      // deleted first, so that the map is in the order of the last failure
      buckets.delete(key);
      buckets.set(key, { failures, atMs: clock.now() });
      const [oldest] = buckets.keys();
      if (buckets.size > mostAddresses && oldest !== undefined) buckets.delete(oldest);
      return true;
    },
  };
};
