import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/sandbox/kube/json.ts';
import { createStore } from '../../../src/sandbox/kube/store.ts';
import { type Caller, routeRequest } from '../../../src/sandbox/mesh/router.ts';
import { takeSnapshot } from '../../../src/sandbox/mesh/snapshot.ts';
import { evaluate } from '../../mesh/evaluate.ts';

const to = (subset: string) => ({ route: [{ destination: { host: 'reviews', subset } }] });
const virtualService = (name: string, age: number, spec: object): KubeObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name, namespace: 'shop', creationTimestamp: `2026-11-0${age}T00:00:00Z` },
  spec: { ...spec },
});
const service = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { selector: { app: name }, ports: [{ port: 9080 }] },
});

const VIRTUAL_SERVICES = [
  virtualService('young', 2, { hosts: ['reviews'], http: [{ match: [{ uri: { prefix: '/young' } }], ...to('young') }] }),
  virtualService('old', 1, {
    hosts: ['reviews.shop.svc.cluster.local'],
    http: [
      { match: [{ sourceLabels: { app: 'page', version: 'v2' } }], ...to('v2') },
      { match: [{ sourceNamespace: 'tests' }], ...to('tests') },
      { match: [{ gateways: ['mesh'], sourceLabels: { app: 'nobody' }, uri: { prefix: '/mesh' } }], ...to('mesh') },
      { match: [{ gateways: ['public'] }], ...to('gateway') },
      { match: [{ port: 9080, uri: { prefix: '/port' } }, { port: 80 }], ...to('port') },
      { match: [{ uri: { prefix: '/only' } }], ...to('v1') },
    ],
  }),
  virtualService('wide', 1, { hosts: ['*.shop.svc.cluster.local'], http: [{ name: 'wide', ...to('wide') }] }),
  virtualService('gateway', 1, { hosts: ['details'], gateways: ['public'], http: [to('gateway')] }),
  virtualService('others', 1, { hosts: ['details'], http: [{ match: [{ sourceLabels: { app: 'nobody' } }], ...to('x') }] }),
];

describe('callers in the mesh of the sandbox', () => {
  const store = createStore();
  for (const item of ['reviews', 'details'].map(service)) store.put('services', item);
  for (const item of VIRTUAL_SERVICES) store.put('virtualservices.networking.istio.io', item);
  const snapshot = takeSnapshot(store, () => undefined);

  const routed = (host: string, path: string, caller: Caller): string => {
    const found = routeRequest(snapshot, { method: 'GET', path, query: new Map(), headers: {}, authority: host }, caller);
    return found.kind === 'route' ? (found.entry.route.destinations[0]?.subset ?? '') : found.kind;
  };
  const wanted = (host: string, path: string, { labels, namespace }: Caller): string => {
    const objects = { virtualServices: VIRTUAL_SERVICES, services: ['reviews', 'details'].map(service) };
    const found = evaluate(objects, { host, path, port: 9080, sourceLabels: labels, sourceNamespace: namespace });
    return found.kind === 'route' ? (found.destinations[0]?.subset ?? '') : found.kind;
  };
  const page = { labels: { app: 'page', version: 'v2' }, namespace: 'shop' };
  const nobody = { labels: {}, namespace: '' };

  it.each([
    { host: 'reviews', path: '/', caller: page, where: 'v2' },
    { host: 'reviews.shop', path: '/', caller: { labels: {}, namespace: 'tests' }, where: 'tests' },
    { host: 'reviews.shop.svc', path: '/mesh', caller: nobody, where: 'mesh' },
    { host: 'reviews.shop', path: '/port', caller: nobody, where: 'port' },
    { host: 'reviews.shop.svc.cluster.local', path: '/only', caller: nobody, where: 'v1' },
    { host: 'reviews.shop', path: '/young', caller: nobody, where: 'none' },
    { host: 'reviews.shop', path: '/', caller: nobody, where: 'none' },
    { host: 'details.shop', path: '/', caller: nobody, where: 'wide' },
    { host: 'details.shop', path: '/', caller: { labels: { app: 'nobody' }, namespace: 'shop' }, where: 'x' },
  ])('$host $path of $caller goes to $where, and the evaluator agrees', ({ host, path, caller, where }) => {
    expect([routed(host, path, caller), wanted(host, path, caller)]).toEqual([where, where]);
  });
});
