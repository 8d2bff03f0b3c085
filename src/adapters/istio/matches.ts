import { isDeepStrictEqual } from 'node:util';
import type { MatchSpec } from '../../rollout/index.ts';
import { type Fields, fieldsOf, listOf } from './resource.ts';
import { both, type Comparison, describeMatch, either, implies, type Meeting } from './stringMatch.ts';

/** Thrown when two conditions on the same thing cannot be said in one match; names both. */
export class InexpressibleMatchError extends Error {
  constructor(what: string, ours: string, theirs: string, other = what) {
    super(`no single match can ask for ${what} ${ours} and for ${other} ${theirs}`);
    this.name = 'InexpressibleMatchError';
  }
}

/** What one field of two match blocks comes to; absent: a contradiction. */
type Combined = Meeting & { readonly problem?: InexpressibleMatchError };

const NEVER: Combined = { kind: 'never' };
const is = (value: unknown): Combined => ({ kind: 'is', value });

/**
 * The matches of a route that takes what both lists match: each block of ours (at least one of them holds) together with
 * each of theirs; no list of theirs matches everything. Empty: no request meets both. Throws InexpressibleMatchError.
 */
export function crossMatches(ours: readonly MatchSpec[], theirs: unknown): readonly Fields[] {
  const blocks = listOf(theirs).map(fieldsOf);
  const found: Fields[] = [];
  for (const own of ours) {
    for (const block of blocks.length === 0 ? [{}] : blocks) {
      const match = combine(own, block);
      if (match !== undefined && !found.some(known => isDeepStrictEqual(known, match))) found.push(match);
    }
  }
  return found;
}

/** One block for both; `undefined` when nothing meets both, which counts more than a field that cannot be expressed. */
function combine(own: MatchSpec, written: Fields): Fields | undefined {
  const [mine, block] = [effective({ ...own }), effective(written)];
  const { ignoreUriCase: _, ...ours } = mine;
  const { ignoreUriCase: __, ...theirs } = block;
  const given = Object.keys(ours).filter(name => ours[name] !== undefined);
  const combined = given.map(name => [name, theirs[name] === undefined ? is(ours[name]) : meet(name, mine, block)] as const);
  const match: Record<string, unknown> = { ...theirs };
  if (combined.some(([, { kind }]) => kind === 'never')) return undefined;
  for (const [name, { problem, ...meeting }] of combined) {
    if (problem !== undefined) throw problem;
    if (meeting.kind === 'is') match[name] = meeting.value;
  }
  if (isExcluded(match)) return undefined;
  checkCallers(mine, block);
  const sides = [mine, block].filter(({ uri }) => uri !== undefined);
  return sides.length > 0 && sides.every(ignoresCase) ? { ...match, ignoreUriCase: true } : match;
}

const namesGateways = ({ gateways }: Fields): boolean => listOf(gateways).length > 0;

/** Istio looks at no caller where a block names gateways. */
function effective(block: Fields): Fields {
  if (!namesGateways(block)) return block;
  const { sourceLabels: _, sourceNamespace: __, ...others } = block;
  return others;
}

/**
 * One block for both would lose the caller, and take the requests of all of them; so does Istio's own for a root and its
 * delegate. Throws InexpressibleMatchError.
 */
export function checkCallers(mine: Fields, theirs: Fields): void {
  for (const [one, other] of [[mine, theirs] as const, [theirs, mine] as const]) {
    if (!namesGateways(other)) continue;
    for (const name of ['sourceLabels', 'sourceNamespace']) {
      if (one[name] === undefined || Object.keys(Object(one[name])).length === 0) continue;
      const gateways = `${JSON.stringify(other['gateways'])}, beside which Istio looks at no caller`;
      throw new InexpressibleMatchError(name, JSON.stringify(one[name]), gateways, 'gateways');
    }
  }
}

const ignoresCase = (block: Fields): boolean => block['ignoreUriCase'] === true;

function meet(name: string, ours: Fields, theirs: Fields): Combined {
  const [a, b] = [ours[name], theirs[name]];
  switch (name) {
    case 'uri':
      return meetUri(ours, theirs);
    case 'method':
    case 'scheme':
    case 'authority':
      return named(name, a, b, both(a, b));
    case 'headers':
      return meetMaps('header', fieldsOf(a), fieldsOf(b), both);
    case 'withoutHeaders':
      return meetMaps('no header', fieldsOf(a), fieldsOf(b), either);
    case 'queryParams':
      return meetMaps('query parameter', fieldsOf(a), fieldsOf(b), both);
    case 'gateways':
      return meetGateways(listOf(a), listOf(b));
    case 'sourceLabels':
      return meetLabels(fieldsOf(a), fieldsOf(b));
    case 'port':
    case 'sourceNamespace':
      return isDeepStrictEqual(a, b) ? is(a) : NEVER;
    // names in metrics are no conditions
    case 'name':
    case 'statPrefix':
      return is(b);
    default:
      return isDeepStrictEqual(a, b) ? is(a) : named(name, a, b, { kind: 'inexpressible' });
  }
}

const named = (what: string, ours: unknown, theirs: unknown, meeting: Meeting): Combined =>
  meeting.kind === 'inexpressible'
    ? { ...meeting, problem: new InexpressibleMatchError(what, describeMatch(ours), describeMatch(theirs)) }
    : meeting;

/** Where only one side ignores the case, what both match is expressible only if the stricter side is the narrower one. */
function meetUri(ours: Fields, theirs: Fields): Combined {
  const [a, b] = [ours['uri'], theirs['uri']];
  const comparison: Comparison = { isPath: true, ignoresCase: ignoresCase(ours) || ignoresCase(theirs) };
  const meeting = both(a, b, comparison);
  if (ignoresCase(ours) === ignoresCase(theirs) || meeting.kind !== 'is') return named('uri', a, b, meeting);
  const [strict, loose] = ignoresCase(ours) ? [b, a] : [a, b];
  return implies(strict, loose, comparison) ? is(strict) : named('uri', a, b, { kind: 'inexpressible' });
}

/** Conditions by name. Headers have one name in any spelling; claims of a token and query parameters are taken as they are. */
function meetMaps(what: string, ours: Fields, theirs: Fields, join: (a: unknown, b: unknown) => Meeting): Combined {
  const isSame = (a: string, b: string) => a === b || (what !== 'query parameter' && !a.startsWith('@') && lower(a) === lower(b));
  const result: Record<string, unknown> = { ...theirs };
  let problem: InexpressibleMatchError | undefined;
  for (const [name, value] of Object.entries(ours)) {
    const key = Object.keys(theirs).find(other => isSame(name, other));
    const meeting = key === undefined ? is(value) : named(`${what} ${name}`, value, theirs[key], join(value, theirs[key]));
    if (meeting.kind === 'never') return NEVER;
    if (meeting.kind === 'is') result[key ?? name] = meeting.value;
    else problem ??= meeting.problem;
  }
  return problem === undefined ? is(result) : { kind: 'inexpressible', problem };
}

const lower = (text: string): string => text.toLowerCase();

/** A header has to be there, and must not be. */
function isExcluded(match: Fields): boolean {
  const headers = Object.entries(fieldsOf(match['headers']));
  const without = Object.entries(fieldsOf(match['withoutHeaders']));
  return headers.some(([name, wanted]) =>
    without.some(([other, refused]) => lower(name) === lower(other) && implies(wanted, refused)),
  );
}

/** No gateways at all means all those of the object. */
function meetGateways(ours: readonly unknown[], theirs: readonly unknown[]): Combined {
  if (ours.length === 0) return is(theirs);
  if (theirs.length === 0) return is(ours);
  const common = theirs.filter(gateway => ours.includes(gateway));
  return common.length === 0 ? NEVER : is(common);
}

function meetLabels(ours: Fields, theirs: Fields): Combined {
  const differs = Object.entries(ours).some(([label, value]) => Object.hasOwn(theirs, label) && theirs[label] !== value);
  return differs ? NEVER : is({ ...theirs, ...ours });
}
