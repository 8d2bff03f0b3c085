import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createController } from '../../src/controller/controller.ts';
import type { StoredRollout } from '../../src/controller/ports.ts';
import type { RolloutSpec } from '../../src/rollout/index.ts';
import { createFakes, SPEC } from './fakes.ts';

type Change = { readonly namespace: string };

/** A controller over a store whose changes the test makes; each round is noted by its rollout. */
const controlled = () => {
  const { hands, world } = createFakes();
  const rollouts = new Map<string, StoredRollout>();
  const rounds: string[] = [];
  const changed = { store: (_: string) => {}, router: (_: Change) => {}, pods: (_: Change) => {} };
  /** Stands for all that goes wrong unexpectedly. */
  const breaks = new Set<string>();
  const observed: { readonly failed: boolean }[] = [];
  const controller = createController(
    {
      ...hands,
      clock: { now: () => Date.now() },
      store: {
        ...hands.store,
        keys: () => [...rollouts.keys()],
        get: key => rollouts.get(key),
        onChange: callback => {
          changed.store = callback;
        },
        writeStatus: async (rollout, status) => {
          rollouts.set(`${rollout.namespace}/${rollout.name}`, { ...rollout, status });
        },
      },
      router: {
        ...hands.router,
        resolve: () => ({ kind: 'problem', message: 'nothing routes yet', nothingRoutes: false }),
        onChange: callback => {
          changed.router = callback;
        },
      },
      pods: {
        ...hands.pods,
        versions: (namespace, host, label) => {
          rounds.push(`${namespace}/${host}`);
          if (breaks.has(host)) throw new TypeError('nobody thought of this');
          return hands.pods.versions(namespace, host, label);
        },
        onChange: callback => {
          changed.pods = callback;
        },
      },
    },
    round => observed.push(round),
  );
  const put = (namespace: string, name: string, spec: Partial<RolloutSpec> = {}, uid = name): string => {
    const key = `${namespace}/${name}`;
    rollouts.set(key, {
      uid,
      namespace,
      name,
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: '2026-11-21T14:00:00Z',
      spec: { ...SPEC, ...spec },
      status: { phase: 'Pending', reason: 'WaitingForMesh', message: '', observedGeneration: 1 },
    });
    return key;
  };
  /** Rounds since the last look. */
  const taken = async (): Promise<readonly string[]> => {
    await vi.advanceTimersByTimeAsync(0);
    return [...new Set(rounds.splice(0))];
  };
  return { controller, world, rollouts, rounds, changed, breaks, observed, put, taken };
};

describe('the controller', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('looks at a rollout when it changes, and at all of them when it is asked to', async () => {
    const { controller, changed, put, taken } = controlled();
    const a = put('weather', 'a');
    put('books', 'b');
    changed.store(a);
    expect(await taken()).toEqual(['weather/a']);
    controller.wakeAll();
    expect(await taken()).toEqual(['weather/a', 'books/b']);
    expect(controller.depth()).toBe(0);
  });

  it('pods and routes wake the rollouts of their namespace, and those that steer there', async () => {
    const { changed, put, taken } = controlled();
    put('weather', 'a');
    put('books', 'b');
    put('books', 'c', { router: { istio: { virtualServices: ['gateways/shared'] } } });
    changed.pods({ namespace: 'weather' });
    expect(await taken()).toEqual(['weather/a']);
    changed.router({ namespace: 'gateways' });
    expect(await taken()).toEqual(['books/c']);
    changed.router({ namespace: 'nobody' });
    expect(await taken()).toEqual([]);
  });

  it('a round that breaks is tried again after five seconds, is told, and stops nobody else', async () => {
    const { controller, breaks, observed, put, taken } = controlled();
    put('weather', 'a');
    put('weather', 'b');
    breaks.add('a');
    controller.wakeAll();
    expect(await taken()).toEqual(['weather/a', 'weather/b']);
    expect(observed.filter(({ failed }) => failed)).toHaveLength(1);
    breaks.clear();
    await vi.advanceTimersByTimeAsync(4_999);
    expect(await taken()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await taken()).toContain('weather/a');
  });

  it('a deleted rollout is forgotten', async () => {
    const { controller, rollouts, breaks, changed, put, taken } = controlled();
    const a = put('weather', 'a');
    breaks.add('a');
    changed.store(a);
    await taken();
    rollouts.delete(a);
    changed.store(a);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await taken()).toEqual([]);
    await controller.stop();
  });

  it('stops with nothing in hand, and looks at nothing any more', async () => {
    const { controller, changed, put, taken } = controlled();
    const a = put('weather', 'a');
    await controller.stop();
    changed.store(a);
    controller.wakeAll();
    expect(await taken()).toEqual([]);
  });
});
