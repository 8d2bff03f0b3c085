import type { Rollout } from '../../rollout/index.ts';
import { annotationOf, getByKey, keyOf, type MeshKind, type MeshObject, namespaceOf, type ObjectCache } from './resource.ts';

/** On an object in another namespace: the namespaces, separated by commas, whose Rollouts may steer it. */
export const ALLOW_ANNOTATION = 'sluice.dev/allow';

/** What keeps a Rollout from finding its routing objects; the message names the object and how to mend it. */
export class ResolveProblem extends Error {}

/** What is looked for: the objects of this Rollout for this host (full name). */
export type Wanted = { readonly rollout: Rollout; readonly host: string };

/** An object by the name in the spec: `name`, or `namespace/name`. Throws ResolveProblem. */
export function named(kind: MeshKind, reference: string, { rollout, host }: Wanted, cache: ObjectCache): MeshObject {
  const key = reference.includes('/') ? reference : `${rollout.namespace}/${reference}`;
  const object = getByKey(cache, key);
  if (object !== undefined) return object;
  throw new ResolveProblem(`${kind} ${key} does not exist: create it for host ${host}, or correct router.istio of the Rollout`);
}

/** Whether Rollouts of the namespace may write the object. */
export function mayWrite(object: MeshObject, namespace: string): boolean {
  if (namespaceOf(object) === namespace) return true;
  const allowed = annotationOf(object, ALLOW_ANNOTATION)?.split(',') ?? [];
  return allowed.some(entry => entry.trim() === namespace);
}

/** Throws ResolveProblem when the object is to be written and does not allow it. */
export function checkAllowed(kind: MeshKind, object: MeshObject, namespace: string): void {
  if (mayWrite(object, namespace)) return;
  throw new ResolveProblem(
    `${kind} ${keyOf(object)} is in another namespace and does not allow it: annotate it with ${ALLOW_ANNOTATION}: ${namespace}`,
  );
}

/** Their keys, sorted, for messages. */
export const listNames = (objects: readonly MeshObject[]): string => objects.map(keyOf).sort().join(', ');
