import { byName } from '../byName.ts';
import type { MatchSpec, SpecProblem, StringMatchSpec } from '../spec.ts';
import { error, warning } from './problem.ts';
import { problemOfRegex } from './re2.ts';

/**
 * What a list of matches means to a proxy, as far as their schema cannot tell: whom it would never match, and whom it would
 * match without anybody wanting it. `path` is that of the list.
 */
export const checkMatches = (matches: readonly MatchSpec[], path: string): readonly SpecProblem[] =>
  matches.flatMap((match, index) => checkMatch(match, `${path}[${index}]`));

const checkMatch = (match: MatchSpec, path: string): readonly SpecProblem[] => [
  ...checkReach(match, path),
  ...MAPS.flatMap(field => Object.entries(match[field] ?? {}).flatMap(entry => checkNamed(field, entry, `${path}.${field}`))),
  ...TEXTS.flatMap(field => checkRegex(match[field], `${path}.${field}`)),
  ...checkUri(match, path),
  ...checkMethod(match, path),
  ...checkCallers(match, path),
  ...Object.keys(match.sourceLabels ?? {}).flatMap(key => checkLabel(key, `${path}.sourceLabels`)),
];

const MAPS = ['headers', 'withoutHeaders', 'queryParams'] as const;
const TEXTS = ['uri', 'scheme', 'method', 'authority'] as const;
/** Without one of these a match takes every request that comes along. */
const ABOUT_REQUESTS = ['headers', 'withoutHeaders', 'queryParams', 'scheme', 'method', 'authority'] as const;
const ABOUT_CALLERS = ['port', 'sourceLabels', 'sourceNamespace', 'gateways'] as const;

const isSet = (value: object | string | number | undefined): boolean =>
  typeof value === 'object' ? Object.keys(value).length > 0 : value !== undefined;

/** The new version would get everything, at a step whose weight says something else. */
const checkReach = (match: MatchSpec, path: string): readonly SpecProblem[] => {
  const isNarrow = [...ABOUT_REQUESTS, ...ABOUT_CALLERS].some(field => isSet(match[field]));
  if (isNarrow) return [];
  if (match.uri === undefined || !isSet(match.uri)) return [error(path, 'has no condition, so every request would match')];
  const isEverything = match.uri.prefix === '/' || match.uri.prefix === '' || /^(?:\^?\/?\.\*\$?)$/.test(match.uri.regex ?? '');
  return isEverything
    ? [warning(`${path}.uri`, 'matches every request: all of them go to the new version, whatever its weight')]
    : [];
};

const checkNamed = (
  field: (typeof MAPS)[number],
  [name, value]: readonly [string, StringMatchSpec],
  path: string,
): readonly SpecProblem[] => {
  const place = at(path, name);
  const named = field === 'queryParams' ? [] : checkHeader(name, place);
  return [...named, ...checkRegex(value, place), ...(name === 'cookie' && field === 'headers' ? checkCookie(value, place) : [])];
};

const HEADER = /^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/;
/** Claims of a token that a gateway has checked, which Istio lets stand among headers. */
const CLAIM = /^@request\.auth\.claims[.[]/;

/** Parts of a request that have fields of their own; among headers a proxy does not look for them. */
const FIELDS: Readonly<Record<string, string>> = {
  uri: 'uri',
  scheme: 'scheme',
  method: 'method',
  authority: 'authority',
  ':path': 'uri',
  ':scheme': 'scheme',
  ':method': 'method',
  ':authority': 'authority',
};

const checkHeader = (name: string, path: string): readonly SpecProblem[] => {
  if (CLAIM.test(name)) return [];
  const meant = byName(FIELDS, name.toLowerCase());
  if (meant !== undefined) return [error(path, 'is no header, and has no effect here', `use ${meant} beside headers`)];
  if (!HEADER.test(name)) return [error(path, 'is no name of a header')];
  const lower = name.toLowerCase();
  return lower === name ? [] : [error(path, 'is not in lower case, as proxies compare it', `did you mean \`${lower}\`?`)];
};

const checkRegex = (value: StringMatchSpec | undefined, path: string): readonly SpecProblem[] => {
  const { regex } = value ?? {};
  if (regex === undefined) return [];
  const problem = problemOfRegex(regex);
  const place = `${path}.regex`;
  if (problem !== undefined) return [error(place, problem, regex === '*' ? 'use {} for any value' : undefined)];
  if (/[\\^$.|?*+()[\]{}]/.test(regex)) return [];
  return [warning(place, `has to match the whole value, and matches ${regex} only; .*${regex}.* matches it anywhere`)];
};

/** All cookies of a request come in one header. */
const checkCookie = ({ exact, prefix }: StringMatchSpec, path: string): readonly SpecProblem[] => {
  const [field, value] = exact === undefined ? ['prefix', prefix] : ['exact', exact];
  if (value === undefined) return [];
  return [
    warning(
      `${path}.${field}`,
      `is compared with all cookies of a request at once; one among several is matched by regex: '(.*;\\s*)?${value}(;.*)?'`,
    ),
  ];
};

const checkUri = ({ uri, ignoreUriCase }: MatchSpec, path: string): readonly SpecProblem[] => {
  const begins = uri?.exact ?? uri?.prefix;
  const field = uri?.exact === undefined ? 'prefix' : 'exact';
  return [
    ...(begins !== undefined && begins !== '' && !begins.startsWith('/') && begins !== '*'
      ? [error(`${path}.uri.${field}`, 'can never match, as a path begins with /', `use /${begins}`)]
      : []),
    ...(ignoreUriCase === true && begins === undefined
      ? [warning(`${path}.ignoreUriCase`, 'has no effect without exact or prefix of uri')]
      : []),
  ];
};

const checkMethod = ({ method }: MatchSpec, path: string): readonly SpecProblem[] => {
  const exact = method?.exact;
  if (exact === undefined || exact === exact.toUpperCase()) return [];
  return [
    error(`${path}.method.exact`, 'can never match, as methods are in capitals', `did you mean \`${exact.toUpperCase()}\`?`),
  ];
};

/** Istio looks at no caller where a match names gateways: it would take the requests of all of them. */
const checkCallers = ({ gateways = [], ...match }: MatchSpec, path: string): readonly SpecProblem[] =>
  gateways.length === 0
    ? []
    : (['sourceLabels', 'sourceNamespace'] as const)
        .filter(field => isSet(match[field]))
        .map(field => error(`${path}.${field}`, 'has no effect beside gateways, so every caller would match', 'leave one out'));

const LABEL_KEY = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

const checkLabel = (key: string, path: string): readonly SpecProblem[] =>
  LABEL_KEY.test(key) ? [] : [error(at(path, key), 'is no key of a label')];

/** The path of a name that people choose, as `formatPath` writes it. */
const at = (path: string, name: string): string =>
  /^[\w-]+$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
