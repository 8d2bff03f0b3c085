import { isObject, type Json } from './json.ts';

type Step = (values: Json[]) => Json[];

const member =
  (name: string): Step =>
  values =>
    values.flatMap(value => (isObject(value) && value[name] !== undefined ? [value[name] as Json] : []));

const element =
  (index: number): Step =>
  values =>
    values.flatMap(value => (Array.isArray(value) && value.at(index) !== undefined ? [value.at(index) as Json] : []));

const every: Step = values =>
  values.flatMap(value => (Array.isArray(value) ? value : isObject(value) ? (Object.values(value) as Json[]) : []));

function filter(path: string, operator: string, literal: string): Step {
  const wanted = literal.replace(/^["']|["']$/g, '');
  const inner = compileJsonPath(path);
  const holds = (item: Json) => (String(inner(item)[0]) === wanted) === (operator === '==');
  return values => values.flatMap(value => (Array.isArray(value) ? value.filter(holds) : []));
}

const TOKENS: readonly [RegExp, (match: RegExpExecArray) => Step][] = [
  [/^\.?\[\?\(@((?:\.[\w-]+)+)\s*(==|!=)\s*("[^"]*"|'[^']*'|[^)\s]+)\s*\)\]/, m => filter(m[1] ?? '', m[2] ?? '', m[3] ?? '')],
  [/^\.?\[(-?\d+)\]/, m => element(Number(m[1]))],
  [/^\.?\[\*\]|^\.\*/, () => every],
  [/^\.?\[(?:'([^']*)'|"([^"]*)")\]/, m => member(m[1] ?? m[2] ?? '')],
  [/^\.((?:[^.[\]\\]|\\.)+)/, m => member((m[1] ?? '').replaceAll('\\', ''))],
];

/** Compiles the JSONPath subset of printer columns: members, indexes, `*`, and filters on equality. */
export function compileJsonPath(path: string): (value: Json) => Json[] {
  const steps: Step[] = [];
  let rest = path.replace(/^\{(.*)\}$/, '$1');
  while (rest !== '' && rest !== '.') {
    const found = TOKENS.map(([pattern, build]) => ({ match: pattern.exec(rest), build })).find(candidate => candidate.match);
    if (!found?.match) return () => [];
    steps.push(found.build(found.match));
    rest = rest.slice(found.match[0].length);
  }
  return value => steps.reduce<Json[]>((values, step) => step(values), [value]);
}
