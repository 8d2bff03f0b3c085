import {
  at,
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  listOf,
  numberOf,
  objectOf,
  stringOf,
  stringsOf,
} from '../kube/json.ts';
import { gatewayName } from './gateways.ts';
import { fullHost } from './hosts.ts';

const withHost = (target: Json | undefined, namespace: string): JsonObject => ({
  ...objectOf(target),
  host: fullHost(stringOf(at(target, 'host')) ?? '', namespace),
});

const withDestination = (item: Json, namespace: string): JsonObject => ({
  ...objectOf(item),
  destination: withHost(at(item, 'destination'), namespace),
});

/** An http route with the names of hosts and gateways in full: short ones are meant in its own VirtualService's namespace. */
function resolved(route: JsonObject, namespace: string): JsonObject {
  const full = { ...route };
  if (route['route']) full['route'] = listOf(route['route']).map(item => withDestination(item, namespace));
  if (route['mirrors']) full['mirrors'] = listOf(route['mirrors']).map(item => withDestination(item, namespace));
  if (isObject(route['mirror'])) full['mirror'] = withHost(route['mirror'], namespace);
  if (route['match'])
    full['match'] = listOf(route['match']).map(item => {
      const block = objectOf(item);
      const gateways = listOf(block['gateways']).map(name => gatewayName(stringOf(name) ?? '', namespace));
      return { ...block, ...(gateways.length > 0 ? { gateways } : {}) };
    });
  return full;
}

/** What a delegate's route takes from its root when it has none itself. */
const INHERITED = [
  ...['rewrite', 'directResponse', 'timeout', 'retries', 'fault', 'mirror', 'mirrors'],
  ...['mirrorPercent', 'mirrorPercentage', 'corsPolicy', 'headers'],
];

/** Whether two conditions on one field cannot be merged: the delegate's must lie within the root's, and istiod can tell that of texts only. */
function clash(root: Json | undefined, leaf: Json | undefined): boolean {
  if (!isObject(root) || !isObject(leaf)) return false;
  const [outerExact, outerPrefix] = [stringOf(root['exact']), stringOf(root['prefix'])];
  const [exact, prefix] = [stringOf(leaf['exact']), stringOf(leaf['prefix'])];
  if (outerExact) return exact !== outerExact;
  return outerPrefix ? !(exact || prefix || '').startsWith(outerPrefix) : true;
}

function excludes(root: JsonObject, leaf: JsonObject): boolean {
  const labels = stringsOf(root['sourceLabels']);
  const ports = [numberOf(root['port']) ?? 0, numberOf(leaf['port']) ?? 0] as const;
  const gateways = listOf(root['gateways']);
  const keyed = (part: string) =>
    Object.entries(objectOf(leaf[part])).some(([name, rule]) => clash(objectOf(root[part])[name], rule));
  return (
    ['uri', 'scheme', 'method', 'authority'].some(part => clash(root[part], leaf[part])) ||
    ['headers', 'withoutHeaders', 'queryParams'].some(keyed) ||
    (root['ignoreUriCase'] === true) !== (leaf['ignoreUriCase'] === true) ||
    (ports[0] > 0 && ports[1] > 0 && ports[0] !== ports[1]) ||
    Boolean(root['sourceNamespace'] && root['sourceNamespace'] !== leaf['sourceNamespace']) ||
    Object.entries(stringsOf(leaf['sourceLabels'])).some(([key, value]) => labels[key] !== undefined && labels[key] !== value) ||
    (gateways.length > 0 && listOf(leaf['gateways']).some(name => !gateways.includes(name)))
  );
}

function mergedBlock(root: JsonObject, leaf: JsonObject): JsonObject {
  const maps = ['headers', 'withoutHeaders', 'queryParams', 'sourceLabels'].flatMap(part => {
    const both = { ...objectOf(root[part]), ...objectOf(leaf[part]) };
    return Object.keys(both).length > 0 ? [[part, both] as const] : [];
  });
  return { ...root, ...leaf, ...Object.fromEntries(maps) };
}

/** Both must hold. A delegate's block that no block of the root allows makes its whole route void (undefined). */
function mergedMatch(root: readonly Json[], leaf: readonly Json[]): Json[] | undefined {
  if (root.length === 0 || leaf.length === 0) return [...(root.length === 0 ? leaf : root)];
  const merged = leaf.map(inner =>
    root.filter(outer => !excludes(objectOf(outer), objectOf(inner))).map(outer => mergedBlock(objectOf(outer), objectOf(inner))),
  );
  return merged.some(blocks => blocks.length === 0) ? undefined : merged.flat();
}

function mergedRoute(root: JsonObject, leaf: JsonObject): JsonObject[] {
  const match = mergedMatch(listOf(root['match']), listOf(leaf['match']));
  if (!match) return [];
  const names = [stringOf(root['name']), stringOf(leaf['name'])].filter(name => name);
  const inherited = INHERITED.filter(part => leaf[part] === undefined && root[part] !== undefined).map(part => [
    part,
    root[part],
  ]);
  return [{ ...leaf, ...Object.fromEntries(inherited), match, name: names.join('-') }];
}

/**
 * The http routes of a VirtualService in order, with names in full and delegates in their place, one level deep. `find` looks a delegate
 * up; one that is missing, or has hosts, has no routes.
 */
export function rulesOf(service: KubeObject, find: (namespace: string, name: string) => KubeObject | undefined): JsonObject[] {
  const namespace = service.metadata.namespace ?? '';
  return listOf(at(service, 'spec', 'http')).flatMap(value => {
    const route = resolved(objectOf(value), namespace);
    if (!isObject(route['delegate'])) return [route];
    const where = stringOf(route['delegate']['namespace']) || namespace;
    const delegate = find(where, stringOf(route['delegate']['name']) ?? '');
    if (!delegate || listOf(at(delegate, 'spec', 'hosts')).length > 0) return [];
    return listOf(at(delegate, 'spec', 'http')).flatMap(item => mergedRoute(route, resolved(objectOf(item), where)));
  });
}
