import { isObject, type KubeObject, listOf, numberOf, objectOf, stringOf } from './json.ts';
import { ApiError } from './status.ts';

const WEBHOOK = 'admission webhook "rev.validation.istio.io" denied the request: configuration is invalid: ';

function routeErrors(value: unknown): string[] {
  const route = objectOf(value);
  const destinations = listOf(route['route']).map(objectOf);
  const weights = destinations.map(item => numberOf(item['weight']) ?? 0);
  const errors: string[] = [];
  if (weights.some(weight => weight < 0)) errors.push('weight -1 < 0'.replace('-1', String(Math.min(...weights))));
  if (destinations.length > 1 && weights.every(weight => weight === 0)) errors.push('total destination weight = 0');
  if (destinations.length === 0 && !isObject(route['redirect']) && !isObject(route['directResponse']) && !isObject(route['delegate'])) {
    errors.push('HTTP route, redirect or direct_response is required');
  }
  if (destinations.some(item => !stringOf(objectOf(item['destination'])['host']))) errors.push('destination must have a host');
  if (isObject(route['mirror']) && listOf(route['mirrors']).length > 0) errors.push('HTTP route cannot contain both mirror and mirrors');
  for (const match of listOf(route['match'])) {
    if (!isObject(match) || Object.keys(match).length === 0) errors.push('match must not be empty');
  }
  return errors;
}

function virtualServiceErrors(spec: unknown): string[] {
  const service = objectOf(spec);
  const http = listOf(service['http']);
  const errors = http.flatMap(routeErrors);
  if (listOf(service['hosts']).length === 0 && http.every(route => !isObject(objectOf(route)['delegate']))) {
    errors.push('virtual service must have at least one host');
  }
  if (http.length + listOf(service['tcp']).length + listOf(service['tls']).length === 0) {
    errors.push('http, tcp or tls must be provided in virtual service');
  }
  return errors;
}

function destinationRuleErrors(spec: unknown): string[] {
  const rule = objectOf(spec);
  const names = listOf(rule['subsets']).map(subset => stringOf(objectOf(subset)['name']) ?? '');
  const errors: string[] = [];
  if (!stringOf(rule['host'])) errors.push("name cannot be empty");
  if (names.includes('')) errors.push('subset name cannot be empty');
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) errors.push(`duplicate subset names: ${twice}`);
  return errors;
}

/** What istiod's validating webhook refuses, as a 400; other kinds pass. */
export function admit(kind: string, group: string, object: KubeObject): void {
  if (group !== 'networking.istio.io') return;
  const errors =
    kind === 'VirtualService' ? virtualServiceErrors(object['spec']) : kind === 'DestinationRule' ? destinationRuleErrors(object['spec']) : [];
  if (errors.length === 0) return;
  const detail = errors.length === 1 ? errors[0] : `${errors.length} errors occurred:\n${errors.map(text => `\t* ${text}\n`).join('')}\n`;
  throw new ApiError(400, '', `${WEBHOOK}${detail}`);
}
