import type { RemoveDestination } from '../../rollout/index.ts';
import { addedSubsetsOf, namesOfSubsets, ownSubsets, SUBSETS_ANNOTATION, versionOfSubset } from './destinationRule.ts';
import { guardVersion, pointer, setAnnotation, testOf } from './jsonPatch.ts';
import { idleDestinations } from './leftover.ts';
import { POSITION_ANNOTATION, recordOf, subsetsRecordedBy, writePosition } from './position.ts';
import type { JsonPatchOperation, MeshObject } from './resource.ts';
import { testsOfRoute } from './trafficPatch.ts';

/**
 * A JSON Patch that takes the destinations of a version without weight out of the steered routes, and stores the position
 * with it (R21, R27). Empty when there are none.
 */
export function removeDestinations(
  virtualService: MeshObject,
  rule: MeshObject | undefined,
  { target, version, position }: RemoveDestination,
  uid: string,
): readonly JsonPatchOperation[] {
  const idle = idleDestinations(virtualService, target, version, versionOfSubset(rule, target.versionLabel));
  if (idle.length === 0) return [];
  const routes = [...new Map(idle.map(({ route }) => [route.index, route])).values()];
  const subsets = subsetsRecordedBy(virtualService, uid);
  const entry = { ...position, versions: [], subsets, own: recordOf(virtualService, uid) };
  return [
    ...guardVersion(virtualService),
    ...routes.flatMap(testsOfRoute),
    // The last one first: each removal moves those behind it.
    ...[...idle].reverse().map(({ route, destination }) => ({
      op: 'remove' as const,
      path: pointer('spec', 'http', route.index, 'route', destination.index),
    })),
    ...setAnnotation(virtualService, POSITION_ANNOTATION, writePosition(virtualService, uid, entry)),
  ];
}

/** A JSON Patch that takes the subsets of a version away that we added, and their names from the annotation (R21). */
export function removeSubsets(rule: MeshObject, versionLabel: string, version: string): readonly JsonPatchOperation[] {
  const ours = ownSubsets(rule, versionLabel, version);
  if (ours.length === 0) return [];
  const names = namesOfSubsets(rule);
  const left = addedSubsetsOf(rule).filter(name => !ours.includes(name));
  const removed = names.flatMap((name, index) => (name !== undefined && ours.includes(name) ? [index] : [])).reverse();
  return [
    ...guardVersion(rule),
    ...names.flatMap((name, index) => testOf(pointer('spec', 'subsets', index, 'name'), name)),
    ...removed.map(index => ({ op: 'remove' as const, path: pointer('spec', 'subsets', index) })),
    ...setAnnotation(rule, SUBSETS_ANNOTATION, JSON.stringify(left)),
  ];
}
