import type { Measurer } from '../../src/controller/measure.ts';
import { createMemory } from '../../src/controller/memory.ts';
import { type Logger, type RolloutStore, type Router, type StoredRollout, SystemError } from '../../src/controller/ports.ts';
import { type Again, type Hands, reconcile } from '../../src/controller/reconcile.ts';
import {
  type Action,
  type Leftover,
  type Measurement,
  type MeshObservation,
  type Position,
  type RolloutSpec,
  type RolloutStatus,
  type SetTraffic,
  splitWeights,
} from '../../src/rollout/index.ts';

export const START_MS = Date.UTC(2026, 10, 21, 14);
const OBJECT = 'weather/forecast';

export const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => quiet };

export const SPEC: RolloutSpec = {
  version: 'v2',
  onDelete: 'keep',
  strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '60s' } }] } },
  analysis: {
    interval: '15s',
    gates: [{ name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 } }],
  },
} as RolloutSpec;

type MeshObject = { weights: Readonly<Record<string, number>>; resourceVersion: number; position?: Position };

/**
 * The ports of the reconciler around a small world. Writes are noted in their order; `refuse` makes the next ones fail.
 * What was written is seen at once, as by caches that know own writes.
 */
export const createFakes = (spec: RolloutSpec = SPEC, objects: readonly string[] = [OBJECT]) => {
  const world = {
    nowMs: START_MS,
    mayWrite: true,
    spec,
    status: undefined as RolloutStatus | undefined,
    request: undefined as string | undefined,
    hasFinalizer: false,
    isDeleting: false,
    /** Bad ones of a hundred. */
    badPercent: 0,
    pods: { v1: 2, v2: 2 } as Record<string, number>,
    notes: [] as string[],
    events: [] as string[],
    measured: [] as Action[],
    /** Whose shares were asked for. */
    compared: [] as string[],
    /** What the version before has left behind. */
    leftover: undefined as Leftover | undefined,
    memory: createMemory(),
    mesh: new Map<string, MeshObject>(objects.map(name => [name, { weights: { v1: 100 }, resourceVersion: 1 }])),
    /** Asked before each write, by what it writes to: `mesh`, `mesh <object>` or `status`; what it answers is thrown. */
    refuse: (_: string): Error | undefined => undefined,
    /** Answers of measurements are held back while set. */
    providerHangs: false,
  };
  const subsets = new Set(['v1']);
  let version = 1;

  const write = async (name: string, change: () => void): Promise<void> => {
    await Promise.resolve();
    const refusal = world.refuse(name);
    world.notes.push(refusal === undefined ? name : `${name} refused`);
    if (refusal !== undefined) throw refusal;
    change();
  };

  const observeMesh = (): MeshObservation => ({
    kind: 'resolved',
    objects: [...world.mesh].map(([name, object]) => ({
      name,
      resourceVersion: String(object.resourceVersion),
      weights: { versions: object.weights, foreign: 0 },
      ...(object.position === undefined ? {} : { position: object.position }),
    })),
    target: {
      router: 'istio',
      host: 'forecast.weather.svc.cluster.local',
      versionLabel: 'version',
      virtualServices: [...world.mesh.keys()],
      routes: ['primary'],
      destinationRule: OBJECT,
    },
    subsets: Object.fromEntries([...subsets].map(name => [name, { name, seenAtMs: START_MS - 60_000 }])),
    ...(world.leftover === undefined ? {} : { leftover: world.leftover }),
  });

  const setTraffic = async ({ object: name, resourceVersion, weight, target, position }: SetTraffic): Promise<void> => {
    const object = world.mesh.get(name);
    if (object === undefined || String(object.resourceVersion) !== resourceVersion)
      throw new SystemError('istio', `writing VirtualService ${name}`, 'conflict', 'it has changed');
    await write(`mesh ${name} ${weight}`, () => {
      const { stable, canary } = splitWeights(100, weight);
      object.weights = { [target.stable]: stable, [target.canary]: canary };
      object.position = position;
      object.resourceVersion += 1;
    });
  };

  const router: Router = {
    resolve: observeMesh,
    observe: observeMesh,
    onChange: () => {},
    ensureSubset: (_, name) => write(`subset ${name}`, () => void subsets.add(name)),
    setTraffic,
    removeDestination: ({ object, version }) => write(`mesh ${object} without ${version}`, () => {}),
    removeSubset: (_, name) => write(`no subset ${name}`, () => void subsets.delete(name)),
  };

  const current = (): StoredRollout => ({
    uid: 'f3b0',
    namespace: 'weather',
    name: 'forecast',
    generation: 1,
    resourceVersion: String(version),
    creationTimestamp: '2026-11-21T14:00:00Z',
    spec: world.spec,
    hasFinalizer: world.hasFinalizer,
    isDeleting: world.isDeleting,
    ...(world.status === undefined ? {} : { status: world.status }),
    ...(world.request === undefined ? {} : { request: world.request }),
  });

  const store: RolloutStore = {
    keys: () => [OBJECT],
    get: () => current(),
    onChange: () => {},
    writeStatus: (_, status) =>
      write('status', () => {
        world.status = JSON.parse(JSON.stringify(status)) as RolloutStatus;
        version += 1;
      }),
    setFinalizer: (_, isWanted) =>
      write(isWanted ? 'finalizer added' : 'finalizer removed', () => {
        world.hasFinalizer = isWanted;
      }),
    removeRequest: () =>
      write('request', () => {
        world.request = undefined;
      }),
  };

  const answer = (action: Extract<Action, { kind: 'measure' }>): void => {
    if (world.memory.step !== action.step) world.memory.measurements.clear();
    world.memory.step = action.step;
    for (const gate of action.gates) {
      const counts = { bad: gate === 'unattributed' ? 0 : world.badPercent * 10, total: 1_000 };
      const measurement: Measurement = { kind: 'counts', atMs: action.atMs, untilMs: action.atMs, counts };
      world.memory.measurements.set(gate, measurement);
    }
  };

  const measurer: Measurer = {
    measure: (_, action, done) => {
      world.measured.push(action);
      if (world.providerHangs) return;
      answer(action);
      done();
    },
    measureReference: ({ memory }, action, done) => {
      world.measured.push(action);
      if (world.providerHangs) return;
      const counts = { bad: 0, total: 1_000 };
      memory.reference = {
        kind: 'measured',
        atMs: action.atMs,
        stableVersion: action.stable,
        normal: { 'prometheus/default': { stable: counts, unattributed: counts } },
      };
      done();
    },
    measureShare: ({ memory, stable, canary }, action, done) => {
      world.compared.push(`${stable.version} ${canary.version}`);
      memory.share = { kind: 'measured', atMs: action.atMs, fromMs: action.fromMs, untilMs: action.atMs, stable: 10, canary: 0 };
      done();
    },
    stop: () => {},
  };

  const hands: Hands = {
    router,
    store,
    workloads: {
      scaleToZero: async ({ version: name }) => {
        await write(`scale ${name}`, () => {
          world.pods[name] = 0;
        });
        return [`weather/forecast-${name}`];
      },
    },
    measurer,
    pods: {
      versions: () =>
        Object.fromEntries(
          Object.entries(world.pods).map(([name, ready]) => [
            name,
            { ready, total: 2, hashes: ready > 0 ? [`${name}a`] : [], workloads: [`forecast-${name}`] },
          ]),
        ),
      onChange: () => {},
    },
    installation: { prometheus: ['default'], zipkin: [] },
    epoch: () => 1,
    events: {
      emit: (_, { reason }) => {
        world.events.push(reason);
        world.notes.push(`event ${reason}`);
      },
    },
    clock: { now: () => world.nowMs },
    logger: quiet,
    onStored: () => {},
    mayWrite: () => world.mayWrite,
  };

  /** One round. */
  const round = (wake: () => void = () => {}): Promise<Again> => reconcile(hands, current(), world.memory, wake);

  /** Rounds until nothing is to be done at this moment; answers when to look again, in ms from now. */
  const rest = async (): Promise<number | undefined> => {
    for (let rounds = 0; rounds < 50; rounds++) {
      let isWoken = false;
      const again = await round(() => {
        isWoken = true;
      });
      if (again.kind === 'now' || isWoken) continue;
      if (again.kind === 'onChange') return undefined;
      if (again.atMs - world.nowMs > 50) return again.atMs - world.nowMs;
      world.nowMs = again.atMs;
    }
    throw new Error(`does not come to rest: ${world.status?.message}`);
  };

  /** Lives on until the status fits, at most for an hour. */
  const live = async (fits: (status: RolloutStatus) => boolean): Promise<void> => {
    const endMs = world.nowMs + 3_600_000;
    while (world.nowMs < endMs) {
      const inMs = await rest();
      if (world.status !== undefined && fits(world.status)) return;
      world.nowMs += inMs ?? 1_000;
    }
    throw new Error(`waiting in vain: ${world.status?.message}`);
  };

  return { world, hands, round, rest, live, current };
};
