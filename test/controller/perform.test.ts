import { describe, expect, it } from 'vitest';
import type { WriteAction } from '../../src/controller/backOff.ts';
import { performAll } from '../../src/controller/perform.ts';
import { SystemError } from '../../src/controller/ports.ts';
import type { Position, ResolvedTarget } from '../../src/rollout/index.ts';
import { createFakes, quiet } from './fakes.ts';

const TARGET: ResolvedTarget = {
  router: 'istio',
  host: 'forecast.weather.svc.cluster.local',
  versionLabel: 'version',
  virtualServices: ['weather/forecast', 'weather/gateway'],
  routes: [],
  destinationRule: 'weather/forecast',
};
const position = (change: Partial<Position>): Position => ({
  seq: 1,
  revision: 'r',
  plan: 'p',
  step: 0,
  weight: 0,
  state: 'done',
  reason: 'Retired',
  time: '2026-11-21T14:00:00Z',
  epoch: 1,
  ...change,
});
const without = (object: string): WriteAction => ({
  kind: 'removeDestination',
  target: TARGET,
  object,
  resourceVersion: '1',
  version: 'v1',
  position: position({}),
});
const RETIRE: readonly WriteAction[] = [
  without('weather/forecast'),
  without('weather/gateway'),
  { kind: 'removeSubset', target: TARGET, version: 'v1' },
  { kind: 'scaleToZero', target: TARGET, version: 'v1' },
];
const set = (object: string, change: Partial<Position>): WriteAction => ({
  kind: 'setTraffic',
  target: { ...TARGET, stable: 'v1', canary: 'v2' },
  object,
  resourceVersion: '1',
  weight: 0,
  position: position(change),
});

const perform = async (writes: readonly WriteAction[], refuse?: string) => {
  const { world, hands, current } = createFakes(undefined, ['weather/forecast', 'weather/gateway']);
  world.refuse = name =>
    refuse !== undefined && name.startsWith(refuse) ? new SystemError('kubernetes', name, 'refused', 'no') : undefined;
  const failure = await performAll(hands, current(), writes, quiet).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  return { notes: world.notes, failure };
};

describe('carrying out a decision', () => {
  it('R21: retires in the order of the decision', async () => {
    const { notes, failure } = await perform(RETIRE);
    expect(failure).toBeUndefined();
    expect(notes).toEqual(['mesh weather/forecast without v1', 'mesh weather/gateway without v1', 'no subset v1', 'scale v1']);
  });

  it('R21: ends with the first write that is refused', async () => {
    const { notes, failure } = await perform(RETIRE, 'no subset');
    expect(notes.at(-1)).toBe('no subset v1 refused');
    expect(failure).toBe('no subset v1: no');
  });

  it.each([
    ['R23: going back', { state: 'safe' }],
    ['R25: taking traffic off lost pods', { state: 'raised', reason: 'PodsLost' }],
    ['R26: putting down', { state: 'raised', reason: 'DriftPutDown' }],
  ] as const)('%s does not wait for an object that is refused', async (_, change) => {
    const { notes, failure } = await perform(
      [set('weather/gateway', change), set('weather/forecast', change)],
      'mesh weather/gateway',
    );
    expect(notes).toEqual(['mesh weather/gateway 0 refused', 'mesh weather/forecast 0']);
    expect(failure).toBe('mesh weather/gateway 0: no');
  });

  it('R26, R29: putting back what was lowered ends with the first refusal, like a raise', async () => {
    const change = { state: 'raised', reason: 'DriftRestored' } as const;
    const { notes } = await perform([set('weather/forecast', change), set('weather/gateway', change)], 'mesh weather/forecast');
    expect(notes).toEqual(['mesh weather/forecast 0 refused']);
  });

  it('R23: nor for a subset that cannot be put back, while nothing else is written then', async () => {
    const subset = { kind: 'ensureSubset', target: { ...TARGET, stable: 'v1', canary: 'v2' }, version: 'v1' } as const;
    const back = set('weather/forecast', { state: 'safe' });
    const { notes, failure } = await perform([subset, set('weather/gateway', { state: 'raised' }), back], 'subset');
    expect(notes).toEqual(['subset v1 refused', 'mesh weather/forecast 0']);
    expect(failure).toBe('subset v1: no');
  });

  it('R31: nothing is written without the lease', async () => {
    const { world, hands, current } = createFakes();
    world.mayWrite = false;
    await expect(performAll(hands, current(), RETIRE, quiet)).rejects.toThrow(/does not hold the lease/);
    expect(world.notes).toEqual([]);
  });
});
