import { describe, expect, it } from 'vitest';
import { createMemory } from '../../src/controller/memory.ts';
import { observe } from '../../src/controller/observe.ts';
import type { StoredRollout } from '../../src/controller/ports.ts';
import { createRivals } from '../../src/controller/rivals.ts';
import type { ResolvedTarget } from '../../src/rollout/index.ts';
import { createFakes, SPEC } from './fakes.ts';

const target = (object: string, routes: readonly string[] = [], host = 'forecast.weather.svc.cluster.local'): ResolvedTarget => ({
  router: 'istio',
  host,
  versionLabel: 'version',
  virtualServices: [object],
  routes,
});

/** Rollouts with what each of them steers. */
const createScene = () => {
  const rollouts = new Map<string, StoredRollout>();
  const targets = new Map<string, ResolvedTarget>();
  const woken: string[] = [];
  let resolved = 0;
  const rivals = createRivals({
    keys: () => [...rollouts.keys()],
    get: key => rollouts.get(key),
    resolve: ({ namespace, name }) => {
      resolved += 1;
      if (name === 'broken') throw new TypeError('nobody thought of this');
      return targets.get(`${namespace}/${name}`);
    },
    wake: key => woken.push(key),
  });
  const put = (name: string, createdAt: string, steers: ResolvedTarget | undefined, uid = name): string => {
    const key = `weather/${name}`;
    const creationTimestamp = `2026-11-21T${createdAt}:00Z`;
    rollouts.set(key, { uid, namespace: 'weather', name, generation: 1, resourceVersion: '1', creationTimestamp, spec: SPEC });
    if (steers === undefined) targets.delete(key);
    else targets.set(key, steers);
    return key;
  };
  const look = (key: string): string | undefined => {
    const rollout = rollouts.get(key);
    if (rollout === undefined) throw new Error(`looking at ${key}: there is no such Rollout`);
    return rivals.olderThan(rollout, targets.get(key));
  };
  const remove = (key: string): void => {
    rollouts.delete(key);
    rivals.changed(key);
  };
  return { rivals, rollouts, targets, woken, put, look, remove, resolved: () => resolved };
};

describe('Rollouts that steer one route', () => {
  it('R12: the younger one is told of the older one, whichever is looked at first', () => {
    const { put, look } = createScene();
    const young = put('young', '12:00', target('weather/forecast'));
    const old = put('old', '11:00', target('weather/forecast'));
    expect(look(young)).toBe(old);
    expect(look(old)).toBeUndefined();
  });

  it('R12: of equal age the smaller uid is the older one; of several the oldest is named', () => {
    const { put, look } = createScene();
    const b = put('b', '12:00', target('weather/forecast'), 'uid-2');
    const a = put('a', '12:00', target('weather/forecast'), 'uid-1');
    const c = put('c', '13:00', target('weather/forecast'));
    expect([look(a), look(b), look(c)]).toEqual([undefined, a, a]);
  });

  it('R12: other routes, hosts or objects are no rivals', () => {
    const { put, look } = createScene();
    put('old', '11:00', target('weather/forecast', ['primary']));
    const keys = [
      put('route', '12:00', target('weather/forecast', ['beta'])),
      put('unnamed', '12:00', target('weather/forecast')),
      put('object', '12:00', target('weather/other', ['primary'])),
      put('host', '12:00', target('weather/forecast', ['primary'], 'ratings.weather.svc.cluster.local')),
      put('nowhere', '12:00', undefined),
    ];
    expect(keys.map(look)).toEqual(keys.map(() => undefined));
    expect(look(put('same', '12:00', target('weather/forecast', ['beta', 'primary'])))).toBe('weather/old');
  });

  it('R12: when the older one goes, or steers elsewhere, the younger one is woken', () => {
    const { put, look, remove, woken, targets } = createScene();
    const old = put('old', '11:00', target('weather/forecast'));
    const young = put('young', '12:00', target('weather/forecast'));
    expect(look(young)).toBe(old);
    expect(woken).toEqual([]);
    targets.set(old, target('weather/elsewhere'));
    look(old);
    expect(woken.splice(0)).toEqual([young]);
    expect(look(young)).toBeUndefined();
    targets.set(old, target('weather/forecast'));
    look(old);
    expect(woken.splice(0)).toEqual([young]);
    expect(look(young)).toBe(old);
    remove(old);
    expect(woken).toEqual([young]);
    expect(look(young)).toBeUndefined();
  });

  it('R12: one that comes later is known before anybody else is looked at', () => {
    const { put, look, rivals } = createScene();
    const first = put('first', '12:00', target('weather/forecast'));
    expect(look(first)).toBeUndefined();
    rivals.changed(put('restored', '10:00', target('weather/forecast')));
    expect(look(first)).toBe('weather/restored');
  });

  it('one that cannot be resolved stops nobody', () => {
    const { put, look } = createScene();
    put('broken', '11:00', target('weather/forecast'));
    const young = put('young', '12:00', target('weather/forecast'));
    expect(look(young)).toBeUndefined();
  });

  it('each of 500 is resolved once at most, and not again by looking again', () => {
    const { put, look, resolved } = createScene();
    const keys = Array.from({ length: 500 }, (_, i) => put(`r${i}`, '12:00', target(`weather/r${i}`)));
    const [first = ''] = keys;
    look(first);
    expect(resolved()).toBe(500);
    for (let i = 0; i < 1_000; i++) look(first);
    expect(resolved()).toBe(500);
  });

  it('R12, R20: an older rival and a freeze are part of what is observed; the rival by the attempt in progress', () => {
    const { hands } = createFakes();
    const asked: (ResolvedTarget | undefined)[] = [];
    const freeze = { by: 'ann', since: '2026-11-21T14:00:00Z' };
    const eyes = {
      ...hands,
      freeze: () => freeze,
      rivals: {
        olderThan: (_: StoredRollout, steers: ResolvedTarget | undefined) => {
          asked.push(steers);
          return 'weather/old';
        },
      },
    };
    const rollout: StoredRollout = {
      uid: 'f3b0',
      namespace: 'weather',
      name: 'forecast',
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: '2026-11-21T14:00:00Z',
      spec: SPEC,
    };
    expect(observe(eyes, rollout, createMemory())).toMatchObject({ freeze, olderRival: 'weather/old' });
    const begun = { ...target('weather/other'), stable: 'v1', canary: 'v2' };
    const plan = { steps: [], gates: [], intervalMs: 1, initialDelayMs: 0, settleMs: 0 };
    const step = { index: 1, count: 1 };
    observe(
      eyes,
      { ...rollout, status: { phase: 'Progressing', reason: 'Started', message: '', step, plan, target: begun } },
      createMemory(),
    );
    expect(asked.map(steers => steers?.virtualServices)).toEqual([['weather/forecast'], ['weather/other']]);
  });
});
