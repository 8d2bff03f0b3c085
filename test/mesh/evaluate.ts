// Where a request goes, as Istio's documentation says and Envoy does: the tests' own reading, which shares nothing with the program.
// test/contracts/routing.contract.ts holds it against Envoy.
import { mergeDelegate } from './delegates.ts';
import { changesOf, type HeaderChange } from './headers.ts';
import { type Fields, fields, isPresent, list, numeric, text } from './json.ts';
import { fitOfPattern, fullHost, gatewayName, withFullNames } from './names.ts';
import type { MeshRequest } from './request.ts';
import { concerns, matches, takesAll } from './routeMatch.ts';

/** A Kubernetes object, as far as routing reads it. */
export interface MeshObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly creationTimestamp?: string | Date };
  readonly spec?: unknown;
}

/** What routes. Of VirtualServices for one host the oldest comes first; without a time they count in the given order. */
export interface MeshObjects {
  readonly virtualServices: readonly MeshObject[];
  /** Where they are given, a destination whose subset is in none of them is `isMissing`. */
  readonly destinationRules?: readonly MeshObject[];
  /** Where they are given, hosts of services without a VirtualService are known, and the port of a destination that names none. */
  readonly services?: readonly MeshObject[];
}

/** One destination of a route, with its host in full. */
export interface Target {
  readonly host: string;
  /** Empty: all pods of the host. */
  readonly subset: string;
  /** Undefined when neither the route nor a service says it. */
  readonly port: number | undefined;
  /** True when DestinationRules are given and none has the subset. */
  readonly isMissing: boolean;
}

/** A destination that gets requests. */
export interface Share extends Target {
  /** 0 < fraction <= 1; all of a route sum to 1. */
  readonly fraction: number;
  readonly headers: Readonly<Record<'request' | 'response', readonly HeaderChange[]>>;
}

/** Who gets copies of requests. */
export interface Copy extends Target {
  /** Share of the requests that are copied, 0 < fraction <= 1. */
  readonly fraction: number;
}

/** The route that a request takes. */
export interface Routed {
  readonly kind: 'route';
  /** `namespace/name` of the VirtualService; of the root when a delegate has the route. */
  readonly virtualService: string;
  /** Name of the http route, empty when it has none; of a delegated one `root-delegate`. */
  readonly route: string;
  readonly destinations: readonly Share[];
  /** Fraction by `host|subset|port`, the port empty when it is not known; equal destinations are added up. */
  readonly shares: Readonly<Record<string, number>>;
  readonly mirrors: readonly Copy[];
  /** The route as it is obeyed, merged with its root when it is delegated: time-outs, retries, fault, rewrite. */
  readonly fields: Fields;
}

/** What becomes of a request. */
export type Evaluation =
  | Routed
  | {
      readonly kind: 'redirect' | 'directResponse';
      readonly virtualService: string;
      readonly route: string;
      readonly fields: Fields;
    }
  /** A sidecar sends it straight to a service that has no VirtualService. */
  | { readonly kind: 'service'; readonly host: string; readonly port: number | undefined }
  /** 404 NR. */
  | { readonly kind: 'none' }
  /** Envoy refuses the route and keeps what it had before. */
  | { readonly kind: 'refused'; readonly virtualService: string; readonly route: string };

const namespaceOf = (object: MeshObject) => object.metadata.namespace ?? 'default';

/** Of objects of one second the name decides. */
function byAge(objects: readonly MeshObject[]): MeshObject[] {
  const key = ({ metadata }: MeshObject) => `${metadata.name}.${metadata.namespace ?? ''}`;
  return objects.toSorted((a, b) => {
    const [older, younger] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
    if (older === undefined || younger === undefined) return 0;
    return new Date(older).getTime() - new Date(younger).getTime() || (key(a) < key(b) ? -1 : 1);
  });
}

/** What a caller in a sidecar mesh may call a service: `reviews`, `reviews.ns`, `reviews.ns.svc` and the full name. */
function calledHost(objects: MeshObjects, request: MeshRequest): string {
  const host = request.host.toLowerCase();
  if ((request.gateway ?? 'mesh') !== 'mesh') return host;
  const [name = '', namespace = request.sourceNamespace ?? 'default', ...rest] = host.split('.');
  const full = `${name}.${namespace}.svc.cluster.local`;
  if (!['', 'svc', 'svc.cluster.local'].includes(rest.join('.'))) return host;
  const known = [
    ...(objects.services ?? []).map(service => fullHost(service.metadata.name, namespaceOf(service))),
    ...objects.virtualServices.flatMap(hostsOf),
  ];
  return !host.includes('.') || known.includes(full) ? full : host;
}

const hostsOf = (service: MeshObject) =>
  list(fields(service.spec)['hosts']).map(host => fullHost(text(host), namespaceOf(service)));

const gatewaysOf = (service: MeshObject) => {
  const named = list(fields(service.spec)['gateways']).map(name => gatewayName(text(name), namespaceOf(service)));
  return named.length === 0 ? ['mesh'] : named;
};

/** An http route of a VirtualService, by the root's name when it is delegated. */
interface Rule {
  readonly service: string;
  readonly fields: Fields;
}

const routesOf = (service: MeshObject) =>
  list(fields(service.spec)['http']).map(route => withFullNames(fields(route), namespaceOf(service)));

/** The http routes of a VirtualService with the delegates in their place, one level deep. A delegate that is missing, or has hosts, has no routes. */
function rulesOf(service: MeshObject, all: readonly MeshObject[]): readonly Rule[] {
  const namespace = namespaceOf(service);
  const name = `${namespace}/${service.metadata.name}`;
  return routesOf(service).flatMap(route => {
    if (!isPresent(route['delegate'])) return [{ service: name, fields: route }];
    const wanted = fields(route['delegate']);
    const where = text(wanted['namespace']) || namespace;
    const delegate = all.find(item => namespaceOf(item) === where && item.metadata.name === text(wanted['name']));
    if (!delegate || hostsOf(delegate).length > 0) return [];
    return mergeDelegate(route, routesOf(delegate)).map(item => ({ service: name, fields: item }));
  });
}

/** The rules of each VirtualService that a proxy asks for a host: of those with the most specific pattern, the oldest first. */
function rulesFor(objects: MeshObjects, host: string, request: MeshRequest): readonly (readonly Rule[])[] {
  const candidates = byAge(objects.virtualServices)
    .filter(service => gatewaysOf(service).includes(request.gateway ?? 'mesh'))
    .map(service => ({
      fit: Math.max(0, ...hostsOf(service).map(pattern => fitOfPattern(pattern, host))),
      rules: rulesOf(service, objects.virtualServices),
    }))
    // one that has nothing for this proxy does not exist for it
    .filter(({ rules }) => rules.some(rule => concerns(rule.fields, request)));
  const best = Math.max(0, ...candidates.map(candidate => candidate.fit));
  return best === 0 ? [] : candidates.filter(candidate => candidate.fit === best).map(({ rules }) => rules);
}

/** The first route that takes the request. A sidecar obeys the oldest VirtualService of a host alone; a gateway joins them all. */
function chosen(services: readonly (readonly Rule[])[], request: MeshRequest): Rule | undefined {
  const takes = (rule: Rule) => matches(rule.fields, request);
  if ((request.gateway ?? 'mesh') === 'mesh') return services[0]?.find(takes);
  const found = services.map(rules => rules.find(takes)).filter(rule => rule !== undefined);
  return found.find(rule => !takesAll(rule.fields, request)) ?? found[0];
}

function targetOf(value: unknown, objects: MeshObjects): Target {
  const destination = fields(value);
  const host = text(destination['host']);
  const subset = text(destination['subset']);
  const service = (objects.services ?? []).find(item => fullHost(item.metadata.name, namespaceOf(item)) === host);
  const ports = list(fields(service?.spec)['ports']);
  const only = ports.length === 1 ? numeric(fields(ports[0])['port']) : undefined;
  const subsets = (objects.destinationRules ?? [])
    .filter(item => fullHost(text(fields(item.spec)['host']), namespaceOf(item)) === host)
    .flatMap(item => list(fields(item.spec)['subsets']).map(one => text(fields(one)['name'])));
  const isMissing = objects.destinationRules !== undefined && subset !== '' && !subsets.includes(subset);
  return { host, subset, port: numeric(fields(destination['port'])['number']) ?? only, isMissing };
}

function sharesOf(rule: Rule, objects: MeshObjects): readonly Share[] {
  const listed = list(rule.fields['route']).map(fields);
  const isAlone = listed.length === 1;
  const weights = listed.map(item => (isAlone ? 100 : (numeric(item['weight']) ?? 0)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return listed.flatMap((item, index) => {
    const fraction = total > 0 ? (weights[index] ?? 0) / total : 0;
    const headers = changesOf(rule.fields, item, isAlone);
    return fraction > 0 ? [{ ...targetOf(item['destination'], objects), fraction, headers }] : [];
  });
}

/** Copies go out for 100 % where nothing is said, and not at all for 0. A percentage that is there without a value is 0. */
function mirrorsOf(rule: Rule, objects: MeshObjects): readonly Copy[] {
  const percentOf = (percentage: unknown) => (isPresent(percentage) ? (numeric(fields(percentage)['value']) ?? 0) : undefined);
  const { mirror, mirrors, mirrorPercent, mirrorPercentage } = rule.fields;
  const single = { destination: mirror, percent: percentOf(mirrorPercentage) ?? numeric(mirrorPercent) ?? 100 };
  const many = list(mirrors).map(item => ({
    destination: fields(item)['destination'],
    percent: percentOf(fields(item)['percentage']) ?? 100,
  }));
  return [...(isPresent(mirror) ? [single] : []), ...many]
    .filter(item => item.percent > 0)
    .map(item => ({ ...targetOf(item.destination, objects), fraction: item.percent / 100 }));
}

/** The key of a destination in `Routed.shares`. */
export const shareKey = ({ host, subset, port }: Pick<Target, 'host' | 'subset' | 'port'>): string =>
  `${host}|${subset}|${port ?? ''}`;

/**
 * Says what becomes of a request: the first matching http route of the most specific VirtualService of its host, for the proxy that it
 * goes through. Throws for regular expressions that only RE2 understands.
 */
export function evaluate(objects: MeshObjects, request: MeshRequest): Evaluation {
  const host = calledHost(objects, request);
  const services = rulesFor(objects, host, request);
  if (services.length === 0) {
    const service = (objects.services ?? []).find(item => fullHost(item.metadata.name, namespaceOf(item)) === host);
    return service && (request.gateway ?? 'mesh') === 'mesh' ? { kind: 'service', host, port: request.port } : { kind: 'none' };
  }
  const rule = chosen(services, request);
  if (!rule) return { kind: 'none' };
  const found = { virtualService: rule.service, route: text(rule.fields['name']), fields: rule.fields };
  if (isPresent(rule.fields['redirect'])) return { kind: 'redirect', ...found };
  if (isPresent(rule.fields['directResponse'])) return { kind: 'directResponse', ...found };
  const destinations = sharesOf(rule, objects);
  if (destinations.length === 0) return { kind: 'refused', virtualService: found.virtualService, route: found.route };
  const shares: Record<string, number> = {};
  for (const item of destinations) shares[shareKey(item)] = (shares[shareKey(item)] ?? 0) + item.fraction;
  return { kind: 'route', ...found, destinations, shares, mirrors: mirrorsOf(rule, objects) };
}
