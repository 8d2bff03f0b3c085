import type { GateSource } from '../status.ts';

/** A provider as people call it: `prometheus/default`. */
export const providerKey = (kind: 'prometheus' | 'zipkin', name = 'default'): string => `${kind}/${name}`;

/** The provider that a gate's numbers come from; webhooks have none. */
export const providerOf = (source: Exclude<GateSource, { kind: 'webhook' }>): string =>
  providerKey(source.kind === 'zipkin' ? 'zipkin' : 'prometheus', source.provider);

/** The gate counts requests that failed; all others that count anything count slow ones, or lost ones. */
export const isErrorRate = (source: GateSource): boolean => source.kind === 'prometheus' && source.metric === 'success-rate';
