import { at, isObject, type Json, type JsonObject, type KubeObject, listOf, numberOf, objectOf, stringOf } from '../kube/json.ts';
import { fullHost } from './hosts.ts';

/** Where a share of the requests goes. */
export interface Destination {
  readonly host: string;
  readonly subset: string;
  readonly port: number | undefined;
  readonly weight: number;
  readonly headers: JsonObject;
}

/** A copy of requests. */
interface Mirror {
  readonly destination: Destination;
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
  readonly name: string;
  readonly match: readonly Json[];
  readonly destinations: readonly Destination[];
  readonly mirrors: readonly Mirror[];
  readonly retries: RetryPolicy;
  readonly timeoutMs: number | undefined;
  readonly headers: JsonObject;
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

function destinationOf(value: unknown, namespace: string): Destination {
  const item = objectOf(value);
  const target = isObject(item['destination']) ? item['destination'] : item;
  return {
    host: fullHost(stringOf(target['host']) ?? '', namespace),
    subset: stringOf(target['subset']) ?? '',
    port: numberOf(at(target, 'port', 'number')),
    weight: numberOf(item['weight']) ?? 0,
    headers: objectOf(item['headers']),
  };
}

function mirrorsOf(route: JsonObject, namespace: string): Mirror[] {
  const listed = listOf(route['mirrors']).map(value => ({
    destination: destinationOf(value, namespace),
    percent: numberOf(at(value, 'percentage', 'value')) ?? (isObject(at(value, 'percentage')) ? 0 : 100),
  }));
  if (!isObject(route['mirror'])) return listed;
  const given = route['mirrorPercentage'];
  const percent = isObject(given) ? (numberOf(given['value']) ?? 0) : (numberOf(route['mirrorPercent']) ?? 100);
  return [...listed, { destination: destinationOf(route['mirror'], namespace), percent }];
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

function compileRoute(route: JsonObject, namespace: string): HttpRoute {
  const destinations = listOf(route['route']).map(item => destinationOf(item, namespace));
  return {
    name: stringOf(route['name']) ?? '',
    match: listOf(route['match']),
    destinations: destinations.length === 1 ? destinations.map(item => ({ ...item, weight: 1 })) : destinations,
    mirrors: mirrorsOf(route, namespace),
    retries: retriesOf(route),
    timeoutMs: durationMs(route['timeout']) || undefined,
    headers: objectOf(route['headers']),
    rewrite: objectOf(route['rewrite']),
    fault: objectOf(route['fault']),
    redirect: isObject(route['redirect']) ? route['redirect'] : undefined,
    directResponse: isObject(route['directResponse']) ? route['directResponse'] : undefined,
  };
}

/** Both must hold: every block of the root with every block of the delegate. */
function bothMatches(root: readonly Json[], delegate: readonly Json[]): readonly Json[] {
  if (root.length === 0 || delegate.length === 0) return root.length === 0 ? delegate : root;
  return root.flatMap(a =>
    delegate.map(b => {
      const headers = { ...objectOf(at(a, 'headers')), ...objectOf(at(b, 'headers')) };
      return { ...objectOf(a), ...objectOf(b), ...(Object.keys(headers).length > 0 ? { headers } : {}) };
    }),
  );
}

/**
 * The http routes of a VirtualService in order, delegates in place. `find` looks a delegate up; one that is missing has no routes.
 * Fields that are not known are ignored.
 */
export function compileRoutes(
  service: KubeObject,
  find: (namespace: string, name: string) => KubeObject | undefined,
): HttpRoute[] {
  const namespace = service.metadata.namespace ?? '';
  return listOf(at(service, 'spec', 'http')).flatMap(value => {
    const route = objectOf(value);
    const own = compileRoute(route, namespace);
    if (!isObject(route['delegate'])) return [own];
    const delegate = find(stringOf(route['delegate']['namespace']) ?? namespace, stringOf(route['delegate']['name']) ?? '');
    const inner = delegate ? compileRoutes(delegate, () => undefined) : [];
    return inner.map(item => ({ ...item, match: bothMatches(own.match, item.match) }));
  });
}
