import {
  type Leftover,
  type MeshObservation,
  type RemoveDestination,
  type Routes,
  type RouteWeights,
  type SetTraffic,
  type SteeredObject,
  splitWeights,
} from '../rollout/index.ts';

export type MeshObject = {
  name: string;
  resourceVersion: number;
  weights: RouteWeights;
  position?: SetTraffic['position'];
  /** Versions that this Rollout routed to; they travel with the position. */
  routed?: readonly string[];
  /** Header and mirror routes of ours that stand in it. */
  routes?: Routes;
  /** Digest of these, as the position that came with them says. */
  routesDigest?: string;
  takesAll?: true;
  /** Field manager that wrote the routes last, if it was not Sluice. */
  manager?: string;
};

export type Edit = {
  /** The stranger's file knows nothing of annotations, and removes ours. */
  readonly dropPosition?: boolean;
  /** New weight of foreign destinations. */
  readonly foreign?: number;
  /** Who the API server says wrote it. */
  readonly manager?: string;
  /** The stranger removes header and mirror routes of ours too. */
  readonly dropRoutes?: boolean;
  /** The stranger takes the conditions out of a header route of ours. */
  readonly openRoutes?: boolean;
};

export type MeshWrite = {
  readonly atMs: number;
  readonly livedMs: number;
  readonly object: string;
  readonly weight: number;
  readonly step: number;
  readonly reason: string;
  /** The weights that the object had afterwards. */
  readonly versions: Readonly<Record<string, number>>;
  readonly routes?: Routes;
};

/** The routing objects of a simulated world, and the subsets beside them. */
export class SimulatedMesh {
  readonly objects: MeshObject[];
  readonly subsets: Set<string>;
  /** Those that Sluice added itself. */
  readonly addedSubsets = new Set<string>();
  /** Other VirtualServices that refer to a version, by version. */
  readonly references: Record<string, readonly string[]> = {};
  /** Other VirtualServices that route to the host without naming a subset. */
  plainRoutes: readonly string[] = [];

  constructor(objects: Readonly<Record<string, RouteWeights>>, subsets: readonly string[]) {
    this.objects = Object.entries(objects).map(([name, weights]) => ({ name, weights, resourceVersion: 1 }));
    this.subsets = new Set(subsets);
  }

  object(name: string): MeshObject {
    const found = this.objects.find(object => object.name === name);
    if (found === undefined) throw new Error(`looking for ${name}: the world has no such object`);
    return found;
  }

  /** A stranger writes weights; the annotation stays unless the edit says otherwise. */
  edit(name: string, versions: Readonly<Record<string, number>>, edit: Edit): void {
    const object = this.object(name);
    object.weights = { versions, foreign: edit.foreign ?? object.weights.foreign };
    object.resourceVersion += 1;
    if (edit.manager !== undefined) object.manager = edit.manager;
    if (edit.dropPosition) {
      delete object.position;
      delete object.routed;
    }
    if (edit.dropRoutes) {
      delete object.routes;
      delete object.routesDigest;
    }
    if (edit.openRoutes) {
      object.takesAll = true;
      object.routesDigest = 'opened';
    }
  }

  remove(name: string): void {
    this.objects.splice(this.objects.indexOf(this.object(name)), 1);
  }

  /** Carries out a write whose resource version fits. */
  apply(object: MeshObject, action: SetTraffic): void {
    object.weights = steer(object.weights, action, object.routed ?? []);
    object.position = action.position;
    object.routed = [...new Set([...(object.routed ?? []), action.target.stable, action.target.canary])];
    object.resourceVersion += 1;
    delete object.manager;
    delete object.takesAll;
    if (action.routes === undefined) delete object.routes;
    else object.routes = action.routes;
    if (action.position.routes === undefined) delete object.routesDigest;
    else object.routesDigest = action.position.routes;
  }

  addSubset(version: string): void {
    if (!this.subsets.has(version)) this.addedSubsets.add(version);
    this.subsets.add(version);
  }

  removeSubset(version: string): void {
    this.subsets.delete(version);
    this.addedSubsets.delete(version);
  }

  removeDestination(object: MeshObject, { version, position }: RemoveDestination): void {
    const { [version]: _, ...versions } = object.weights.versions;
    object.weights = { ...object.weights, versions };
    object.position = position;
    object.resourceVersion += 1;
    delete object.manager;
  }

  /** What is left of a version. */
  leftover(version: string): Leftover {
    const naming = this.objects.filter(({ weights }) => Object.hasOwn(weights.versions, version));
    const [live, idle] = [true, false].map(isLive =>
      naming.filter(({ weights }) => (weights.versions[version] ?? 0) > 0 === isLive).map(({ name }) => name),
    );
    return {
      version,
      destinationsIn: idle ?? [],
      referredBy: [...(live ?? []), ...(this.references[version] ?? [])],
      hasOwnSubset: this.addedSubsets.has(version),
      ...(this.plainRoutes.length === 0 ? {} : { reachedBy: this.plainRoutes }),
    };
  }

  /** Share of a version in percent in one object. */
  weightOf(version: string, name: string): number {
    const { versions, foreign } = this.object(name).weights;
    const total = Object.values(versions).reduce((sum, weight) => sum + weight, 0);
    return foreign + total === 0
      ? 0
      : (100 * (Object.hasOwn(versions, version) ? (versions[version] ?? 0) : 0)) / (foreign + total);
  }

  /** As a process sees it that first saw the subsets at these times. */
  observe(
    place: { readonly host: string; readonly rule: string },
    seenAtMs: (subset: string) => number,
  ): Extract<MeshObservation, { kind: 'resolved' }> {
    const subsets: Record<string, { name: string; seenAtMs: number }> = {};
    for (const name of this.subsets) subsets[name] = { name, seenAtMs: seenAtMs(name) };
    return {
      kind: 'resolved',
      objects: this.objects.map(observed),
      target: {
        router: 'istio',
        host: place.host,
        versionLabel: 'version',
        virtualServices: this.objects.map(({ name }) => name),
        routes: [],
        destinationRule: place.rule,
      },
      subsets,
    };
  }
}

const observed = ({
  name,
  resourceVersion,
  weights,
  routed,
  position,
  routesDigest,
  takesAll,
  manager,
}: MeshObject): SteeredObject => ({
  name,
  resourceVersion: String(resourceVersion),
  weights: routed === undefined ? weights : { versions: weights.versions, foreign: weights.foreign, earlier: routed },
  ...(position === undefined ? {} : { position }),
  ...(routesDigest === undefined ? {} : { routes: routesDigest }),
  ...(takesAll === undefined ? {} : { takesAll }),
  ...(manager === undefined ? {} : { manager }),
});

/** What the router does to the weights: foreign destinations keep theirs, the two versions share the rest. */
const steer = ({ versions, foreign }: RouteWeights, { target, weight }: SetTraffic, routed: readonly string[]): RouteWeights => {
  const { stable, canary } = target;
  const others = Object.entries(versions).filter(
    ([name]) => name !== stable && name !== canary && name !== '*' && !routed.includes(name),
  );
  const taken = foreign + others.reduce((sum, [, share]) => sum + share, 0);
  const split = splitWeights(100 - taken, weight);
  const both = stable === canary ? { [stable]: 100 - taken } : { [stable]: split.stable, [canary]: split.canary };
  return { versions: { ...Object.fromEntries(others), ...both }, foreign };
};
