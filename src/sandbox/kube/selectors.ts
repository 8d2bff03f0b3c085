import type { KubeObject } from './json.ts';
import { badRequest } from './status.ts';

/** Decides whether a list or watch shows an object. */
export type Selector = (object: KubeObject) => boolean;

function labelTerm(term: string): Selector {
  const text = term.trim();
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(text);
  if (set) {
    const values = (set[3] ?? '').split(',').map(value => value.trim());
    const inside = (object: KubeObject) => values.includes(object.metadata.labels?.[set[1] ?? ''] ?? '\u0000');
    return set[2] === 'in' ? inside : object => !inside(object);
  }
  const equal = /^([^!=\s]+)\s*(!=|==|=)\s*([^=!]*)$/.exec(text);
  if (equal) {
    const same = (object: KubeObject) => object.metadata.labels?.[equal[1] ?? ''] === (equal[3] ?? '').trim();
    return equal[2] === '!=' ? object => !same(object) : same;
  }
  if (/^![^=\s]+$/.test(text)) return object => object.metadata.labels?.[text.slice(1)] === undefined;
  if (/^[^=!\s]+$/.test(text)) return object => object.metadata.labels?.[text] !== undefined;
  throw badRequest(`unable to parse requirement: ${JSON.stringify(text)}`);
}

function fieldTerm(term: string): Selector {
  const parsed = /^([\w.]+)(!=|==|=)(.*)$/.exec(term.trim());
  if (!parsed) throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
  const path = (parsed[1] ?? '').split('.');
  const read = (object: KubeObject): unknown =>
    path.reduce<unknown>(
      (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
      object,
    );
  const same = (object: KubeObject) => String(read(object) ?? '') === parsed[3];
  return parsed[2] === '!=' ? object => !same(object) : same;
}

/** A selector of `labelSelector` and `fieldSelector`; absent ones select everything. Throws a 400 on bad syntax. */
export function createSelector(labels: string | null, fields: string | null): Selector {
  const terms = [
    ...(labels ? labels.split(/,(?![^(]*\))/).map(labelTerm) : []),
    ...(fields ? fields.split(',').filter(Boolean).map(fieldTerm) : []),
  ];
  return object => terms.every(term => term(object));
}
