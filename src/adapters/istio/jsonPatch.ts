import type { JsonPatchOperation, MeshObject } from './resource.ts';

/** JSON pointer (RFC 6901) of the member. */
export const pointer = (...tokens: readonly (string | number)[]): string =>
  tokens.map(token => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/**
 * The API server compares `test` values as encoded bytes, and its encoder escapes these characters where ours does not: a
 * test of such a value would fail for ever although nothing changed (kube-apiserver 1.34). The resource version covers
 * what is not tested.
 */
const ESCAPED_BY_SERVER = /[<>&\u2028\u2029]|\\[bf]/;

/** `test` of a value that was read; nothing for values that are absent or that the API server cannot compare. */
export function testOf(path: string, value: unknown): readonly JsonPatchOperation[] {
  if (value === undefined || ESCAPED_BY_SERVER.test(JSON.stringify(value))) return [];
  return [{ op: 'test', path, value }];
}

/** Makes the API server answer 409 when the object has changed since it was read. */
export const guardVersion = (object: MeshObject): readonly JsonPatchOperation[] => {
  const resourceVersion = object.metadata?.resourceVersion;
  return resourceVersion === undefined ? [] : [{ op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion }];
};

/** Sets one annotation, or takes it away, after a test of its old value. */
export function setAnnotation(object: MeshObject, annotation: string, value: string | undefined): readonly JsonPatchOperation[] {
  const annotations = object.metadata?.annotations;
  const path = pointer('metadata', 'annotations', annotation);
  const old = annotations?.[annotation];
  if (value === undefined) return old === undefined ? [] : [...testOf(path, old), { op: 'remove', path }];
  if (annotations === undefined) return [{ op: 'add', path: '/metadata/annotations', value: { [annotation]: value } }];
  if (old === undefined) return [{ op: 'add', path, value }];
  return [...testOf(path, old), { op: 'replace', path, value }];
}
