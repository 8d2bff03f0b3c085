import type { Action, RemoveDestination, RolloutStatus, SetTraffic, VersionPods } from '../rollout/index.ts';
import type { MeshObject, MeshWrite, SimulatedMesh } from './mesh.ts';
import { ask, type Measured } from './providers.ts';

/** What writes of a process change in a world. */
type Written = Measured & {
  readonly livedMs: number;
  readonly mesh: SimulatedMesh;
  readonly pods: Record<string, VersionPods>;
  readonly meshWrites: MeshWrite[];
  readonly counts: { mesh: number; subset: number; request: number; finalizer: number; measured: number; scale: number };
  readonly meshRefuses: string | undefined;
  request: string | undefined;
  hasFinalizer: boolean;
  conflicts: number;
  beforeMeshWrite: (() => void) | undefined;
  /** Takes its time, and may be what the process dies of. */
  write(change: () => void): void;
  setPods(version: string, ready: number): void;
};

/** How an action went; `asked`: nothing was written, an answer comes later. */
export type Performed = 'done' | 'failed' | 'conflict' | 'asked';

/** Carries out one action of a decision. */
export const perform = (world: Written, action: Action, status: RolloutStatus): Performed => {
  switch (action.kind) {
    case 'setTraffic':
      return setTraffic(world, action);
    case 'removeDestination':
      return writeObject(world, action, object => world.mesh.removeDestination(object, action));
    case 'measure':
    case 'measureReference':
    case 'measureShare':
      if (ask(world, action, status)) world.counts.measured += 1;
      return 'asked';
    case 'ensureSubset':
      return ensureSubset(world, action.version);
    case 'removeSubset':
      world.write(() => world.mesh.removeSubset(action.version));
      world.counts.subset += 1;
      return 'done';
    case 'scaleToZero':
      world.write(() => world.setPods(action.version, 0));
      delete world.pods[action.version];
      world.counts.scale += 1;
      return 'done';
    case 'setFinalizer':
      world.write(() => {
        world.hasFinalizer = action.isWanted;
      });
      world.counts.finalizer += 1;
      return 'done';
    case 'removeRequest':
      world.write(() => {
        if (world.request === action.request) world.request = undefined;
      });
      world.counts.request += 1;
      return 'done';
  }
};

const ensureSubset = (world: Written, version: string): Performed => {
  if (world.meshRefuses !== undefined) {
    world.memory.writeError = world.meshRefuses;
    return 'failed';
  }
  world.write(() => world.mesh.addSubset(version));
  world.counts.subset += 1;
  world.memory.writeError = undefined;
  return 'done';
};

const setTraffic = (world: Written, action: SetTraffic): Performed =>
  writeObject(world, action, object => {
    world.mesh.apply(object, action);
    world.meshWrites.push({
      atMs: world.nowMs,
      livedMs: world.livedMs,
      object: object.name,
      weight: action.weight,
      step: action.position.step,
      reason: action.position.reason,
      versions: object.weights.versions,
      ...(object.routes === undefined ? {} : { routes: object.routes }),
    });
  });

const writeObject = (world: Written, action: SetTraffic | RemoveDestination, change: (object: MeshObject) => void): Performed => {
  world.beforeMeshWrite?.();
  world.beforeMeshWrite = undefined;
  const object = world.mesh.objects.find(({ name }) => name === action.object);
  if (world.meshRefuses !== undefined) {
    world.memory.writeError = world.meshRefuses;
    return 'failed';
  }
  if (object !== undefined && world.conflicts > 0) {
    world.conflicts -= 1;
    object.resourceVersion += 1;
  }
  if (object === undefined || String(object.resourceVersion) !== action.resourceVersion) return 'conflict';
  world.write(() => change(object));
  world.counts.mesh += 1;
  world.memory.writeError = undefined;
  return 'done';
};
