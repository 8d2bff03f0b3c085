import type { MeshFinding } from '../../../rollout/index.ts';
import { hostOfRule } from '../destinationRule.ts';
import { wildcardCovers } from '../hosts.ts';
import { fieldsOf, keyOf, listOf, type MeshObject, textOf } from '../resource.ts';
import { effectiveWeight } from '../virtualService.ts';
import { finding } from './checks.ts';
import { full, type Ground, hasLabels, podsOf } from './ground.ts';
import type { MeshWorld } from './world.ts';

/** Hosts, subsets and pods: does what the routes name exist? */
export const checkDestinations = (ground: Ground): readonly MeshFinding[] => [
  ...missingHost(ground),
  ...missingSubsets(ground),
  ...emptySubsets(ground),
  ...otherDestinations(ground),
];

/** `undefined`: it cannot be told, as not everything is seen. */
const exists = (world: MeshWorld, host: string): boolean | undefined => {
  const [, name, namespace] = /^([^.*]+)\.([^.]+)\.svc(?:\.|$)/.exec(host) ?? [];
  if (name !== undefined && namespace !== undefined) {
    if (world.service(namespace, name) !== undefined) return true;
    if (!world.sees(namespace)) return undefined;
  }
  const entries = world.list('ServiceEntry');
  if (entries?.some(entry => servesHost(entry, host))) return true;
  return entries === undefined || !world.sees() ? undefined : false;
};

const servesHost = (entry: MeshObject, host: string): boolean =>
  listOf(fieldsOf(entry.spec)['hosts'])
    .flatMap(name => textOf(name) ?? [])
    .some(name => full(name, entry) === host || wildcardCovers(name, host));

const missingHost = ({ world, target, name }: Ground): readonly MeshFinding[] => {
  if (exists(world, target.host) !== false) return [];
  const means = `no Service or ServiceEntry is called ${target.host}, so requests that are routed to it fail`;
  return [finding('MissingHost', name, `${means}; create it, or correct spec.host`)];
};

type Subset = { readonly name: string; readonly labels: Readonly<Record<string, unknown>> };

const subsetsIn = (rules: readonly MeshObject[]): readonly Subset[] =>
  rules.flatMap(rule =>
    listOf(fieldsOf(rule.spec)['subsets']).flatMap(entry => {
      const { name, labels } = fieldsOf(entry);
      const named = textOf(name);
      return named === undefined ? [] : [{ name: named, labels: fieldsOf(labels) }];
    }),
  );

const missingSubsets = (ground: Ground): readonly MeshFinding[] => {
  const { rule, rules, rollout, target, subsetOf } = ground;
  if (rule === undefined) return [];
  const names = new Set(subsetsIn(rules).map(({ name }) => name));
  const isAdded = rollout.spec.router?.istio?.createMissing !== 'none';
  return [...new Set([target.canary, target.stable])].flatMap(version => {
    if (subsetOf(version) !== undefined || names.has(version)) return [];
    if (version === target.canary && isAdded) return [];
    const means = `no subset selects ${target.versionLabel} ${version}, so the share of ${version} would get 503 (NC)`;
    const mend = `add a subset with labels {${target.versionLabel}: ${version}}${version === target.canary ? ', or set router.istio.createMissing: subset' : ''}`;
    return [finding('MissingSubset', `DestinationRule ${keyOf(rule)}`, `${means}; ${mend}`)];
  });
};

const emptySubsets = (ground: Ground): readonly MeshFinding[] => {
  const { rule, rules, target, pods, subsetOf } = ground;
  if (rule === undefined) return [];
  const subsets = subsetsIn(rules);
  return [...new Set([target.canary, target.stable])].flatMap(version => {
    const ready = podsOf(ground, version).filter(pod => pod.ready).length;
    const named = subsets.filter(({ name }) => name === (subsetOf(version) ?? version));
    if (ready === 0 || named.length === 0) return [];
    if (named.some(({ labels }) => pods.some(pod => pod.ready && hasLabels(pod, labels)))) return [];
    const [{ name, labels } = { name: version, labels: {} }] = named;
    const means = `subset ${name} selects none of the ${ready} ready pods of ${version}, so its share would get 503 (UH)`;
    const mend = `let its labels (${labelsText(labels)}) be those of the pods`;
    return [finding('SubsetWithoutPods', `DestinationRule ${keyOf(rule)}`, `${means}; ${mend}`)];
  });
};

const labelsText = (labels: Readonly<Record<string, unknown>>): string =>
  Object.entries(labels)
    .map(([label, value]) => `${label}=${String(value)}`)
    .join(', ');

/** What a steered route names beside the two versions, with a weight above 0. */
const otherDestinations = (ground: Ground): readonly MeshFinding[] => {
  const { world, steered, target, rules, subsetOf } = ground;
  const subsets = new Set(subsetsIn(rules).map(({ name }) => name));
  const own = new Set([target.canary, target.stable].flatMap(version => [version, subsetOf(version) ?? version]));
  const found = steered.flatMap(({ key, routes }) =>
    routes.flatMap(route =>
      route.destinations.flatMap(destination => {
        const { host, subset } = destination;
        const weight = effectiveWeight(destination, route);
        if (weight === 0) return [];
        const isMissing =
          host === target.host
            ? rules.length > 0 && subset !== undefined && !own.has(subset) && !subsets.has(subset)
            : exists(world, host) === false || lacksSubset(world, host, subset);
        if (!isMissing) return [];
        const what = subset === undefined ? host : `subset ${subset} of ${host}`;
        const means = `the steered route also sends ${weight} of its weights to ${what}, which does not exist, so that part fails`;
        return [finding('OtherDestinationMissing', `VirtualService ${key}`, `${means}; create it, or take the destination out`)];
      }),
    ),
  );
  return [...new Map(found.map(entry => [entry.object + entry.message, entry])).values()];
};

const lacksSubset = (world: MeshWorld, host: string, subset: string | undefined): boolean => {
  if (subset === undefined || !world.sees()) return false;
  const rules = [...world.destinationRules.list()].filter(rule => hostOfRule(rule) === host);
  return !subsetsIn(rules).some(({ name }) => name === subset);
};
