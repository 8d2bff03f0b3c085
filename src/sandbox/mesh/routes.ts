import { at, isObject, type JsonObject, listOf, numberOf, objectOf, stringOf } from '../kube/json.ts';
import { type HeaderChange, headerChange } from './headers.ts';

/** Where requests go. */
export interface Target {
  readonly host: string;
  readonly subset: string;
  readonly port: number | undefined;
}

/** Where a share of the requests goes, and what becomes of headers on the way, in order. */
export interface Destination extends Target {
  readonly weight: number;
  readonly request: readonly HeaderChange[];
  readonly response: readonly HeaderChange[];
}

/** A copy of requests. */
interface Mirror {
  readonly destination: Target;
  readonly percent: number;
}

/** When and how often a failed request is tried again. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly on: readonly string[];
  readonly perTryTimeoutMs: number | undefined;
}

/** One http route of a VirtualService, ready to be obeyed. */
export interface HttpRoute {
  /** Name of the VirtualService; of the root when it is delegated. */
  readonly service: string;
  readonly name: string;
  /** Blocks of which one must hold; none: every request. */
  readonly match: readonly JsonObject[];
  readonly destinations: readonly Destination[];
  readonly mirrors: readonly Mirror[];
  readonly retries: RetryPolicy;
  readonly timeoutMs: number | undefined;
  readonly rewrite: JsonObject;
  readonly fault: JsonObject;
  readonly redirect: JsonObject | undefined;
  readonly directResponse: JsonObject | undefined;
}

const RETRY_ON = ['connect-failure', 'refused-stream', 'unavailable', 'cancelled'];

const UNITS_MS: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration such as 1.5s or 1m30s in ms; undefined when absent or unreadable. */
export function durationMs(value: unknown): number | undefined {
  const text = stringOf(value) ?? '';
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(part => part[0]).join('') !== text) return undefined;
  return parts.reduce((sum, [, amount = '0', unit = 's']) => sum + Number(amount) * (UNITS_MS[unit] ?? 1000), 0);
}

const targetOf = (value: unknown): Target => ({
  host: stringOf(at(value, 'host')) ?? '',
  subset: stringOf(at(value, 'subset')) ?? '',
  port: numberOf(at(value, 'port', 'number')),
});

/**
 * A destination that is alone shares one list with its route: all removals, then what the route does, then what it does itself. Beside
 * others it comes first, and the route has the last word.
 */
function changesOf(route: JsonObject, item: JsonObject, side: 'request' | 'response', isAlone: boolean): HeaderChange[] {
  const [outer, inner] = [headerChange(route['headers'], side), headerChange(item['headers'], side)];
  if (!isAlone) return [inner, outer];
  return [
    { ...outer, remove: [...outer.remove, ...inner.remove] },
    { ...inner, remove: [] },
  ];
}

function destinationsOf(route: JsonObject): Destination[] {
  const items = listOf(route['route']).map(objectOf);
  const isAlone = items.length === 1;
  return items.map(item => ({
    ...targetOf(item['destination']),
    weight: isAlone ? 1 : (numberOf(item['weight']) ?? 0),
    request: changesOf(route, item, 'request', isAlone),
    response: changesOf(route, item, 'response', isAlone),
  }));
}

/** A percentage that is there without a value is 0: no copies. */
function mirrorsOf(route: JsonObject): Mirror[] {
  const percentOf = (given: unknown) => (isObject(given) ? (numberOf(given['value']) ?? 0) : undefined);
  const listed = listOf(route['mirrors']).map(value => ({
    destination: targetOf(at(value, 'destination')),
    percent: percentOf(at(value, 'percentage')) ?? 100,
  }));
  if (!isObject(route['mirror'])) return listed;
  const percent = percentOf(route['mirrorPercentage']) ?? numberOf(route['mirrorPercent']) ?? 100;
  return [{ destination: targetOf(route['mirror']), percent }, ...listed];
}

function retriesOf(route: JsonObject): RetryPolicy {
  const retries = route['retries'];
  if (!isObject(retries)) return { attempts: 2, on: RETRY_ON, perTryTimeoutMs: undefined };
  const on = stringOf(retries['retryOn']);
  return {
    attempts: numberOf(retries['attempts']) ?? 0,
    on: on ? on.split(',').map(item => item.trim()) : RETRY_ON,
    perTryTimeoutMs: durationMs(retries['perTryTimeout']),
  };
}

/** Compiles a route of the VirtualService `service`, with names in full (`rulesOf`). Fields that are not known are ignored. */
export function compileRoute(route: JsonObject, service: string): HttpRoute {
  return {
    service,
    name: stringOf(route['name']) ?? '',
    match: listOf(route['match']).map(objectOf),
    destinations: destinationsOf(route),
    mirrors: mirrorsOf(route),
    retries: retriesOf(route),
    timeoutMs: durationMs(route['timeout']) || undefined,
    rewrite: objectOf(route['rewrite']),
    fault: objectOf(route['fault']),
    redirect: isObject(route['redirect']) ? route['redirect'] : undefined,
    directResponse: isObject(route['directResponse']) ? route['directResponse'] : undefined,
  };
}
