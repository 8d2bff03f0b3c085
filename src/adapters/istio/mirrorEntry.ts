import { delegationsOf } from './delegates.ts';
import { fullHost } from './hosts.ts';
import { type Fields, fieldsOf, keyOf, listOf, type MeshObject, textOf } from './resource.ts';
import { destinationFor } from './shares.ts';
import { RouteRefusedError, type TrafficEdit } from './trafficEdit.ts';
import { describeRoute, type HttpRoute } from './virtualService.ts';

/** Which entry of `mirrors` is ours. */
export type MirrorMark = {
  /** Full name. */
  readonly host: string;
  /** Namespace of the object, in which short hosts are read. */
  readonly namespace: string;
  /** As we recorded it; absent: none is ours. */
  readonly subset?: string;
};

const leadsTo = (entry: unknown, { host, namespace }: MirrorMark, subset: string): boolean => {
  const destination = fieldsOf(fieldsOf(entry)['destination']);
  return fullHost(textOf(destination['host']) ?? '', namespace) === host && destination['subset'] === subset;
};

/** Our entry in a route; -1 when it is not there. Ours was added at the end. */
const indexOfMirror = (route: Fields, mark: MirrorMark): number => {
  const { subset } = mark;
  return subset === undefined ? -1 : listOf(route['mirrors']).findLastIndex(entry => leadsTo(entry, mark, subset));
};

/** Our entry as it stands in a route. */
export const mirrorIn = (route: Fields, mark: MirrorMark): unknown => {
  const index = indexOfMirror(route, mark);
  return index === -1 ? undefined : listOf(route['mirrors'])[index];
};

/** The route without our entry; a list that has nothing left goes with it. */
export function withoutMirror(route: Fields, mark: MirrorMark): Fields {
  const index = indexOfMirror(route, mark);
  if (index === -1) return route;
  const { mirrors, ...others } = route;
  const left = listOf(mirrors).filter((_, position) => position !== index);
  return left.length === 0 ? others : { ...route, mirrors: left };
}

/**
 * The list with an entry of ours: in the place of the one that stands, else after users' own. Throws RouteRefusedError
 * when the route has a `mirror`, which excludes the list, or copies of users' own to the new version.
 */
export function mirrorsWith(route: HttpRoute, edit: TrafficEdit, percentage: number, mark: MirrorMark): readonly unknown[] {
  const { fields } = route;
  const list = listOf(fields['mirrors']);
  const index = indexOfMirror(fields, mark);
  if (fields['mirror'] !== undefined) {
    throw new RouteRefusedError(
      `${describeRoute(route)} has a mirror of its own, beside which Istio allows no other; ` +
        'write it as an entry of mirrors there, or take the mirror out of the Rollout',
    );
  }
  if (list.some((entry, position) => position !== index && leadsTo(entry, mark, edit.canary.subset))) {
    throw new RouteRefusedError(
      `${describeRoute(route)} sends copies to subset ${edit.canary.subset} that are not ours; ` +
        'take that entry out of its mirrors, or take the mirror out of the Rollout',
    );
  }
  const destination = destinationFor(route, edit, edit.canary.subset);
  const entry = { destination, percentage: { value: percentage } };
  return index === -1 ? [...list, entry] : list.with(index, entry);
}

/**
 * Throws RouteRefusedError when a root that delegates to the object mirrors for it: Istio drops the mirrors of a root where
 * the delegate has some.
 */
export function refuseMirrorsOfRoots(delegate: MeshObject, virtualServices: Iterable<MeshObject>): void {
  if (listOf(fieldsOf(delegate.spec)['hosts']).length > 0) return;
  for (const root of virtualServices) {
    const toThis = delegationsOf(root).filter(({ key }) => key === keyOf(delegate));
    const mirroring = toThis.find(({ route: { fields } }) => (fields['mirror'] ?? fields['mirrors']) !== undefined);
    if (mirroring === undefined) continue;
    throw new RouteRefusedError(
      `${describeRoute(mirroring.route)} of VirtualService ${keyOf(root)}, which delegates to it, has a mirror that would end; ` +
        'write that one as an entry of mirrors in the delegate, or take the mirror out of the Rollout',
    );
  }
}
