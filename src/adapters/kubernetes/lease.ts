import type { KubeObject } from './resources.ts';

/** What is of interest in a coordination.k8s.io/v1 Lease. */
export type LeaseSpec = {
  /** Empty: released. */
  readonly holder: string;
  readonly durationMs: number;
  /** How often the lease has changed hands. */
  readonly transitions: number;
  /** As it stands there. */
  readonly renewTime: string;
};

export type Term = {
  readonly holder: string;
  readonly durationMs: number;
  readonly transitions: number;
  readonly nowMs: number;
  /** When this holder got it; kept from the lease when absent. */
  readonly acquiredMs?: number;
};

/** Leases want exactly six decimals (V1MicroTime); a millisecond is as fine as this process measures. */
function microTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, -1)}000Z`;
}

export function readLease(lease: KubeObject): LeaseSpec {
  const spec = (lease['spec'] ?? {}) as {
    readonly holderIdentity?: string | null;
    readonly leaseDurationSeconds?: number | null;
    readonly leaseTransitions?: number | null;
    readonly renewTime?: string | null;
  };
  return {
    holder: spec.holderIdentity ?? '',
    durationMs: (spec.leaseDurationSeconds ?? 0) * 1000,
    transitions: spec.leaseTransitions ?? 0,
    renewTime: spec.renewTime ?? '',
  };
}

/** The lease for this term; all that others wrote on it stays. */
export function writeLease(lease: KubeObject, term: Term): KubeObject {
  const spec = {
    ...(lease['spec'] as object | undefined),
    holderIdentity: term.holder,
    leaseDurationSeconds: Math.max(1, Math.round(term.durationMs / 1000)),
    leaseTransitions: term.transitions,
    renewTime: microTime(term.nowMs),
    ...(term.acquiredMs === undefined ? {} : { acquireTime: microTime(term.acquiredMs) }),
  };
  return { ...lease, apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', spec };
}
