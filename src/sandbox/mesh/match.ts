import { isObject, type JsonObject, listOf, objectOf, stringOf } from '../kube/json.ts';

/** What routing looks at. */
export interface RouteRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly authority: string;
}

const regexes = new Map<string, RegExp>();

function fullMatch(pattern: string): RegExp {
  const found = regexes.get(pattern);
  if (found) return found;
  if (regexes.size > 500) regexes.clear();
  const compiled = new RegExp(`^(?:${pattern.replace(/^\(\?i\)/, '')})$`, pattern.startsWith('(?i)') ? 'i' : '');
  regexes.set(pattern, compiled);
  return compiled;
}

/** An Istio StringMatch; an empty one asks for presence. */
function matchesString(rule: JsonObject, value: string | undefined, ignoreCase = false): boolean {
  if (value === undefined) return false;
  const fold = (text: string) => (ignoreCase ? text.toLowerCase() : text);
  const exact = stringOf(rule['exact']);
  const prefix = stringOf(rule['prefix']);
  const regex = stringOf(rule['regex']);
  if (exact !== undefined) return fold(value) === fold(exact);
  if (prefix !== undefined) return fold(value).startsWith(fold(prefix));
  return regex === undefined || fullMatch(regex).test(value);
}

const headerOf = (request: RouteRequest, name: string): string | undefined => {
  const value = name === ':authority' ? request.authority : request.headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(',') : value;
};

function matchesBlock(block: JsonObject, request: RouteRequest, gateway: string): boolean {
  const simple: readonly [string, string][] = [
    ['uri', request.path],
    ['method', request.method],
    ['authority', request.authority],
    ['scheme', 'http'],
  ];
  const headers = Object.entries(objectOf(block['headers']));
  const without = Object.entries(objectOf(block['withoutHeaders']));
  const params = Object.entries(objectOf(block['queryParams']));
  const gateways = listOf(block['gateways']);
  return (
    simple.every(
      ([key, value]) =>
        !isObject(block[key]) || matchesString(block[key], value, key === 'uri' && block['ignoreUriCase'] === true),
    ) &&
    headers.every(([name, rule]) => matchesString(objectOf(rule), headerOf(request, name))) &&
    without.every(([name, rule]) => !matchesString(objectOf(rule), headerOf(request, name))) &&
    params.every(([name, rule]) => matchesString(objectOf(rule), request.query.get(name) ?? undefined)) &&
    (gateways.length === 0 || gateways.includes(gateway)) &&
    !isObject(block['sourceLabels'])
  );
}

/** True when one of the match blocks holds, or there is none. `gateway` is `mesh` or the name of the gateway. */
export function matchesRoute(blocks: readonly unknown[], request: RouteRequest, gateway: string): boolean {
  return blocks.length === 0 || blocks.some(block => matchesBlock(objectOf(block), request, gateway));
}
