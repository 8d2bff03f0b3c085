import type { Clock } from '../../controller/ports.ts';
import {
  type MeshObservation,
  type ResolvedTarget,
  type Rollout,
  retiringVersion,
  type SteeredObject,
} from '../../rollout/index.ts';
import { namesOfSubsets, subsetsByVersion, versionOfSubset } from './destinationRule.ts';
import { leftoverOf } from './leftover.ts';
import { digestOfOwn, mirroredVersion, ownIn } from './own.ts';
import { positionOf, recordOf, subsetsRecordedBy, versionsRoutedBy } from './position.ts';
import { fieldsOf, getByKey, keyOf, listOf, type MeshObject, type ObjectCache } from './resource.ts';
import { createSubsetSightings } from './subsetSightings.ts';
import { type HttpRoute, lostRoutes, type VersionOfSubset, weightsOf } from './virtualService.ts';

export type MeshCaches = { readonly virtualServices: ObjectCache; readonly destinationRules: ObjectCache };

/** Looks at the objects of a target; one that is gone, or no longer routes to the host, is absent (R29). */
export type Observe = (rollout: Rollout, target: ResolvedTarget) => MeshObservation;

export function createObserver(caches: MeshCaches, clock: Clock): Observe {
  const sightings = createSubsetSightings(clock);
  caches.destinationRules.onChange((before, after) => {
    const object = after ?? before;
    if (object !== undefined) sightings.look(keyOf(object), after);
  });
  return (rollout, target) => {
    const rule = ruleOf(target, caches.destinationRules);
    const objects: SteeredObject[] = [];
    for (const key of target.virtualServices) {
      const virtualService = getByKey(caches.virtualServices, key);
      if (virtualService === undefined) continue;
      if (lostRoutes(virtualService, target.host, target.routes)) {
        return { kind: 'problem', message: lostRoutesMessage(key, target), nothingRoutes: false };
      }
      const object = steeredObject(virtualService, rule, target, rollout);
      if (object !== undefined) objects.push(object);
    }
    if (target.destinationRule !== undefined) sightings.look(target.destinationRule, rule);
    const subsets = sightings.subsets(target.destinationRule, rule, target.versionLabel);
    const retiring = retiringVersion(rollout);
    const leftover = retiring === undefined ? undefined : leftoverOf(retiring, target, caches.virtualServices.list(), rule);
    return { kind: 'resolved', objects, target, subsets, ...(leftover === undefined ? {} : { leftover }) };
  };
}

/** The DestinationRule of the target; `undefined` when there is none. */
export const ruleOf = (target: ResolvedTarget, destinationRules: ObjectCache): MeshObject | undefined =>
  target.destinationRule === undefined ? undefined : getByKey(destinationRules, target.destinationRule);

function lostRoutesMessage(key: string, { host, routes }: ResolvedTarget): string {
  const steered = routes.length === 0 ? 'the unnamed one' : `named ${routes.map(name => `"${name}"`).join(' or ')}`;
  return `VirtualService ${key} has several http routes to ${host} and none is ${steered} that was steered: give the route its name back`;
}

/** What subsets stand for, also one that somebody took out of the rule while a route of this object names it. */
export function versionOfSubsetIn(
  virtualService: MeshObject,
  rule: MeshObject | undefined,
  { versionLabel, uid }: Pick<ResolvedTarget, 'versionLabel'> & { readonly uid: string },
): VersionOfSubset {
  const versionOf = versionOfSubset(rule, versionLabel);
  const known = new Set(rule === undefined ? [] : namesOfSubsets(rule));
  const recorded = new Map(Object.entries(subsetsRecordedBy(virtualService, uid) ?? {}));
  return subset => (known.has(subset) ? undefined : recorded.get(subset)) ?? versionOf(subset);
}

/** Subset to which our mirror leads if it stands, as the status knows it. */
export function mirroredSubset(
  rollout: Pick<Rollout, 'status'>,
  rule: MeshObject | undefined,
  { versionLabel }: Pick<ResolvedTarget, 'versionLabel'>,
): { readonly mirrored?: string } {
  const version = mirroredVersion(rollout);
  if (version === undefined) return {};
  const named = rule === undefined ? undefined : subsetsByVersion(rule, versionLabel).get(version);
  return { mirrored: named ?? version };
}

function steeredObject(
  virtualService: MeshObject,
  rule: MeshObject | undefined,
  target: ResolvedTarget,
  rollout: Rollout,
): SteeredObject | undefined {
  const { host, routes: names } = target;
  const mirrored = mirroredSubset(rollout, rule, target);
  const own = ownIn(virtualService, { uid: rollout.uid, rollout: rollout.name, host, routes: names, ...mirrored });
  const digest = digestOfOwn(own);
  const versionOf = versionOfSubsetIn(virtualService, rule, { ...target, uid: rollout.uid });
  const found = weightsOf(own.steered, host, versionOf, rollout.status?.stableVersion);
  // a route of ours that has lost the steered one still leads to the new version
  const weights = found ?? (digest === undefined ? undefined : { versions: {}, foreign: 0 });
  if (weights === undefined) return undefined;
  const position = positionOf(virtualService, rollout.uid);
  const isAsWritten = digest !== undefined && digest === recordOf(virtualService, rollout.uid)?.written;
  const routes = isAsWritten ? (position?.routes ?? digest) : digest;
  const manager = virtualService.metadata?.routesWriter;
  const earlier = versionsRoutedBy(virtualService, rollout.uid);
  return {
    name: keyOf(virtualService),
    resourceVersion: virtualService.metadata?.resourceVersion ?? '',
    weights: { ...weights, ...(earlier.length === 0 ? {} : { earlier }) },
    ...(position === undefined ? {} : { position }),
    ...(routes === undefined ? {} : { routes }),
    ...(own.routes.some(isUnconditional) ? { takesAll: true } : {}),
    ...(manager === undefined ? {} : { manager }),
  };
}

/** Istio takes no conditions, and a block without any, for all requests. */
const isUnconditional = ({ match }: HttpRoute): boolean =>
  listOf(match).length === 0 || listOf(match).some(block => Object.keys(fieldsOf(block)).every(field => field === 'name'));
