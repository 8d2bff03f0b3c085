import type { KubeObject, ObjectMeta } from './resources.ts';

/** Where a process serves, as `address:port`; what is not served, or not known, is absent. */
export type Addresses = { readonly api?: string; readonly hooks?: string };

/** What is of interest in a coordination.k8s.io/v1 Lease. */
export type LeaseSpec = {
  /** Empty: released. */
  readonly holder: string;
  readonly durationMs: number;
  /** How often the lease has changed hands. */
  readonly transitions: number;
  /** As it stands there. */
  readonly renewTime: string;
  /** Of the holder. */
  readonly addresses: Addresses;
};

export type Term = {
  readonly holder: string;
  readonly durationMs: number;
  readonly transitions: number;
  readonly nowMs: number;
  /** When this holder got it; kept from the lease when absent. */
  readonly acquiredMs?: number;
  /** Take the place of those of the holder before. */
  readonly addresses: Addresses;
};

const ANNOTATIONS = { api: 'sluice.dev/api-address', hooks: 'sluice.dev/hooks-address' } as const;
/** An address of a network, and nothing that would have to be looked up. */
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/;

function addressesOf({ annotations = {} }: ObjectMeta): Addresses {
  const [api, hooks] = [annotations[ANNOTATIONS.api], annotations[ANNOTATIONS.hooks]];
  return {
    ...(api !== undefined && ADDRESS.test(api) ? { api } : {}),
    ...(hooks !== undefined && ADDRESS.test(hooks) ? { hooks } : {}),
  };
}

function withAddresses({ annotations, ...metadata }: ObjectMeta, { api, hooks }: Addresses): ObjectMeta {
  const { [ANNOTATIONS.api]: _api, [ANNOTATIONS.hooks]: _hooks, ...others } = annotations ?? {};
  const all = {
    ...others,
    ...(api === undefined ? {} : { [ANNOTATIONS.api]: api }),
    ...(hooks === undefined ? {} : { [ANNOTATIONS.hooks]: hooks }),
  };
  return Object.keys(all).length === 0 ? metadata : { ...metadata, annotations: all };
}

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
    addresses: addressesOf(lease.metadata),
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
  const metadata = withAddresses(lease.metadata, term.addresses);
  return { ...lease, apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
}
