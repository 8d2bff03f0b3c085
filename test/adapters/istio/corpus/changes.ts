import { fieldsOf, listOf, type MeshObject } from '../../../../src/adapters/istio/resource.ts';
import { destinationsOf, httpOf } from './read.ts';
import type { Steering } from './rules.ts';

/** Changes an http route in its place. */
export type Edit = (route: Record<string, unknown>) => void;

/** The object with one http route edited. */
export function edited(object: MeshObject, index: number, edit: Edit): MeshObject {
  const copy = structuredClone(object);
  const route = listOf(fieldsOf(copy.spec)['http'])[index];
  edit(route as Record<string, unknown>);
  return copy;
}

/** Somebody gives each version what the other one had, and changes a header route. */
export function tampered(object: MeshObject, steering: Steering): MeshObject {
  const http = httpOf(object).map(route => {
    if (String(route['name']).startsWith('sluice-')) return { ...route, match: [{ headers: { 'end-user': { prefix: 'j' } } }] };
    const entries = destinationsOf(route, object);
    const of = (wanted: string) => entries.find(({ host, subset }) => host === steering.host && subset === wanted)?.entry;
    const [stable, canary] = [of(steering.subsetOf('v1')), of(steering.subsetOf('v2'))];
    if (stable === undefined || canary === undefined) return route;
    const weights = new Map([
      [stable, canary['weight']],
      [canary, stable['weight']],
    ]);
    return {
      ...route,
      route: entries.map(({ entry }) => (weights.has(entry) ? { ...entry, weight: weights.get(entry) } : entry)),
    };
  });
  return { ...object, spec: { ...fieldsOf(object.spec), http } };
}

/** Each of the things that tell a route and its shares apart, changed by somebody. */
export function changesTo(object: MeshObject, index: number): readonly MeshObject[] {
  const route = httpOf(object)[index] ?? {};
  const [first] = listOf(route['route']).map(fieldsOf);
  const { subset } = fieldsOf(first?.['destination']);
  const entryOf = (fields: Record<string, unknown>) => listOf(fields['route'])[0] as Record<string, unknown>;
  const destinationOf = (fields: Record<string, unknown>) => entryOf(fields)['destination'] as Record<string, unknown>;
  const put = (change: Edit): MeshObject => edited(object, index, change);
  return [
    put(fields => Object.assign(destinationOf(fields), { host: 'another' })),
    ...(subset === undefined ? [] : [put(fields => Object.assign(destinationOf(fields), { subset: 'another' }))]),
    ...(first?.['weight'] === undefined ? [] : [put(fields => Object.assign(entryOf(fields), { weight: 12 }))]),
    ...(route['name'] === undefined ? [] : [put(fields => Object.assign(fields, { name: 'another' }))]),
    put(fields => Object.assign(fields, { route: [] })),
  ];
}
