import { parse } from 'yaml';
import { type Fields, fieldsOf, listOf, type MeshObject } from '../../../src/adapters/istio/resource.ts';
import type { TrafficEdit } from '../../../src/adapters/istio/trafficEdit.ts';
import { editTraffic } from '../../../src/adapters/istio/trafficPatch.ts';
import { applyPatch } from './applyPatch.ts';
import { position } from './samples.ts';

export const HOST = 'reviews.bookinfo.svc.cluster.local';

/** A write for Rollout `reviews`, which moves requests to reviews from v1 to v2 in http route `primary`. */
export const edit = (weightPercent: number, more: Partial<TrafficEdit> = {}): TrafficEdit => ({
  host: HOST,
  routes: ['primary'],
  stable: { version: 'v1', subset: 'v1' },
  canary: { version: 'v2', subset: 'v2' },
  versionOf: subset => subset,
  weightPercent,
  uid: 'uid-1',
  rollout: 'reviews',
  position: { ...position(), weight: weightPercent },
  ...more,
});

export const apply = (object: MeshObject, change: TrafficEdit): MeshObject => applyPatch(object, editTraffic(object, change));

export const httpOf = (object: MeshObject): readonly Fields[] => listOf(fieldsOf(object.spec)['http']).map(fieldsOf);

export const namesOf = (object: MeshObject): readonly unknown[] => httpOf(object).map(({ name }) => name);

/** Paths of what a write changes, but for the version and the position that go with each. */
export const changesOf = (object: MeshObject, change: TrafficEdit): readonly string[] =>
  editTraffic(object, change)
    .filter(({ op, path }) => op !== 'test' && !path.startsWith('/metadata'))
    .map(({ op, path }) => `${op} ${path}`);

/** The list of http routes, or another value, as YAML shows it. */
export const yaml = (text: string): unknown => parse(text);
