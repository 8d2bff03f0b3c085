import { parse } from 'yaml';
import type { MeshObject } from '../../../src/adapters/istio/resource.ts';
import type { Position } from '../../../src/rollout/index.ts';

const meshObject = (kind: string, spec: string, metadata: MeshObject['metadata']) => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  metadata: { namespace: 'bookinfo', name: 'reviews', resourceVersion: '7', ...metadata },
  spec: parse(spec),
});

/** A VirtualService of namespace bookinfo from the YAML of its spec. */
export const virtualService = (spec: string, metadata: MeshObject['metadata'] = {}): MeshObject =>
  meshObject('VirtualService', spec, metadata);

/** A DestinationRule of namespace bookinfo from the YAML of its spec. */
export const destinationRule = (spec: string, metadata: MeshObject['metadata'] = {}): MeshObject =>
  meshObject('DestinationRule', spec, metadata);

export const REVIEWS_RULE = destinationRule(`
host: reviews
trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
subsets:
- {name: v1, labels: {version: v1}}
- {name: v2, labels: {version: v2}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}
- {name: v3, labels: {version: v3}}
`);

export const position = (seq = 1): Position => ({
  seq,
  revision: '7c1f09d2',
  plan: '1f00ab',
  step: 1,
  weight: 50,
  state: 'raised',
  reason: 'StepEntered',
  time: '2026-11-21T10:00:00Z',
  epoch: 3,
});
