import { stringify } from 'yaml';
import type { Foreseen, ShownObject } from '../../adapters/istio/preview.ts';
import { unifiedDiff } from './lineDiff.ts';

/** What one move changes in the routing objects. */
export type MovedMesh = {
  /** `step 2/3 at 50%`. */
  readonly when: string;
  readonly objects: readonly {
    /** `VirtualService weather/forecast`. */
    readonly object: string;
    /** Lines of a unified diff of YAML. */
    readonly diff: readonly string[];
  }[];
};

/** Each move against what stands before it; moves that change nothing are left out. */
export const meshDiffs = (moments: readonly Foreseen[]): readonly MovedMesh[] =>
  moments
    .map(({ when, before, objects }) => ({ when, objects: changedObjects(before, objects) }))
    .filter(({ objects }) => objects.length > 0);

const changedObjects = (before: readonly ShownObject[], after: readonly ShownObject[]): MovedMesh['objects'] =>
  after.flatMap(({ kind, namespace, name, object }) => {
    const old = before.find(one => one.kind === kind && one.namespace === namespace && one.name === name);
    const diff = unifiedDiff(yamlOf(old?.object), yamlOf(object));
    return diff.length === 0 ? [] : [{ object: `${kind} ${namespace}/${name}`, diff }];
  });

/** Long lines are not folded, so that a diff says where something has changed. */
const yamlOf = (object: object | undefined): string =>
  object === undefined ? '' : stringify(object, { lineWidth: 0, aliasDuplicateObjects: false });
