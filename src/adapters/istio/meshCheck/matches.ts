import { type Fields, fieldsOf, isFields, listOf, textOf } from '../resource.ts';
import type { HttpRoute } from '../virtualService.ts';

/** One block of `match[]`: all its conditions have to hold. */
export type Block = Fields;

/** The blocks of a route, any of which is enough; a route without `match` takes everything. */
export const blocksOf = ({ match }: HttpRoute): readonly Block[] => {
  const blocks = listOf(match).map(fieldsOf);
  return blocks.length === 0 ? [{}] : blocks;
};

const STRINGS = ['uri', 'scheme', 'method', 'authority'];
const MAPS = ['headers', 'queryParams'];
/** Fields that restrict nothing. */
const NAMES = ['name', 'statPrefix', 'ignoreUriCase'];

/**
 * Whether every request that fits `narrow` surely fits `wide`, too. What cannot be told, such as whether one regular
 * expression contains another, counts as no.
 */
export const covers = (wide: Block, narrow: Block): boolean => {
  if (wide['ignoreUriCase'] !== narrow['ignoreUriCase'] && wide['uri'] !== undefined && !takesAll(wide['uri'])) return false;
  return Object.entries(wide).every(([field, value]) => {
    if (NAMES.includes(field)) return true;
    if (STRINGS.includes(field)) return takesAll(value) || coversText(value, narrow[field]);
    if (MAPS.includes(field)) {
      const inner = fieldsOf(narrow[field]);
      return Object.entries(fieldsOf(value)).every(([name, wanted]) => coversEntry(wanted, inner[name]));
    }
    return isSame(value, narrow[field]);
  });
};

/** Paths begin with a slash, so this one is in all of them. */
const takesAll = (value: unknown): boolean => fieldsOf(value)['prefix'] === '/';

/** An empty condition on a header asks for its presence only. */
const coversEntry = (wide: unknown, narrow: unknown): boolean =>
  narrow !== undefined && ((isFields(wide) && Object.keys(wide).length === 0) || coversText(wide, narrow));

const coversText = (wide: unknown, narrow: unknown): boolean => {
  if (narrow === undefined) return false;
  if (isSame(wide, narrow)) return true;
  const prefix = textOf(fieldsOf(wide)['prefix']);
  const inner = fieldsOf(narrow);
  const text = textOf(inner['exact']) ?? textOf(inner['prefix']);
  return prefix !== undefined && text?.startsWith(prefix) === true;
};

const isSame = (a: unknown, b: unknown): boolean => {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((entry, index) => isSame(entry, b[index]));
  if (!isFields(a) || !isFields(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every(name => isSame(a[name], b[name]));
};

/**
 * Whether Istio drops a match of a delegate because it contradicts the one of its root. Its rules: what only one of them
 * names never contradicts; an exact text only equals itself; a prefix contains what begins with it; regular expressions
 * go with nothing.
 */
export const contradicts = (root: Block, leaf: Block): boolean =>
  STRINGS.some(field => textsContradict(root[field], leaf[field])) ||
  [...MAPS, 'withoutHeaders'].some(field => {
    const outer = fieldsOf(root[field]);
    return Object.entries(fieldsOf(leaf[field])).some(([name, value]) => textsContradict(outer[name], value));
  }) ||
  (root['ignoreUriCase'] === true) !== (leaf['ignoreUriCase'] === true) ||
  (root['port'] !== undefined && leaf['port'] !== undefined && root['port'] !== leaf['port']) ||
  (root['sourceNamespace'] !== undefined && root['sourceNamespace'] !== leaf['sourceNamespace']) ||
  labelsContradict(fieldsOf(root['sourceLabels']), fieldsOf(leaf['sourceLabels'])) ||
  gatewaysContradict(listOf(root['gateways']), listOf(leaf['gateways']));

const textsContradict = (root: unknown, leaf: unknown): boolean => {
  if (root === undefined || leaf === undefined) return false;
  const [outer, inner] = [fieldsOf(root), fieldsOf(leaf)];
  const exact = textOf(outer['exact']);
  if (exact !== undefined) return textOf(inner['exact']) !== exact;
  const prefix = textOf(outer['prefix']);
  const text = textOf(inner['prefix']) ?? textOf(inner['exact']);
  return prefix === undefined || text === undefined || !text.startsWith(prefix);
};

const labelsContradict = (root: Fields, leaf: Fields): boolean =>
  Object.entries(leaf).some(([name, value]) => root[name] !== undefined && root[name] !== value);

const gatewaysContradict = (root: readonly unknown[], leaf: readonly unknown[]): boolean =>
  root.length > 0 && leaf.length > 0 && leaf.some(gateway => !root.includes(gateway));
