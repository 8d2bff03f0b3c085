import type { Rollout, Target } from '../../../rollout/index.ts';
import { delegationsOf } from '../delegates.ts';
import { hostOfRule, subsetsByVersion } from '../destinationRule.ts';
import { fullHost } from '../hosts.ts';
import { fieldsOf, getByKey, keyOf, listOf, type MeshObject, namespaceOf, textOf } from '../resource.ts';
import { type HttpRoute, steeredRoutes } from '../virtualService.ts';
import { type Facts, factsOf } from './facts.ts';
import type { Labels, MeshPod, MeshService, MeshWorld } from './world.ts';

/** One VirtualService whose weights are set. */
export type Steered = {
  readonly object: MeshObject;
  readonly key: string;
  /** Those whose weights are set. */
  readonly routes: readonly HttpRoute[];
  /** Through which objects requests come: itself, or the roots that delegate to it. */
  readonly holders: readonly Holder[];
};

/** A VirtualService with hosts, and the routes of it by which requests come to a steered one; empty: it is the steered one. */
export type Holder = { readonly object: MeshObject; readonly facts: Facts; readonly delegating: readonly HttpRoute[] };

/** One way for requests to come: from the sidecars of the mesh, or by a gateway (`namespace/name`). */
export type Entrance = { readonly steered: Steered; readonly holder: Holder; readonly gateway: string };

export const MESH = 'mesh';

/** What the checks of one rollout look at. */
export type Ground = {
  readonly world: MeshWorld;
  readonly rollout: Rollout;
  readonly target: Target;
  /** `Rollout namespace/name`. */
  readonly name: string;
  /** The Service that the host names; absent: a host outside the cluster. */
  readonly place?: { readonly namespace: string; readonly name: string };
  readonly service?: MeshService;
  readonly rule?: MeshObject;
  /** All rules for exactly this host: their subsets add up. */
  readonly rules: readonly MeshObject[];
  readonly steered: readonly Steered[];
  readonly entrances: readonly Entrance[];
  /** Pods behind the host that are not leaving. */
  readonly pods: readonly MeshPod[];
  /** Name of a version's subset. */
  readonly subsetOf: (version: string) => string | undefined;
};

export const groundOf = (world: MeshWorld, rollout: Rollout, target: Target): Ground => {
  const place = placeOf(target.host);
  const service = place === undefined ? undefined : world.service(place.namespace, place.name);
  const rule = target.destinationRule === undefined ? undefined : getByKey(world.destinationRules, target.destinationRule);
  const rules = [...world.destinationRules.list()].filter(other => hostOfRule(other) === target.host);
  const steered = target.virtualServices.flatMap(key => steeredOf(world, target, key));
  const subsets = rule === undefined ? undefined : subsetsByVersion(rule, target.versionLabel);
  return {
    world,
    rollout,
    target,
    name: `Rollout ${rollout.namespace}/${rollout.name}`,
    ...(place === undefined ? {} : { place }),
    ...(service === undefined ? {} : { service }),
    ...(rule === undefined ? {} : { rule }),
    rules,
    steered,
    entrances: steered.flatMap(entrancesOf),
    pods: place === undefined || service === undefined ? [] : podsBehind(world.pods(place.namespace), service.selector),
    subsetOf: version => subsets?.get(version),
  };
};

export const placeOf = (host: string): Ground['place'] => {
  const [, name, namespace] = /^([^.*]+)\.([^.]+)\.svc(?:\.|$)/.exec(host) ?? [];
  return name === undefined || namespace === undefined ? undefined : { namespace, name };
};

const podsBehind = (pods: readonly MeshPod[], selector: Labels): readonly MeshPod[] =>
  Object.keys(selector).length === 0 ? [] : pods.filter(pod => !pod.leaving && hasLabels(pod, selector));

export const hasLabels = ({ metadata: { labels = {} } }: MeshPod, wanted: Readonly<Record<string, unknown>>): boolean =>
  Object.entries(wanted).every(([label, value]) => labels[label] === value);

export const podsOf = ({ pods, target }: Ground, version: string): readonly MeshPod[] =>
  pods.filter(pod => pod.metadata.labels?.[target.versionLabel] === version);

function steeredOf(world: MeshWorld, target: Target, key: string): readonly Steered[] {
  const object = getByKey(world.virtualServices, key);
  if (object === undefined) return [];
  const routes = steeredRoutes(object, target.host, target.routes);
  if (routes.length === 0) return [];
  return [{ object, key, routes, holders: holdersOf(world, object) }];
}

function holdersOf(world: MeshWorld, object: MeshObject): readonly Holder[] {
  const facts = factsOf(object);
  if (facts.hosts.length > 0) return [{ object, facts, delegating: [] }];
  const key = keyOf(object);
  return [...world.virtualServices.list()].flatMap(root => {
    const rootFacts = factsOf(root);
    if (rootFacts.hosts.length === 0 || !rootFacts.delegates) return [];
    const delegating = delegationsOf(root).flatMap(delegation => (delegation.key === key ? [delegation.route] : []));
    return delegating.length === 0 ? [] : [{ object: root, facts: rootFacts, delegating }];
  });
}

const entrancesOf = (steered: Steered): readonly Entrance[] =>
  steered.holders.flatMap(holder => holder.facts.gateways.map(gateway => ({ steered, holder, gateway })));

/** Whether the rules of an object count for proxies in a namespace. */
export const isExportedTo = (object: MeshObject, namespace: string): boolean => {
  const exportTo = listOf(fieldsOf(object.spec)['exportTo']).flatMap(entry => textOf(entry) ?? []);
  if (exportTo.length === 0) return true;
  return exportTo.some(entry => entry === '*' || entry === namespace || (entry === '.' && namespaceOf(object) === namespace));
};

/** The full name of a host that an object names. */
export const full = (host: string, object: MeshObject): string => fullHost(host, namespaceOf(object));
