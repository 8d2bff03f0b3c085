import { inProgress } from '../rollout/index.ts';
import { createMemory, type Memory } from './memory.ts';
import { steeredRoutes } from './observe.ts';
import type { Key, StoredRollout } from './ports.ts';
import { createQueue } from './queue.ts';
import { type Hands, keyOf, reconcile } from './reconcile.ts';
import { createRivals } from './rivals.ts';

export type Controller = {
  /** Looks at every rollout, e.g. after caches were filled or the lease was won. */
  wakeAll(): void;
  /** Looks at one rollout, e.g. after a person has answered. */
  wake(key: Key): void;
  depth(): number;
  /** Finishes the action in hand and stops. */
  stop(): Promise<void>;
};

/** What telemetry wants to know about each round. */
export type RoundObserver = (round: {
  readonly seconds: number;
  /** How long the rollout had been due when the round began. */
  readonly lagSeconds: number;
  readonly failed: boolean;
}) => void;

const CRASHED_RETRY_MS = 5_000;

/** Wakes rollouts when they, their routing objects or their pods change, and reconciles each one by itself. */
export const createController = (
  hands: Hands,
  onRound: RoundObserver = () => {},
  onRoundEnded: (key: Key) => void = () => {},
): Controller => {
  const { store, router, pods, clock, logger } = hands;
  const memories = new Map<Key, { readonly uid: string; readonly memory: Memory }>();

  const memoryOf = ({ uid, ...rollout }: StoredRollout): Memory => {
    const key = keyOf(rollout);
    const known = memories.get(key);
    if (known?.uid === uid) return known.memory;
    const memory = createMemory();
    memories.set(key, { uid, memory });
    return memory;
  };

  const work = async (key: Key, dueAtMs: number): Promise<void> => {
    const rollout = store.get(key);
    if (rollout === undefined) {
      memories.delete(key);
      queue.forget(key);
      onRoundEnded(key);
      return;
    }
    const startedMs = clock.now();
    let isFailed = false;
    try {
      const again = await reconcile({ ...hands, rivals }, rollout, memoryOf(rollout), () => queue.add(key));
      if (again.kind === 'now') queue.add(key);
      if (again.kind === 'at') queue.addAt(key, again.atMs);
    } catch (error) {
      isFailed = true;
      logger.error({ rollout: key, err: error }, 'reconciling failed');
      queue.addAt(key, clock.now() + CRASHED_RETRY_MS);
    }
    onRoundEnded(key);
    const seconds = (clock.now() - startedMs) / 1000;
    onRound({ seconds, lagSeconds: Math.max(0, startedMs - dueAtMs) / 1000, failed: isFailed });
  };

  const queue = createQueue(clock, work);
  const rivals = createRivals({
    keys: store.keys,
    get: store.get,
    resolve: rollout => steeredRoutes(router, rollout),
    wake: queue.add,
  });

  /** A change of pods or routes in a namespace may concern the rollouts of that namespace, and those that steer there. */
  const concerns = (key: Key, namespace: string): boolean => {
    const rollout = store.get(key);
    if (rollout === undefined) return false;
    if (rollout.namespace === namespace) return true;
    const { status, spec } = rollout;
    const steered = inProgress(status) ? status.target.virtualServices : (spec.router?.istio?.virtualServices ?? []);
    return steered.some(name => name.startsWith(`${namespace}/`));
  };
  const wakeNamespace = ({ namespace }: { readonly namespace: string }): void => {
    for (const key of store.keys()) if (concerns(key, namespace)) queue.add(key);
  };

  store.onChange(key => {
    rivals.changed(key);
    queue.add(key);
  });
  router.onChange(wakeNamespace);
  pods.onChange(wakeNamespace);

  return {
    wakeAll: () => {
      for (const key of store.keys()) queue.add(key);
    },
    wake: queue.add,
    depth: queue.depth,
    stop: async () => {
      hands.measurer.stop();
      await queue.stop();
    },
  };
};
