// What istiod's validating webhook refuses, in its words and its order, as far as controllers and their users come across it.
import { at, isObject, type Json, type JsonObject, listOf, numberOf, objectOf, stringOf, stringsOf } from '../kube/json.ts';

const MAX_EXPRESSION = 1024;
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/i;
const HEADER_NAME = /^[-_A-Za-z0-9]+$/;
const PSEUDO_HEADERS = [':method', ':scheme', ':authority'];

/** What RE2 has against an expression, in Go's words; undefined when it is fine. */
function expressionError(text: string): string | undefined {
  const [foreign] = /\(\?(?:[=!]|<[=!])/.exec(text) ?? [];
  if (foreign?.startsWith('(?<')) return `invalid named capture: \`${text.slice(text.indexOf(foreign))}\``;
  if (foreign) return `invalid or unsupported Perl syntax: \`${foreign}\``;
  const [reference] = /\\[1-9]/.exec(text) ?? [];
  if (reference) return `invalid escape sequence: \`${reference}\``;
  const [repetition] = /^[*+?]/.exec(text) ?? [];
  if (repetition) return `missing argument to repetition operator: \`${repetition}\``;
  try {
    new RegExp(text.replace(/^\(\?[imsU]+\)/, '').replaceAll('(?P<', '(?<'));
    return undefined;
  } catch {
    return text.includes('(') ? `missing closing ): \`${text}\`` : `missing closing ]: \`${text}\``;
  }
}

function regexErrors(match: Json | undefined, where: string): string[] {
  const regex = stringOf(at(match, 'regex'));
  if (regex === undefined) return [];
  if (regex === '') return [`"${where}": regex string match should not be empty`];
  if (regex.length > MAX_EXPRESSION) return [`"${where}": regex is too large, max length allowed is ${MAX_EXPRESSION}`];
  const wrong = expressionError(regex);
  const advice = 'Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)';
  return wrong ? [`"${where}": error parsing regexp: ${wrong}; ${advice}`] : [];
}

const stringErrors = (match: Json | undefined, where: string): string[] =>
  at(match, 'prefix') === '' ? [`"${where}": prefix string match should not be empty`] : regexErrors(match, where);

function nameErrors(name: string): string[] {
  if (name === '') return ['header name cannot be empty'];
  const isKnown = PSEUDO_HEADERS.includes(name) || name.startsWith('@request.auth.claims') || HEADER_NAME.test(name);
  return isKnown ? [] : [`header name ${name} is not a valid header name`];
}

/** The texts of a match block; an empty prefix is fine for a path, and `*` for a header that must be missing. */
function textErrors(block: JsonObject): string[] {
  const each = (part: string, check: (name: string, match: Json | undefined) => string[]) =>
    Object.entries(objectOf(block[part])).flatMap(([name, match]) => check(name, match));
  return [
    ...each('headers', (name, match) => [...nameErrors(name), ...stringErrors(match, 'headers')]),
    ...each('withoutHeaders', (name, match) => [
      ...nameErrors(name),
      ...(at(match, 'regex') === '*' ? [] : stringErrors(match, 'withoutHeaders')),
    ]),
    ...regexErrors(block['uri'], 'uri'),
    ...['scheme', 'method', 'authority'].flatMap(part => stringErrors(block[part], part)),
    ...each('queryParams', (_, match) => stringErrors(match, 'queryParams')),
  ];
}

const portErrors = (port: number | undefined): string[] =>
  port !== undefined && port !== 0 && (port < 1 || port > 65_535) ? [`port number ${port} must be in the range 1..65535`] : [];

function sourceErrors(block: JsonObject): string[] {
  const namespace = stringOf(block['sourceNamespace']) ?? '';
  return [
    ...portErrors(numberOf(block['port'])),
    ...(namespace && !LABEL.test(namespace) ? [`sourceNamespace match ${namespace} is invalid`] : []),
    ...gatewayErrors(listOf(block['gateways'])),
  ];
}

function gatewayErrors(names: readonly Json[]): string[] {
  return names.flatMap(item => {
    const name = stringOf(item) ?? '';
    const [namespace = '', gateway] = name.split('/');
    if (gateway === undefined) {
      const wrong = name.split('.').find(label => !LABEL.test(label));
      return wrong === undefined ? [] : [`domain name "${name}" invalid (label "${wrong}" invalid)`];
    }
    if (!LABEL.test(namespace)) return [`invalid value for namespace: "${namespace}"`];
    return LABEL.test(gateway) ? [] : [`invalid value for gateway name: "${gateway}"`];
  });
}

function operationErrors(headers: Json | undefined): string[] {
  const sides = [at(headers, 'request'), at(headers, 'response')];
  const changes = sides.flatMap(side => ['add', 'set'].flatMap(kind => Object.entries(stringsOf(at(side, kind)))));
  return changes.flatMap(([name, value]) => [
    ...(name === '' ? ['header name cannot be empty'] : []),
    ...(/^:(?!authority$)/.test(name) ? [`invalid header "${name}": header cannot have ":" prefix`] : []),
    ...((value.match(/%/g)?.length ?? 0) % 2 === 1
      ? [`header value configuration: invalid header configuration. Un-terminated variable expression '${value}'`]
      : []),
  ]);
}

function destinationErrors(destination: Json | undefined): string[] {
  if (!isObject(destination)) return [];
  const subset = stringOf(destination['subset']) ?? '';
  return [
    ...(stringOf(destination['host']) ? [] : ['domain name "" invalid (label "" invalid)']),
    ...(destination['host'] === '*' ? ['invalid destination host *'] : []),
    ...(subset && !LABEL.test(subset) ? [`subset name is invalid: ${subset}`] : []),
    ...portErrors(numberOf(at(destination, 'port', 'number'))),
  ];
}

function percentErrors(percentage: Json | undefined, name: string): string[] {
  const value = numberOf(at(percentage, 'value')) ?? 0;
  if (value > 100) return [`${name} must have a max value of 100 (it has ${value.toFixed(6)})`];
  return value < 0 ? [`${name} must have a min value of 0 (it has ${value.toFixed(6)})`] : [];
}

function mirrorErrors(route: JsonObject): string[] {
  const mirrors = listOf(route['mirrors']).map(objectOf);
  const percent = numberOf(route['mirrorPercent']) ?? 0;
  return [
    ...(percent > 100 ? [`mirror_percent must have a max value of 100 (it has ${percent})`] : []),
    ...percentErrors(route['mirrorPercentage'], 'mirror_percentage'),
    ...destinationErrors(route['mirror']),
    ...mirrors.flatMap(item => [
      ...(isObject(item['destination']) ? destinationErrors(item['destination']) : ['destination is required for mirrors']),
      ...percentErrors(item['percentage'], 'mirror percentage'),
    ]),
  ];
}

function weightErrors(route: JsonObject): string[] {
  const destinations = listOf(route['route']).map(objectOf);
  const weights = destinations.map(item => numberOf(item['weight']) ?? 0);
  const each = destinations.flatMap((item, index) => [
    ...(isObject(item['destination']) ? [] : ['destination is required']),
    ...operationErrors(item['headers']),
    ...destinationErrors(item['destination']),
    ...((weights[index] ?? 0) < 0 ? [`weight ${weights[index]} < 0`] : []),
  ]);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return [...each, ...(weights.length > 1 && total === 0 ? ['total destination weight = 0'] : [])];
}

/** What may not stand beside what in one route. */
function conflictErrors(route: JsonObject, isDelegate: boolean): string[] {
  const has = (part: string) => isObject(route[part]);
  const destinations = listOf(route['route']).length;
  if (has('delegate') && !isDelegate) {
    const clash = (part: string) => `root HTTP route ${stringOf(route['name']) ?? ''} must not specify ${part}`;
    return [...(has('redirect') ? [clash('redirect')] : []), ...(route['route'] ? [clash('route')] : [])];
  }
  const own = has('redirect') ? 'redirect' : 'direct_response';
  const answers = has('redirect') || has('directResponse');
  return [
    ...(has('delegate') ? ['delegate HTTP route cannot contain delegate'] : []),
    ...(answers && destinations > 0 ? [`HTTP route cannot contain both route and ${own}`] : []),
    ...(answers && has('fault') ? [`HTTP route cannot contain both fault and ${own}`] : []),
    ...(answers && has('rewrite') ? [`HTTP route rule cannot contain both rewrite and ${own}`] : []),
    ...(has('redirect') && has('directResponse') ? ['HTTP route rule cannot contain both direct_response and redirect'] : []),
    ...(!answers && destinations === 0 ? ['HTTP route, redirect or direct_response is required'] : []),
    ...(has('mirror') && listOf(route['mirrors']).length > 0 ? ['HTTP route cannot contain both mirror and mirrors'] : []),
  ];
}

function routeErrors(value: Json, isDelegate: boolean): string[] {
  const route = objectOf(value);
  const blocks = listOf(route['match']).map(objectOf);
  return [
    ...conflictErrors(route, isDelegate),
    ...blocks.flatMap(textErrors),
    ...blocks.flatMap(sourceErrors),
    ...operationErrors(route['headers']),
    ...mirrorErrors(route),
    ...weightErrors(route),
  ];
}

function hostErrors(hosts: readonly string[], isForMesh: boolean): string[] {
  const covers = (a: string, b: string) => a === b || a === '*' || (a.startsWith('*.') && b.endsWith(a.slice(1)));
  const twice = hosts.flatMap((a, index) =>
    hosts
      .slice(index + 1)
      .flatMap(b => (covers(a, b) || covers(b, a) ? [`duplicate hosts in virtual service: ${a} & ${b}`] : [])),
  );
  const everything = isForMesh && hosts.includes('*');
  return everything ? ['wildcard host * is not allowed for virtual services bound to the mesh gateway'] : twice;
}

/** What is wrong with the spec of a VirtualService; empty when it passes. */
export function virtualServiceErrors(spec: unknown): string[] {
  const service = objectOf(spec);
  const hosts = listOf(service['hosts']).filter((host): host is string => typeof host === 'string');
  const gateways = listOf(service['gateways']);
  const isDelegate = hosts.length === 0;
  const routes = ['http', 'tcp', 'tls'].map(kind => listOf(service[kind]).length);
  return [
    ...(isDelegate && gateways.length > 0 ? ['delegate virtual service must have no gateways specified'] : []),
    ...gatewayErrors(gateways),
    ...hostErrors(hosts, gateways.length === 0 || gateways.includes('mesh')),
    ...(routes.every(count => count === 0) ? ['http, tcp or tls must be provided in virtual service'] : []),
    ...listOf(service['http']).flatMap(route => routeErrors(route, isDelegate)),
  ];
}

/** What is wrong with the spec of a DestinationRule; empty when it passes. */
export function destinationRuleErrors(spec: unknown): string[] {
  const rule = objectOf(spec);
  const names = listOf(rule['subsets']).map(subset => stringOf(at(subset, 'name')) ?? '');
  return [
    ...(stringOf(rule['host']) ? [] : ['domain name "" invalid (label "" invalid)']),
    ...names.flatMap((name, index) => [
      ...(names.indexOf(name) < index ? [`duplicate subset names: ${name}`] : []),
      ...(name === '' ? ['subset name cannot be empty'] : []),
      ...(name !== '' && !LABEL.test(name) ? [`subset name is invalid: ${name}`] : []),
    ]),
  ];
}
