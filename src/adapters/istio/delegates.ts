import { fieldsOf, getByKey, isFields, listOf, type MeshObject, namespaceOf, type ObjectCache, textOf } from './resource.ts';
import { type HttpRoute, httpRoutesOf, routesTo } from './virtualService.ts';

/** An http route of a root that leaves its requests to another VirtualService. */
type Delegation = {
  readonly route: HttpRoute;
  /** `namespace/name`. */
  readonly key: string;
};

/** The delegations of a root in the order of its routes; without a namespace the delegate is looked for in the root's. */
export function delegationsOf(root: MeshObject): readonly Delegation[] {
  const entries = listOf(fieldsOf(root.spec)['http']);
  return httpRoutesOf(root).flatMap(route => {
    const delegate = fieldsOf(entries[route.index])['delegate'];
    if (!isFields(delegate)) return [];
    const namespace = textOf(delegate['namespace']) ?? namespaceOf(root);
    return [{ route, key: `${namespace}/${textOf(delegate['name']) ?? ''}` }];
  });
}

/** Istio takes a VirtualService with hosts for a root of its own, and never merges it into another one. */
const hasHosts = (virtualService: MeshObject): boolean => listOf(fieldsOf(virtualService.spec)['hosts']).length > 0;

/**
 * The objects whose weights decide who gets those requests to the host that the VirtualService takes: itself, if it routes
 * there, and the delegates that do. Each stands once, delegates in the order of its routes.
 */
export function carriersOf(virtualService: MeshObject, host: string, cache: ObjectCache): readonly MeshObject[] {
  const delegates = delegationsOf(virtualService).flatMap(({ key }) => {
    const delegate = getByKey(cache, key);
    return delegate === undefined || hasHosts(delegate) ? [] : [delegate];
  });
  return [...new Set([virtualService, ...delegates])].filter(object => routesTo(object, host).length > 0);
}

/** Why a delegate of the root does not carry requests to the host, as the end of "delegates to VirtualService x, which". */
export function whyNoCarrier(delegate: MeshObject | undefined, host: string): string {
  if (delegate === undefined) return 'does not exist';
  return hasHosts(delegate) ? 'has hosts of its own, so that Istio does not use it' : `has no http route to ${host}`;
}
