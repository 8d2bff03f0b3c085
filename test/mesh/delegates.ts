import { type Fields, fields, isPresent, list, numeric, text, texts } from './json.ts';
import { askedOf } from './stringMatch.ts';

/** What a delegate takes over from its root where it says nothing itself. */
const INHERITED = [
  ...['rewrite', 'directResponse', 'timeout', 'retries', 'fault', 'mirror', 'mirrorPercent', 'mirrorPercentage', 'corsPolicy'],
  ...['mirrors', 'headers'],
];
const SINGLE = ['uri', 'scheme', 'method', 'authority'];
const KEYED = ['headers', 'withoutHeaders', 'queryParams'];

/** Whether what the delegate asks may lie outside of what the root asks; only nested exact texts and prefixes are known to lie inside. */
function leavesRoot(root: unknown, leaf: unknown): boolean {
  if (!isPresent(root) || !isPresent(leaf)) return false;
  const outer = askedOf(root);
  const inner = askedOf(leaf);
  if (outer.kind === 'exact') return inner.kind !== 'exact' || inner.value !== outer.value;
  if (outer.kind === 'prefix')
    return !(inner.kind === 'exact' || inner.kind === 'prefix') || !inner.value.startsWith(outer.value);
  return true;
}

function conflict(root: Fields, leaf: Fields): boolean {
  const labels = texts(root['sourceLabels']);
  const rootGateways = list(root['gateways']);
  const [rootPort, leafPort] = [numeric(root['port']) ?? 0, numeric(leaf['port']) ?? 0];
  const namespace = text(root['sourceNamespace']);
  return (
    SINGLE.some(part => leavesRoot(root[part], leaf[part])) ||
    KEYED.some(part => Object.entries(fields(leaf[part])).some(([name, match]) => leavesRoot(fields(root[part])[name], match))) ||
    (root['ignoreUriCase'] === true) !== (leaf['ignoreUriCase'] === true) ||
    (rootPort > 0 && leafPort > 0 && rootPort !== leafPort) ||
    (namespace !== '' && namespace !== text(leaf['sourceNamespace'])) ||
    Object.entries(texts(leaf['sourceLabels'])).some(([key, value]) => key in labels && labels[key] !== value) ||
    (rootGateways.length > 0 && list(leaf['gateways']).some(name => !rootGateways.includes(name)))
  );
}

function mergedBlock(outer: Fields, inner: Fields): Fields {
  const keyed = [...KEYED, 'sourceLabels'].map(part => [part, { ...fields(outer[part]), ...fields(inner[part]) }] as const);
  const own = Object.entries(inner).filter(([, value]) => isPresent(value));
  return { ...outer, ...Object.fromEntries(own), ...Object.fromEntries(keyed) };
}

/** Every block of the delegate under every block of the root that it does not leave; one that leaves all of them voids its route. */
function mergedMatch(outer: readonly Fields[], inner: readonly Fields[]): readonly Fields[] | undefined {
  if (outer.length === 0 || inner.length === 0) return outer.length === 0 ? inner : outer;
  const merged = inner.map(leaf => outer.filter(root => !conflict(root, leaf)).map(root => mergedBlock(root, leaf)));
  return merged.some(found => found.length === 0) ? undefined : merged.flat();
}

/** The routes of a delegate as they stand in place of the route that names it. All names are full. */
export function mergeDelegate(root: Fields, routes: readonly Fields[]): readonly Fields[] {
  const outer = list(root['match']).map(fields);
  return routes.flatMap(route => {
    const match = mergedMatch(outer, list(route['match']).map(fields));
    if (!match) return [];
    const inherited = INHERITED.filter(part => !isPresent(route[part])).map(part => [part, root[part]] as const);
    const name = [text(root['name']), text(route['name'])].filter(part => part !== '').join('-');
    return [{ ...route, ...Object.fromEntries(inherited), match, name }];
  });
}
