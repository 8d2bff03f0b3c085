import type { ResolvedTarget, Rollout } from '../../rollout/index.ts';
import { hostOfRule, ruleCovers } from './destinationRule.ts';
import { fullHost } from './hosts.ts';
import type { MeshCaches } from './observe.ts';
import { annotationOf, getByKey, keyOf, type MeshKind, type MeshObject, namespaceOf, type ObjectCache } from './resource.ts';
import { describeRoute } from './trafficPatch.ts';
import { httpRoutesOf, routesTo } from './virtualService.ts';

/** On an object in another namespace: the namespaces, separated by commas, whose Rollouts may steer it. */
const ALLOW_ANNOTATION = 'sluice.dev/allow';

/** What keeps a Rollout from finding its routing objects; the message names the object and how to mend it. */
export class ResolveProblem extends Error {}

type Wanted = { readonly rollout: Rollout; readonly host: string };

/** Full name of the host that the Rollout steers. */
export const hostOf = (rollout: Rollout): string => fullHost(rollout.spec.host ?? rollout.name, rollout.namespace);

/** Whether any VirtualService at all routes to the host. */
export const anythingRoutesTo = (host: string, virtualServices: ObjectCache): boolean =>
  [...virtualServices.list()].some(virtualService => routesTo(virtualService, host).length > 0);

/** Finds the objects that the spec names, or that its defaults mean. Throws ResolveProblem. */
export function resolveTarget(rollout: Rollout, caches: MeshCaches): ResolvedTarget {
  const wanted = { rollout, host: hostOf(rollout) };
  const virtualServices = findVirtualServices(wanted, caches.virtualServices);
  const routes = findRoutes(wanted, virtualServices);
  const destinationRule = findDestinationRule(wanted, caches.destinationRules);
  return {
    router: 'istio',
    host: wanted.host,
    versionLabel: rollout.spec.versionLabel ?? 'version',
    virtualServices: virtualServices.map(keyOf),
    routes,
    destinationRule: keyOf(destinationRule),
  };
}

function mayUse(object: MeshObject, namespace: string): boolean {
  if (namespaceOf(object) === namespace) return true;
  const allowed = annotationOf(object, ALLOW_ANNOTATION)?.split(',') ?? [];
  return allowed.some(entry => entry.trim() === namespace);
}

/** An object by the name in the spec: `name`, or `namespace/name` if that object allows it. */
function named(kind: MeshKind, reference: string, wanted: Wanted, cache: ObjectCache): MeshObject {
  const { namespace } = wanted.rollout;
  const key = reference.includes('/') ? reference : `${namespace}/${reference}`;
  const object = getByKey(cache, key);
  if (object === undefined) {
    throw new ResolveProblem(
      `${kind} ${key} does not exist: create it for host ${wanted.host}, or correct router.istio of the Rollout`,
    );
  }
  if (mayUse(object, namespace)) return object;
  throw new ResolveProblem(
    `${kind} ${key} is in another namespace and does not allow it: annotate it with ${ALLOW_ANNOTATION}: ${namespace}`,
  );
}

function findVirtualServices(wanted: Wanted, cache: ObjectCache): readonly MeshObject[] {
  const names = wanted.rollout.spec.router?.istio?.virtualServices ?? [];
  if (names.length === 0) return [defaultVirtualService(wanted, cache)];
  const objects = new Map(
    names.map(name => {
      const object = named('VirtualService', name, wanted, cache);
      return [keyOf(object), object] as const;
    }),
  );
  return [...objects.values()];
}

/** The one that has the Rollout's name, else the only one that routes to the host. */
function defaultVirtualService({ rollout, host }: Wanted, cache: ObjectCache): MeshObject {
  const own = cache.get(rollout.namespace, rollout.name);
  if (own !== undefined && routesTo(own, host).length > 0) return own;
  const routing = [...cache.list()].filter(object => routesTo(object, host).length > 0);
  const usable = routing.filter(object => mayUse(object, rollout.namespace));
  const [only, second] = usable;
  if (only !== undefined && second === undefined) return only;
  if (only !== undefined) {
    throw new ResolveProblem(
      `several VirtualServices route to ${host}: ${listNames(usable)}; set router.istio.virtualServices to those to steer`,
    );
  }
  if (routing.length > 0) {
    throw new ResolveProblem(
      `only VirtualServices of other namespaces route to ${host}: ${listNames(routing)}; annotate the one to steer with ` +
        `${ALLOW_ANNOTATION}: ${rollout.namespace}`,
    );
  }
  if (own !== undefined) throw new ResolveProblem(whyNotSteerable(own, host));
  throw new ResolveProblem(
    `no VirtualService routes to ${host}: create VirtualService ${rollout.namespace}/${rollout.name} with an http route to it`,
  );
}

const listNames = (objects: readonly MeshObject[]): string => objects.map(keyOf).sort().join(', ');

function whyNotSteerable(virtualService: MeshObject, host: string): string {
  const elsewhere = httpRoutesOf(virtualService).filter(route => route.answersOtherwise);
  const hint =
    elsewhere.length === 0
      ? ''
      : ` (${elsewhere.map(describeRoute).join(', ')} redirects, answers itself or delegates to another object)`;
  return (
    `VirtualService ${keyOf(virtualService)} has no http route with destination ${host}${hint}: ` +
    'add one, or set router.istio.virtualServices'
  );
}

/** Names of the routes to steer; empty when the only one has no name. */
function findRoutes({ rollout, host }: Wanted, virtualServices: readonly MeshObject[]): readonly string[] {
  const names = rollout.spec.router?.istio?.routes ?? [];
  if (names.length > 0) {
    for (const virtualService of virtualServices) checkNames(virtualService, host, names);
    for (const name of names) checkName(name, host, virtualServices);
    return [...new Set(names)];
  }
  const found = virtualServices.map(virtualService => onlyRoute(virtualService, host));
  return [...new Set(found.flatMap(name => (name === undefined ? [] : [name])))];
}

function checkName(name: string, host: string, virtualServices: readonly MeshObject[]): void {
  if (virtualServices.some(object => routesTo(object, host).some(route => route.name === name))) return;
  throw new ResolveProblem(
    `no http route "${name}" with destination ${host} in VirtualService ${listNames(virtualServices)}: ` +
      'correct router.istio.routes, or name the route and make it a plain route to that host',
  );
}

function checkNames(virtualService: MeshObject, host: string, names: readonly string[]): void {
  const routes = routesTo(virtualService, host);
  if (routes.some(route => route.name !== undefined && names.includes(route.name))) return;
  if (routes.length === 0) throw new ResolveProblem(whyNotSteerable(virtualService, host));
  throw new ResolveProblem(
    `VirtualService ${keyOf(virtualService)} has none of the http routes ${names.map(name => `"${name}"`).join(', ')}; ` +
      `to ${host} it has ${routes.map(describeRoute).join(', ')}: correct router.istio.routes`,
  );
}

function onlyRoute(virtualService: MeshObject, host: string): string | undefined {
  const [only, ...others] = routesTo(virtualService, host);
  if (only === undefined) throw new ResolveProblem(whyNotSteerable(virtualService, host));
  if (others.length === 0) return only.name;
  const unnamed = [only, ...others].some(route => route.name === undefined);
  throw new ResolveProblem(
    `VirtualService ${keyOf(virtualService)} has several http routes to ${host}: ` +
      `${[only, ...others].map(describeRoute).join(', ')}; ` +
      `${unnamed ? 'give each a name and ' : ''}set router.istio.routes to the names of those to steer`,
  );
}

function findDestinationRule(wanted: Wanted, cache: ObjectCache): MeshObject {
  const { rollout, host } = wanted;
  const reference = rollout.spec.router?.istio?.destinationRule;
  if (reference !== undefined) return namedRule(reference, wanted, cache);
  const sameName = cache.get(rollout.namespace, rollout.name);
  if (sameName !== undefined && hostOfRule(sameName) === host) return sameName;
  const rules = [...cache.list()].filter(rule => hostOfRule(rule) === host && mayUse(rule, rollout.namespace));
  const own = rules.filter(rule => namespaceOf(rule) === rollout.namespace);
  const candidates = own.length > 0 ? own : rules;
  const [first, second] = candidates;
  if (first === undefined) throw new ResolveProblem(noRuleMessage(wanted, cache));
  if (second === undefined) return first;
  throw new ResolveProblem(
    `several DestinationRules are for ${host}: ${listNames(candidates)}; ` +
      'set router.istio.destinationRule to the one with the subsets',
  );
}

function namedRule(reference: string, wanted: Wanted, cache: ObjectCache): MeshObject {
  const rule = named('DestinationRule', reference, wanted, cache);
  if (hostOfRule(rule) === wanted.host) return rule;
  throw new ResolveProblem(
    `DestinationRule ${keyOf(rule)} is for host ${hostOfRule(rule)}, not for ${wanted.host}: ` +
      'correct router.istio.destinationRule or its host',
  );
}

/** A new rule replaces the wider one as a whole for this host, mTLS mode and all: people have to carry its policies over. */
function noRuleMessage({ rollout, host }: Wanted, cache: ObjectCache): string {
  const wider = [...cache.list()].filter(rule => ruleCovers(rule, host));
  const name = `${rollout.namespace}/${rollout.name}`;
  const mend = `create DestinationRule ${name} with a subset for each version`;
  if (wider.length === 0) return `no DestinationRule is for ${host}: ${mend}`;
  const rules = wider.map(rule => `${keyOf(rule)} (host ${hostOfRule(rule)})`).join(', ');
  return (
    `no DestinationRule of namespace ${rollout.namespace} is for ${host} alone; ${rules} applies to it and would be replaced: ` +
    `${mend} and copy the trafficPolicy`
  );
}
