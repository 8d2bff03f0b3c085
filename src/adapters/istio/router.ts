import { type Clock, type Owner, type Router, SystemError } from '../../controller/ports.ts';
import type { MeshObservation, Reason, Rollout, SetTraffic, Target } from '../../rollout/index.ts';
import { concernsOf } from './concerns.ts';
import { addSubset, SubsetTakenError, subsetsByVersion } from './destinationRule.ts';
import { refuseCallersOfRoots } from './headerRoutes.ts';
import { leftoverOf } from './leftover.ts';
import { refuseMirrorsOfRoots } from './mirrorEntry.ts';
import { createObserver, type MeshCaches, mirroredSubset, type Observe, ruleOf, versionOfSubsetIn } from './observe.ts';
import { ownIn } from './own.ts';
import { subsetsRecordedFor } from './position.ts';
import { ResolveProblem } from './reference.ts';
import { anythingRoutesTo, hostOf, resolveTarget } from './resolve.ts';
import {
  getByKey,
  type JsonPatchOperation,
  keyOf,
  type MeshKind,
  type MeshObject,
  type ObjectCache,
  splitKey,
} from './resource.ts';
import { removeDestinations, removeSubsets } from './retirePatch.ts';
import { RouteRefusedError } from './trafficEdit.ts';
import { editTraffic } from './trafficPatch.ts';
import { routesTo } from './virtualService.ts';

export type IstioRouterDeps = MeshCaches & {
  /** Sends a JSON Patch and returns the object as it is now; throws SystemError. */
  readonly patch: (
    kind: MeshKind,
    namespace: string,
    name: string,
    operations: readonly JsonPatchOperation[],
  ) => Promise<MeshObject>;
  /** Reads one object from the API server; `undefined` when it is gone. Throws SystemError. */
  readonly refresh: (kind: MeshKind, namespace: string, name: string) => Promise<MeshObject | undefined>;
  readonly clock: Clock;
};

const SYSTEM = 'istio';

/** Reasons of writes that take traffic away: what cannot stand beside the weight must not keep them from it (R26). */
const PUT_DOWN: ReadonlySet<Reason> = new Set(['DriftPutDown', 'PodsLost']);

/** Steers traffic with the weights of VirtualServices and the subsets of a DestinationRule. */
export function createIstioRouter(deps: IstioRouterDeps): Router {
  const observe = createObserver(deps, deps.clock);
  return {
    resolve: rollout => resolve(rollout, deps, observe),
    observe,
    onChange(callback) {
      const report = (kind: MeshKind) => (before: MeshObject | undefined, after: MeshObject | undefined) => {
        for (const concern of concernsOf(kind, before, after, deps.virtualServices)) callback(concern);
      };
      deps.virtualServices.onChange(report('VirtualService'));
      deps.destinationRules.onChange(report('DestinationRule'));
    },
    async ensureSubset(target, version) {
      const { rule, operations } = subsetWrite(deps, target, version);
      if (operations.length > 0) await write(deps, 'DestinationRule', keyOf(rule), operations);
    },
    async setTraffic(request, owner) {
      const operation = `setting ${request.weight} % in VirtualService ${request.object}`;
      const virtualService = asObserved(deps, request, operation);
      const rule = ruleOf(request.target, deps.destinationRules);
      const all = deps.virtualServices;
      const operations = trafficOperations(virtualService, rule, { request, owner, operation, all });
      await write(deps, 'VirtualService', request.object, operations);
    },
    async removeDestination(request, { uid }) {
      const operation = `taking version ${request.version} out of VirtualService ${request.object}`;
      const virtualService = asObserved(deps, request, operation);
      const rule = ruleOf(request.target, deps.destinationRules);
      const operations = removeDestinations(virtualService, rule, request, uid);
      if (operations.length > 0) await write(deps, 'VirtualService', request.object, operations);
    },
    async removeSubset(target, version) {
      const rule = ruleOf(target, deps.destinationRules);
      if (rule === undefined) return;
      const { destinationsIn, referredBy } = leftoverOf(version, target, deps.virtualServices.list(), rule);
      const [reference] = [...destinationsIn, ...referredBy];
      if (reference !== undefined) {
        const operation = `removing the subset for ${version} from DestinationRule ${keyOf(rule)}`;
        throw new SystemError(SYSTEM, operation, 'refused', `VirtualService ${reference} refers to it`);
      }
      const operations = removeSubsets(rule, target.versionLabel, version);
      if (operations.length > 0) await write(deps, 'DestinationRule', keyOf(rule), operations);
    },
  };
}

/** What adds the subset for a version to the DestinationRule; nothing when it is there. Throws SystemError. */
export function subsetWrite(
  caches: MeshCaches,
  target: Target,
  version: string,
): { readonly rule: MeshObject; readonly operations: readonly JsonPatchOperation[] } {
  const operation = `adding subset "${version}" to DestinationRule ${target.destinationRule ?? `for ${target.host}`}`;
  const rule = ruleOf(target, caches.destinationRules);
  if (rule === undefined) {
    throw new SystemError(SYSTEM, operation, 'notFound', 'it does not exist; create it with a subset for each version');
  }
  const routing = target.virtualServices.flatMap(key => getByKey(caches.virtualServices, key) ?? []);
  const name = routing.flatMap(object => nameInRoutes(object, target.host, version) ?? [])[0] ?? version;
  return { rule, operations: subsetOperations(rule, { target, version, name }, operation) };
}

/** The object of a write, if it is still the one that the decision was made on. Throws SystemError. */
function asObserved(
  { virtualServices }: MeshCaches,
  { object, resourceVersion }: Pick<SetTraffic, 'object' | 'resourceVersion'>,
  operation: string,
): MeshObject {
  const virtualService = getByKey(virtualServices, object);
  if (virtualService === undefined) throw new SystemError(SYSTEM, operation, 'notFound', 'it does not exist any more');
  if (virtualService.metadata?.resourceVersion === resourceVersion) return virtualService;
  throw new SystemError(SYSTEM, operation, 'conflict', 'it has changed since it was observed');
}

function resolve(rollout: Rollout, caches: MeshCaches, observe: Observe): MeshObservation {
  try {
    return observe(rollout, resolveTarget(rollout, caches));
  } catch (error) {
    if (!(error instanceof ResolveProblem)) throw error;
    const nothingRoutes = !anythingRoutesTo(hostOf(rollout), caches.virtualServices);
    return { kind: 'problem', message: error.message, nothingRoutes };
  }
}

async function write(
  deps: IstioRouterDeps,
  kind: MeshKind,
  key: string,
  operations: readonly JsonPatchOperation[],
): Promise<void> {
  const { namespace, name } = splitKey(key);
  const cache = kind === 'VirtualService' ? deps.virtualServices : deps.destinationRules;
  try {
    cache.put(await deps.patch(kind, namespace, name, operations));
  } catch (error) {
    // The watch may lag behind the write that was in the way; the next decision must not be made on the same old object.
    if (error instanceof SystemError && error.kind === 'conflict') {
      const now = await deps.refresh(kind, namespace, name);
      if (now !== undefined) cache.put(now);
    }
    throw error;
  }
}

function subsetOperations(
  rule: MeshObject,
  { target, version, name }: { readonly target: Target; readonly version: string; readonly name: string },
  operation: string,
): readonly JsonPatchOperation[] {
  try {
    return addSubset(rule, target.versionLabel, version, name);
  } catch (error) {
    if (!(error instanceof SubsetTakenError)) throw error;
    throw new SystemError(SYSTEM, operation, 'refused', error.message, { cause: error });
  }
}

/** The subset that routes to the host name for the version, if it was not named like it when they were written. */
const nameInRoutes = (virtualService: MeshObject, host: string, version: string): string | undefined => {
  const named = routesTo(virtualService, host).flatMap(({ destinations }) => destinations.filter(one => one.host === host));
  return subsetsRecordedFor(virtualService, version).find(name => named.some(({ subset }) => subset === name));
};

type TrafficWrite = {
  readonly request: SetTraffic;
  readonly owner: Owner;
  readonly operation: string;
  /** All VirtualServices. */
  readonly all: ObjectCache;
};

/** The JSON Patch of one write of traffic. Throws SystemError. */
export function trafficOperations(
  virtualService: MeshObject,
  rule: MeshObject | undefined,
  { request, owner, operation, all }: TrafficWrite,
): readonly JsonPatchOperation[] {
  const { target, weight, position } = request;
  const { host, routes, versionLabel, stable, canary } = target;
  const { uid, name: rollout } = owner;
  const mirrored = mirroredSubset(owner, rule, target);
  const own = ownIn(virtualService, { uid, rollout, host, routes, ...mirrored });
  if (own.steered.length === 0 && own.routes.length === 0) {
    throw new SystemError(SYSTEM, operation, 'notFound', `it has no http route to ${host} that was steered`);
  }
  const subsets: ReadonlyMap<string, string> = rule === undefined ? new Map() : subsetsByVersion(rule, versionLabel);
  const subsetOf = (version: string) => subsets.get(version) ?? nameInRoutes(virtualService, host, version) ?? version;
  const named = (version: string) => ({ version, subset: subsetOf(version) });
  const versionOf = versionOfSubsetIn(virtualService, rule, { versionLabel, uid });
  try {
    const ours = { stable: named(stable), canary: named(canary), versionOf, uid, rollout, position, ...mirrored };
    const beside = request.routes === undefined ? {} : { beside: request.routes };
    if (request.routes?.mirror !== undefined) refuseMirrorsOfRoots(virtualService, all.list());
    refuseCallersOfRoots(virtualService, all.list(), request.routes?.headerRoutes ?? []);
    return editTraffic(virtualService, { host, routes, weightPercent: weight, ...beside, ...ours });
  } catch (error) {
    if (!(error instanceof RouteRefusedError)) throw error;
    const { routes: beside, ...weightOnly } = request;
    if (beside !== undefined && PUT_DOWN.has(position.reason)) {
      return trafficOperations(virtualService, rule, { request: weightOnly, owner, operation, all });
    }
    throw new SystemError(SYSTEM, operation, 'refused', error.message, { cause: error });
  }
}
