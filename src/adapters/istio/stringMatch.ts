import { isDeepStrictEqual } from 'node:util';
import { type Fields, fieldsOf } from './resource.ts';

/** Of two conditions on one value: the one that says both, that nothing meets both, or that no single one says both. */
export type Meeting =
  | { readonly kind: 'is'; readonly value: unknown }
  | { readonly kind: 'never' }
  | { readonly kind: 'inexpressible' };

/** How values are compared. */
export type Comparison = {
  /** Upper and lower case are the same in `exact` and `prefix`. */
  readonly ignoresCase?: boolean;
  /** Every value begins with "/". */
  readonly isPath?: boolean;
};

const NEVER: Meeting = { kind: 'never' };
const INEXPRESSIBLE: Meeting = { kind: 'inexpressible' };

/** An Istio StringMatch; an empty one asks for presence. */
type Pattern = { readonly kind: 'present' | 'exact' | 'prefix' | 'regex' | 'unknown'; readonly text: string };

function patternOf(match: unknown): Pattern {
  const fields: Fields = fieldsOf(match);
  const [key, second] = Object.keys(fields).filter(name => fields[name] !== undefined);
  if (key === undefined) return { kind: 'present', text: '' };
  const value = fields[key];
  const isKnown = second === undefined && typeof value === 'string' && (key === 'exact' || key === 'prefix' || key === 'regex');
  return isKnown ? { kind: key, text: value } : { kind: 'unknown', text: '' };
}

/** Every value that meets `narrow` meets `wide`. */
export function implies(narrow: unknown, wide: unknown, comparison: Comparison = {}): boolean {
  if (isDeepStrictEqual(narrow, wide)) return true;
  const [a, b] = [patternOf(narrow), patternOf(wide)];
  if (a.kind === 'unknown' || b.kind === 'unknown') return false;
  if (b.kind === 'present' || (b.kind === 'regex' && b.text === '.*')) return true;
  if (b.kind === 'prefix' && b.text === '/' && comparison.isPath === true) return true;
  const fold = folding(comparison);
  if (a.kind === 'exact' && b.kind === 'exact') return fold(a.text) === fold(b.text);
  return (a.kind === 'exact' || a.kind === 'prefix') && b.kind === 'prefix' && fold(a.text).startsWith(fold(b.text));
}

const folding =
  ({ ignoresCase = false }: Comparison) =>
  (text: string) =>
    ignoresCase ? text.toLowerCase() : text;

/** No value meets both; false when that cannot be told. */
function contradicts(one: unknown, other: unknown, comparison: Comparison): boolean {
  const isFixed = (match: unknown) => ['exact', 'prefix'].includes(patternOf(match).kind);
  return isFixed(one) && isFixed(other) && !implies(one, other, comparison) && !implies(other, one, comparison);
}

/** Both conditions hold. */
export function both(one: unknown, other: unknown, comparison: Comparison = {}): Meeting {
  if (implies(one, other, comparison)) return { kind: 'is', value: one };
  if (implies(other, one, comparison)) return { kind: 'is', value: other };
  return contradicts(one, other, comparison) ? NEVER : INEXPRESSIBLE;
}

/** One of the two holds. */
export function either(one: unknown, other: unknown): Meeting {
  if (implies(one, other)) return { kind: 'is', value: other };
  if (implies(other, one)) return { kind: 'is', value: one };
  const [a, b] = [expressionOf(one), expressionOf(other)];
  return a === undefined || b === undefined ? INEXPRESSIBLE : { kind: 'is', value: { regex: `(?:${a})|(?:${b})` } };
}

function expressionOf(match: unknown): string | undefined {
  const { kind, text } = patternOf(match);
  if (kind === 'exact') return literal(text);
  if (kind === 'prefix') return `${literal(text)}.*`;
  return kind === 'regex' ? text : undefined;
}

/** A regular expression (RE2) for nothing but this text. */
export const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** For people: `prefix "/api"`. */
export function describeMatch(match: unknown): string {
  const { kind, text } = patternOf(match);
  if (kind === 'present') return 'presence';
  return kind === 'unknown' ? JSON.stringify(match) : `${kind} "${text}"`;
}
