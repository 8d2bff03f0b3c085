import { expect, test } from 'vitest';
import { createCache } from '../../../src/adapters/kubernetes/cache.ts';
import type { KubeObject, ObjectMeta } from '../../../src/adapters/kubernetes/resources.ts';
import { createSourcedRollouts } from '../../../src/adapters/kubernetes/sourcedRollouts.ts';
import { createLines } from './quiet.ts';

let versions = 0;

function object(name: string, metadata: Partial<ObjectMeta> = {}, content: object = {}): KubeObject {
  versions += 1;
  const own = { name, namespace: 'weather', uid: `uid-${name}`, resourceVersion: String(versions), generation: 1 };
  return { metadata: { ...own, ...metadata }, ...content };
}

const ofFleet = {
  labels: { 'sluice.dev/source': 'fleet' },
  annotations: { 'sluice.dev/commit': 'main@sha1:1', 'sluice.dev/path': 'a.yaml' },
};

function open() {
  const { cache } = createCache({ logger: createLines().logger, transform: (kept: KubeObject) => kept });
  const objects = createSourcedRollouts(cache);
  const changes: string[] = [];
  objects.onChange(key => changes.push(key));
  return { cache, objects, changes };
}

test('R33 a source finds what is its own by label', () => {
  const { cache, objects } = open();
  cache.put(object('a', ofFleet));
  cache.put(object('b', { labels: { 'sluice.dev/source': 'edge' } }));
  cache.put(object('c'));
  expect(objects.list('fleet')).toMatchObject([{ name: 'a', source: 'fleet', revision: 'main@sha1:1', path: 'a.yaml' }]);
  expect(objects.get('weather/c')).toEqual({
    namespace: 'weather',
    name: 'c',
    uid: 'uid-c',
    generation: 1,
    isDeleting: false,
    labels: {},
    annotations: {},
  });
  expect(objects.get('weather/none')).toBeUndefined();
});

test('changes of spec, labels and annotations are told, those of a status are not', () => {
  const { cache, changes } = open();
  cache.put(object('a', ofFleet));
  cache.put(object('a', ofFleet, { status: { phase: 'Healthy' } }));
  cache.put(object('a', { ...ofFleet, finalizers: ['sluice.dev/rollout'] }));
  expect(changes).toEqual(['weather/a']);
  cache.put(object('a', { ...ofFleet, generation: 2 }));
  cache.put(object('a', { ...ofFleet, generation: 2, labels: {} }));
  cache.put(object('a', { ...ofFleet, generation: 2, labels: {}, deletionTimestamp: '2026-11-21T12:00:00Z' }));
  expect(changes).toHaveLength(4);
});
