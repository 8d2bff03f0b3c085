import { at, isObject, type KubeObject, listOf, numberOf, objectOf, stringOf } from './json.ts';
import type { Resource } from './resources.ts';
import { ApiError, badRequest, invalid } from './status.ts';

const WEBHOOK = 'admission webhook "rev.validation.istio.io" denied the request: configuration is invalid: ';

function routeErrors(value: unknown): string[] {
  const route = objectOf(value);
  const destinations = listOf(route['route']).map(objectOf);
  const weights = destinations.map(item => numberOf(item['weight']) ?? 0);
  const errors: string[] = [];
  if (weights.some(weight => weight < 0)) errors.push(`weight ${Math.min(...weights)} < 0`);
  if (destinations.length > 1 && weights.every(weight => weight === 0)) errors.push('total destination weight = 0');
  if (
    destinations.length === 0 &&
    !isObject(route['redirect']) &&
    !isObject(route['directResponse']) &&
    !isObject(route['delegate'])
  ) {
    errors.push('HTTP route, redirect or direct_response is required');
  }
  if (destinations.some(item => !stringOf(objectOf(item['destination'])['host']))) errors.push('destination must have a host');
  if (isObject(route['mirror']) && listOf(route['mirrors']).length > 0)
    errors.push('HTTP route cannot contain both mirror and mirrors');
  for (const match of listOf(route['match'])) {
    if (!isObject(match) || Object.keys(match).length === 0) errors.push('match must not be empty');
  }
  return errors;
}

function virtualServiceErrors(spec: unknown): string[] {
  const service = objectOf(spec);
  const http = listOf(service['http']);
  const errors = http.flatMap(routeErrors);
  const delegate = listOf(service['hosts']).length === 0;
  if (delegate && listOf(service['gateways']).length > 0)
    errors.push('delegate virtual service must have no gateways configured');
  if (http.length + listOf(service['tcp']).length + listOf(service['tls']).length === 0) {
    errors.push('http, tcp or tls must be provided in virtual service');
  }
  return errors;
}

function destinationRuleErrors(spec: unknown): string[] {
  const rule = objectOf(spec);
  const names = listOf(rule['subsets']).map(subset => stringOf(objectOf(subset)['name']) ?? '');
  const errors: string[] = [];
  if (!stringOf(rule['host'])) errors.push('name cannot be empty');
  if (names.includes('')) errors.push('subset name cannot be empty');
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) errors.push(`duplicate subset names: ${twice}`);
  return errors;
}

/** RFC 3339 with exactly six digits of a second, as MicroTime is written. */
const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/;

function checkMicroTimes(kind: string, version: string, times: readonly unknown[]): void {
  const wrong = times.find(time => typeof time === 'string' && !MICRO_TIME.test(time));
  if (wrong === undefined) return;
  const parsing = `parsing time ${JSON.stringify(wrong)} as "2006-01-02T15:04:05.000000Z07:00": cannot parse`;
  throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${parsing}`);
}

function checkEvent(resource: Resource, object: KubeObject): void {
  const involved = stringOf(at(object, 'involvedObject', 'namespace'));
  if (!involved || involved === object.metadata.namespace) return;
  const message = `Invalid value: ${JSON.stringify(involved)}: does not match event.namespace`;
  throw invalid(resource, object.metadata.name, [{ reason: 'FieldValueInvalid', field: 'involvedObject.namespace', message }]);
}

function checkIstio(kind: string, object: KubeObject): void {
  const checks: { readonly [kind: string]: (spec: unknown) => string[] } = {
    VirtualService: virtualServiceErrors,
    DestinationRule: destinationRuleErrors,
  };
  const errors = checks[kind]?.(object['spec']) ?? [];
  if (errors.length === 0) return;
  const detail =
    errors.length === 1 ? errors[0] : `${errors.length} errors occurred:\n${errors.map(text => `\t* ${text}\n`).join('')}\n`;
  throw new ApiError(400, '', `${WEBHOOK}${detail}`);
}

/** Refuses what typed decoding, validation of built-in kinds or istiod's validating webhook would refuse; other kinds pass. */
export function admit(resource: Resource, object: KubeObject): void {
  if (resource.group === 'networking.istio.io') checkIstio(resource.kind, object);
  if (resource.kind === 'Lease')
    checkMicroTimes('Lease', 'v1', [at(object, 'spec', 'renewTime'), at(object, 'spec', 'acquireTime')]);
  if (resource.id === 'events') {
    checkMicroTimes('Event', 'v1', [object['eventTime']]);
    checkEvent(resource, object);
  }
}
