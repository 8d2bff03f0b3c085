import { describe, expect, it } from 'vitest';
import { createCache } from '../../../src/adapters/kubernetes/cache.ts';
import { createPodSource, toPod, toService } from '../../../src/adapters/kubernetes/pods.ts';
import type { KubeObject } from '../../../src/adapters/kubernetes/resources.ts';
import { createLines } from './quiet.ts';

let version = 0;

type PodShape = {
  readonly labels?: Record<string, string>;
  readonly owner?: { readonly kind: string; readonly name: string };
  readonly ready?: boolean;
  readonly phase?: string;
  readonly deleted?: boolean;
  readonly namespace?: string;
};

function pod(name: string, shape: PodShape = {}): KubeObject {
  const { namespace = 'weather', ready = true, phase = 'Running', owner } = shape;
  version += 1;
  const labels = { app: 'forecast', version: 'v1', ...shape.labels };
  return {
    metadata: {
      namespace,
      name,
      uid: `uid-${name}`,
      resourceVersion: String(version),
      labels,
      ...(shape.deleted ? { deletionTimestamp: '2026-05-01T12:00:00Z' } : {}),
      ...(owner ? { ownerReferences: [{ ...owner, uid: `uid-${owner.name}`, controller: true }] } : {}),
    },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

function service(name: string, selector: Record<string, string> | undefined): KubeObject {
  version += 1;
  return { metadata: { namespace: 'weather', name, uid: name, resourceVersion: String(version) }, spec: { selector } };
}

function world(pods: readonly KubeObject[]) {
  const { logger } = createLines();
  const podCache = createCache({ logger, transform: toPod });
  const serviceCache = createCache({ logger, transform: toService });
  const source = createPodSource(podCache.cache, serviceCache.cache);
  serviceCache.sink().replace([toService(service('forecast', { app: 'forecast' })), toService(service('external', undefined))]);
  podCache.sink().replace(pods.map(toPod));
  return { source, pods: podCache.cache, services: serviceCache.cache, podSink: podCache.sink() };
}

describe('pods behind a host', () => {
  it('R13: are those of the Service with the version label, by version', () => {
    const { source } = world([
      pod('a', { labels: { 'pod-template-hash': 'h1' }, owner: { kind: 'ReplicaSet', name: 'forecast-v1-h1' } }),
      pod('b', { labels: { 'pod-template-hash': 'h1' }, owner: { kind: 'ReplicaSet', name: 'forecast-v1-h1' }, ready: false }),
      pod('c', { labels: { version: 'v2', 'pod-template-hash': 'h3' }, owner: { kind: 'ReplicaSet', name: 'forecast-v2-h3' } }),
      pod('d', { labels: { version: 'v2', 'pod-template-hash': 'h2' }, owner: { kind: 'ReplicaSet', name: 'forecast-v2-h2' } }),
      pod('other-app', { labels: { app: 'other' } }),
      pod('other-namespace', { namespace: 'other' }),
    ]);
    const expected = {
      v1: { ready: 1, total: 2, hashes: ['h1'], workloads: ['forecast-v1'] },
      v2: { ready: 2, total: 2, hashes: ['h2', 'h3'], workloads: ['forecast-v2'] },
    };
    expect(source.versions('weather', 'forecast', 'version')).toEqual(expected);
    expect(source.versions('weather', 'forecast.weather.svc.cluster.local', 'version')).toEqual(expected);
    expect(source.versions('elsewhere', 'forecast.weather.svc.cluster.local', 'version')).toEqual(expected);
  });

  it('terminating, failed and finished pods do not count', () => {
    const { source } = world([pod('a', { deleted: true }), pod('b', { phase: 'Failed' }), pod('c', { phase: 'Succeeded' })]);
    expect(source.versions('weather', 'forecast', 'version')).toEqual({});
  });

  it('a Service that is absent or has no selector selects none', () => {
    const { source } = world([pod('a')]);
    expect(source.versions('weather', 'absent', 'version')).toEqual({});
    expect(source.versions('weather', 'external', 'version')).toEqual({});
    expect(source.versions('weather', 'forecast', 'absent-label')).toEqual({});
  });

  it('R8: are told apart by template hash, else controller revision, else owner, else themselves', () => {
    const { source } = world([
      pod('sts-0', { labels: { 'controller-revision-hash': 'r1' }, owner: { kind: 'StatefulSet', name: 'sts' } }),
      pod('job-x', { owner: { kind: 'Job', name: 'job' } }),
      pod('bare'),
      pod('odd', { labels: { 'pod-template-hash': 'h9' }, owner: { kind: 'ReplicaSet', name: 'no-suffix' } }),
    ]);
    expect(source.versions('weather', 'forecast', 'version')['v1']).toEqual({
      ready: 4,
      total: 4,
      hashes: ['h9', 'r1', 'uid-bare', 'uid-job'],
      workloads: ['bare', 'job', 'no-suffix', 'sts'],
    });
  });

  it('are counted again only after a change that matters, which is told', () => {
    const { source, pods, services } = world([pod('a')]);
    const told: string[] = [];
    source.onChange(change => told.push(change.namespace));
    const first = source.versions('weather', 'forecast', 'version');
    pods.put(pod('a'));
    expect(source.versions('weather', 'forecast', 'version')).toBe(first);
    pods.put(pod('z', { namespace: 'other' }));
    expect(source.versions('weather', 'forecast', 'version')).toBe(first);
    pods.put(pod('a', { ready: false }));
    expect(source.versions('weather', 'forecast', 'version')['v1']).toMatchObject({ ready: 0, total: 1 });
    services.put(service('forecast', { app: 'forecast', track: 'x' }));
    expect(source.versions('weather', 'forecast', 'version')).toEqual({});
    expect(told).toEqual(['other', 'weather', 'weather']);
  });

  it('of 10,000 pods are looked up without counting again', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => pod(`p${index}`, { labels: { version: `v${index % 2}` } }));
    const { source } = world(many);
    expect(source.versions('weather', 'forecast', 'version')['v1']?.ready).toBe(5000);
    const first = source.versions('weather', 'forecast', 'version');
    expect(source.versions('weather', 'forecast', 'version')).toBe(first);
  });
});
