import type { MeshFinding } from '../../../rollout/index.ts';
import { wildcardCovers } from '../hosts.ts';
import { fieldsOf, keyOf, listOf, type MeshObject, namespaceOf, textOf } from '../resource.ts';
import { finding } from './checks.ts';
import { type Ground, MESH } from './ground.ts';
import { ROOT_NAMESPACE } from './world.ts';

/** Which proxies are told of the objects, and of the host. */
export const checkVisibility = (ground: Ground): readonly MeshFinding[] => [
  ...hiddenRoutes(ground),
  ...hiddenRule(ground),
  ...hiddenHost(ground),
];

/** Namespaces to whose proxies an object is told; `undefined`: all. */
const audienceOf = (object: MeshObject): readonly string[] | undefined => {
  const entries = listOf(fieldsOf(object.spec)['exportTo']).flatMap(entry => textOf(entry) ?? []);
  if (entries.length === 0 || entries.includes('*')) return undefined;
  return entries.map(entry => (entry === '.' ? namespaceOf(object) : entry));
};

const hiddenRoutes = ({ entrances }: Ground): readonly MeshFinding[] => {
  const holders = new Map(entrances.map(({ holder }) => [keyOf(holder.object), holder.object]));
  return [...holders].flatMap(([key, object]) => {
    const audience = audienceOf(object);
    if (audience === undefined) return [];
    const means = `by exportTo only proxies of namespace ${audience.join(', ')} know it, so requests of other callers and gateways do not follow the weights`;
    return [finding('ObjectHidden', `VirtualService ${key}`, `${means}; remove exportTo, or add the namespaces of the callers`)];
  });
};

const hiddenRule = ({ rule, place, entrances, target }: Ground): readonly MeshFinding[] => {
  if (rule === undefined || entrances.length === 0) return [];
  const object = `DestinationRule ${keyOf(rule)}`;
  const audience = audienceOf(rule);
  const reached = entrances.map(({ holder }) => audienceOf(holder.object));
  if (audience !== undefined && reached.some(names => names === undefined || names.some(name => !audience.includes(name)))) {
    const means = `by exportTo only proxies of namespace ${audience.join(', ')} know its subsets, so others that follow the routes to ${target.canary} get 503 (NC)`;
    return [finding('ObjectHidden', object, `${means}; give it the exportTo of the VirtualService`)];
  }
  const namespace = namespaceOf(rule);
  if (place === undefined || namespace === place.namespace || namespace === ROOT_NAMESPACE) return [];
  const means = `it is in namespace ${namespace} and the Service in ${place.namespace}, so only callers in ${namespace} know its subsets, and others get 503 (NC)`;
  return [finding('ObjectHidden', object, `${means}; move it to namespace ${place.namespace}`)];
};

/** Sidecars of the host's own namespace, and the mesh-wide one: those of others say which hosts their pods call. */
const hiddenHost = ({ world, place, target, entrances }: Ground): readonly MeshFinding[] => {
  if (place === undefined || !entrances.some(({ gateway }) => gateway === MESH)) return [];
  const wide = (world.list('Sidecar') ?? []).filter(sidecar => fieldsOf(sidecar.spec)['workloadSelector'] === undefined);
  const own = wide.filter(sidecar => namespaceOf(sidecar) === place.namespace);
  const meant = own.length > 0 ? own : wide.filter(sidecar => namespaceOf(sidecar) === ROOT_NAMESPACE);
  return meant.flatMap(sidecar => {
    const imported = listOf(fieldsOf(sidecar.spec)['egress']).flatMap(egress => listOf(fieldsOf(egress)['hosts']));
    if (imported.length === 0 || imported.some(entry => imports(textOf(entry) ?? '', place.namespace, target.host))) return [];
    const means = `its egress does not import ${target.host}, so calls from namespace ${place.namespace} do not follow the weights`;
    return [finding('HostHidden', `Sidecar ${keyOf(sidecar)}`, `${means}; add ./${target.host} to its egress hosts`)];
  });
};

/** An entry `namespace/host`, seen from the namespace in which the Service is, too. */
const imports = (entry: string, namespace: string, host: string): boolean => {
  const [where = '', name = ''] = entry.split('/');
  return ['*', '.', namespace].includes(where) && (name === host || wildcardCovers(name, host));
};
