import { type Clock, type Router, SystemError } from '../../controller/ports.ts';
import type { MeshObservation, Rollout, SetTraffic, Target } from '../../rollout/index.ts';
import { concernedHosts } from './concernedHosts.ts';
import { addSubset, SubsetTakenError, subsetsByVersion, versionOfSubset } from './destinationRule.ts';
import { leftoverOf } from './leftover.ts';
import { createObserver, type MeshCaches, type Observe, ruleOf } from './observe.ts';
import { anythingRoutesTo, hostOf, ResolveProblem, resolveTarget } from './resolve.ts';
import { getByKey, type JsonPatchOperation, keyOf, type MeshKind, type MeshObject, namespaceOf, splitKey } from './resource.ts';
import { removeDestinations, removeSubsets } from './retirePatch.ts';
import { editTraffic, NothingToShareError } from './trafficPatch.ts';
import { steeredRoutes } from './virtualService.ts';

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

/** Steers traffic with the weights of VirtualServices and the subsets of a DestinationRule. */
export function createIstioRouter(deps: IstioRouterDeps): Router {
  const observe = createObserver(deps, deps.clock);
  return {
    resolve: rollout => resolve(rollout, deps, observe),
    observe,
    onChange(callback) {
      const report = (kind: MeshKind) => (before: MeshObject | undefined, after: MeshObject | undefined) => {
        const object = after ?? before;
        const namespace = object === undefined ? '' : namespaceOf(object);
        for (const host of concernedHosts(kind, before, after)) callback({ namespace, ...(host === undefined ? {} : { host }) });
      };
      deps.virtualServices.onChange(report('VirtualService'));
      deps.destinationRules.onChange(report('DestinationRule'));
    },
    async ensureSubset(target, version) {
      const operation = `adding subset "${version}" to DestinationRule ${target.destinationRule ?? `for ${target.host}`}`;
      const rule = ruleOf(target, deps.destinationRules);
      if (rule === undefined) {
        throw new SystemError(SYSTEM, operation, 'notFound', 'it does not exist; create it with a subset for each version');
      }
      const operations = subsetOperations(rule, target, version, operation);
      if (operations.length > 0) await write(deps, 'DestinationRule', keyOf(rule), operations);
    },
    async setTraffic(request, uid) {
      const operation = `setting ${request.weight} % in VirtualService ${request.object}`;
      const virtualService = asObserved(deps, request, operation);
      const rule = ruleOf(request.target, deps.destinationRules);
      const operations = trafficOperations(virtualService, rule, { request, uid, operation });
      await write(deps, 'VirtualService', request.object, operations);
    },
    async removeDestination(request, uid) {
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

function subsetOperations(rule: MeshObject, target: Target, version: string, operation: string): readonly JsonPatchOperation[] {
  try {
    return addSubset(rule, target.versionLabel, version);
  } catch (error) {
    if (!(error instanceof SubsetTakenError)) throw error;
    throw new SystemError(SYSTEM, operation, 'refused', error.message, { cause: error });
  }
}

function trafficOperations(
  virtualService: MeshObject,
  rule: MeshObject | undefined,
  { request, uid, operation }: { readonly request: SetTraffic; readonly uid: string; readonly operation: string },
): readonly JsonPatchOperation[] {
  const { target, weight, position } = request;
  const { host, routes, versionLabel, stable, canary } = target;
  if (steeredRoutes(virtualService, host, routes).length === 0) {
    throw new SystemError(SYSTEM, operation, 'notFound', `it has no http route to ${host} that was steered`);
  }
  const subsets: ReadonlyMap<string, string> = rule === undefined ? new Map() : subsetsByVersion(rule, versionLabel);
  const named = (version: string) => ({ version, subset: subsets.get(version) ?? version });
  const versionOf = versionOfSubset(rule, versionLabel);
  try {
    const ours = { stable: named(stable), canary: named(canary), versionOf, uid, position };
    return editTraffic(virtualService, { host, routes, weightPercent: weight, ...ours });
  } catch (error) {
    if (!(error instanceof NothingToShareError)) throw error;
    throw new SystemError(SYSTEM, operation, 'refused', error.message, { cause: error });
  }
}
