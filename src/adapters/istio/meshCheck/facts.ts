import { fullHost } from '../hosts.ts';
import { fieldsOf, isFields, listOf, type MeshObject, namespaceOf, textOf } from '../resource.ts';

/** What is asked of every VirtualService of the cluster; worked out once for each version of an object. */
export type Facts = {
  /** Full names; a delegate has none. */
  readonly hosts: readonly string[];
  /** `mesh` for sidecars, else `namespace/name`. */
  readonly gateways: readonly string[];
  readonly hasHttp: boolean;
  /** It leaves requests to other objects. */
  readonly delegates: boolean;
};

const known = new WeakMap<MeshObject, Facts>();

export const factsOf = (virtualService: MeshObject): Facts => {
  const before = known.get(virtualService);
  if (before !== undefined) return before;
  const facts = readFacts(virtualService);
  known.set(virtualService, facts);
  return facts;
};

function readFacts(virtualService: MeshObject): Facts {
  const namespace = namespaceOf(virtualService);
  const spec = fieldsOf(virtualService.spec);
  const texts = (field: string): readonly string[] => listOf(spec[field]).flatMap(entry => textOf(entry) ?? []);
  const gateways = texts('gateways').map(name => (name === 'mesh' || name.includes('/') ? name : `${namespace}/${name}`));
  const http = listOf(spec['http']);
  return {
    hosts: texts('hosts').map(host => fullHost(host, namespace)),
    gateways: gateways.length === 0 ? ['mesh'] : gateways,
    hasHttp: http.length > 0,
    delegates: http.some(route => isFields(fieldsOf(route)['delegate'])),
  };
}
