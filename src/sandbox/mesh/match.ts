import { at, isObject, type Json, type JsonObject, listOf, numberOf, objectOf, stringOf, stringsOf } from '../kube/json.ts';

/** What routing looks at. */
export interface RouteRequest {
  readonly method: string;
  /** Without query, and without `.` and `..`. */
  readonly path: string;
  /** First values, as they stand in the address. */
  readonly query: ReadonlyMap<string, string>;
  /** The lines of each header, by lower-case name. */
  readonly headers: { readonly [name: string]: readonly string[] };
  readonly authority: string;
}

/** Who routes: our gateway under one of its names, or the sidecar of a caller. */
export interface ProxyIdentity {
  /** `namespace/name`, or `mesh`. */
  readonly gateway: string;
  readonly port: number;
  readonly labels: { readonly [label: string]: string };
  readonly namespace: string;
}

const regexes = new Map<string, RegExp>();

/** RE2 asks for the whole text; its flags stand at the start. */
function fullMatch(pattern: string): RegExp {
  const found = regexes.get(pattern);
  if (found) return found;
  if (regexes.size > 500) regexes.clear();
  const [, flags = '', rest = ''] = /^(?:\(\?([is]+)\))?([\s\S]*)$/.exec(pattern) ?? [];
  const compiled = new RegExp(`^(?:${rest.replaceAll('(?P<', '(?<')})$`, flags);
  regexes.set(pattern, compiled);
  return compiled;
}

/** An empty StringMatch asks for presence, and so does the expression `*`, which is none of RE2. */
function asksPresence(rule: JsonObject): boolean {
  const [exact, prefix, regex] = [rule['exact'], rule['prefix'], rule['regex']];
  return regex === '*' || (exact === undefined && prefix === undefined && regex === undefined);
}

function matchesString(rule: JsonObject, value: string, ignoreCase = false): boolean {
  if (asksPresence(rule)) return true;
  const fold = (text: string) => (ignoreCase ? text.toLowerCase() : text);
  const exact = stringOf(rule['exact']);
  const prefix = stringOf(rule['prefix']);
  if (exact !== undefined) return fold(value) === fold(exact);
  if (prefix !== undefined) return fold(value).startsWith(fold(prefix));
  return fullMatch(stringOf(rule['regex']) ?? '').test(value);
}

/** Envoy has places of its own for these and joins their lines; the lines of all others are compared one by one. */
const JOINED = new Set(['user-agent', 'x-forwarded-for', 'x-request-id']);

function linesOf(request: RouteRequest, name: string): readonly string[] {
  if (name === ':authority') return [request.authority];
  if (name === ':method') return [request.method];
  if (name === ':path') return [request.path];
  const lines = request.headers[name.toLowerCase()] ?? [];
  return JOINED.has(name.toLowerCase()) && lines.length > 0 ? [lines.join(',')] : lines;
}

const fitsHeader = (rule: JsonObject, lines: readonly string[]) => lines.some(line => matchesString(rule, line));

/** For withoutHeaders a missing header is an empty one, unless presence is asked. */
const lacksHeader = (rule: JsonObject, lines: readonly string[]) =>
  !fitsHeader(rule, lines.length === 0 && !asksPresence(rule) ? [''] : lines);

/** Whether a match block holds for a request; the proxy was looked at before (`concerns`). */
export function matchesBlock(block: JsonObject, request: RouteRequest): boolean {
  const simple: readonly [string, string][] = [
    ['uri', request.path],
    ['method', request.method],
    ['authority', request.authority],
    ['scheme', 'http'],
  ];
  const every = (part: string, check: (rule: JsonObject, name: string) => boolean) =>
    Object.entries(objectOf(block[part])).every(([name, rule]) => check(objectOf(rule), name));
  return (
    simple.every(
      ([key, value]) =>
        !isObject(block[key]) || matchesString(block[key], value, key === 'uri' && block['ignoreUriCase'] === true),
    ) &&
    every('headers', (rule, name) => fitsHeader(rule, linesOf(request, name))) &&
    every('withoutHeaders', (rule, name) => lacksHeader(rule, linesOf(request, name))) &&
    every('queryParams', (rule, name) => {
      const value = request.query.get(name);
      return value !== undefined && matchesString(rule, value);
    })
  );
}

/** Whether a match block is for this proxy at all. One that names gateways does not ask for labels and namespace. */
export function concerns(block: JsonObject, proxy: ProxyIdentity): boolean {
  const port = numberOf(block['port']) ?? 0;
  if (port !== 0 && port !== proxy.port) return false;
  const gateways = listOf(block['gateways']);
  if (gateways.length > 0) return gateways.includes(proxy.gateway);
  const namespace = stringOf(block['sourceNamespace']) ?? '';
  const labels = Object.entries(stringsOf(block['sourceLabels']));
  return labels.every(([key, value]) => proxy.labels[key] === value) && (namespace === '' || namespace === proxy.namespace);
}

/** Whether a block takes every request: no route below it in its VirtualService is ever reached. */
export function takesAll(block: JsonObject): boolean {
  const asks = (part: string) => Object.keys(objectOf(block[part])).length > 0;
  const uri: Json | undefined = block['uri'];
  const anyPath = !isObject(uri) || asksPresence(uri) || at(uri, 'prefix') === '/' || at(uri, 'regex') === '.*';
  const single = ['method', 'authority', 'scheme'].some(part => isObject(block[part]));
  return anyPath && !single && !['headers', 'withoutHeaders', 'queryParams'].some(asks);
}
