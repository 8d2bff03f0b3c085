import { describe, expect, it } from 'vitest';
import { createMemory } from '../../src/controller/memory.ts';
import { type Eyes, observe } from '../../src/controller/observe.ts';
import type { StoredRollout } from '../../src/controller/ports.ts';
import type { MeshObservation, RolloutSpec, RolloutStatus, VersionPods } from '../../src/rollout/index.ts';

const MESH: MeshObservation = { kind: 'problem', message: 'nothing is there', nothingRoutes: true };

const pods = (...workloads: readonly string[]): VersionPods => ({ ready: 1, total: 1, hashes: ['a'], workloads });

const rollout = (spec: Partial<RolloutSpec> = {}, status?: Partial<RolloutStatus>): StoredRollout => ({
  uid: 'f3b0',
  namespace: 'weather',
  name: 'forecast',
  generation: 1,
  resourceVersion: '1',
  creationTimestamp: '2026-11-21T14:00:00Z',
  spec: { version: 'v2', strategy: { canary: { steps: [] } }, ...spec },
  ...(status === undefined ? {} : { status: { phase: 'Healthy', reason: 'UpToDate', message: '', ...status } }),
});

/** Writes down what is asked. */
const eyes = (found: Readonly<Record<string, VersionPods>> = {}) => {
  const asked: unknown[] = [];
  const answering: Eyes = {
    router: {
      resolve: (_, versions) => {
        asked.push(['resolve', ...versions]);
        return MESH;
      },
      observe: (_, target, versions) => {
        asked.push(['observe', target.virtualServices, ...versions]);
        return MESH;
      },
      onChange: () => {},
      ensureSubset: async () => {},
      setTraffic: async () => {},
      removeDestination: async () => {},
      removeSubset: async () => {},
    },
    pods: {
      versions: (...parameters) => {
        asked.push(['pods', ...parameters]);
        return found;
      },
      onChange: () => {},
    },
    installation: { prometheus: ['default'], zipkin: [] },
    epoch: () => 7,
  };
  return { asked, answering };
};

const TARGET = {
  router: 'istio',
  host: 'forecast.weather.svc.cluster.local',
  versionLabel: 'release',
  virtualServices: ['weather/old'],
  routes: [],
  stable: 'v1',
  canary: 'v2',
} as const;

const IN_PROGRESS: Partial<RolloutStatus> = {
  phase: 'Progressing',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  revision: 'rev',
  target: TARGET,
  plan: { steps: [], gates: [], intervalMs: 15_000, initialDelayMs: 0, settleMs: 0 },
  step: { index: 1, count: 2 },
};

describe('a look at the world', () => {
  it('goes by the spec while no attempt is in progress', () => {
    const { asked, answering } = eyes();
    observe(
      answering,
      rollout({ host: 'api', versionLabel: 'release', initialVersion: 'v0' }, { stableVersion: 'v1' }),
      createMemory(),
    );
    expect(asked).toEqual([
      ['resolve', 'v1', 'v2', 'v0'],
      ['pods', 'weather', 'api', 'release'],
    ]);
  });

  it('the name of the Rollout is the host, and `version` the label, when the spec names none', () => {
    const { asked, answering } = eyes();
    observe(answering, rollout(), createMemory());
    expect(asked).toEqual([
      ['resolve', 'v2'],
      ['pods', 'weather', 'forecast', 'version'],
    ]);
  });

  it('R12: goes by the stored target while an attempt is in progress, whatever the spec says now', () => {
    const { asked, answering } = eyes();
    observe(answering, rollout({ host: 'elsewhere', version: 'v3' }, IN_PROGRESS), createMemory());
    expect(asked).toEqual([
      ['observe', ['weather/old'], 'v1', 'v2', 'v3'],
      ['pods', 'weather', TARGET.host, 'release'],
    ]);
  });

  it('tells what this process remembers', () => {
    const memory = createMemory();
    expect(observe(eyes().answering, rollout(), memory)).toEqual({
      installation: { prometheus: ['default'], zipkin: [] },
      mesh: MESH,
      pods: {},
      measurements: {},
      measuredStep: undefined,
      epoch: 7,
    });
    memory.step = 'rev/1/start';
    memory.measurements.set('p99', { kind: 'none', atMs: 1, message: 'empty' });
    memory.share = { kind: 'error', atMs: 1, message: 'down' };
    memory.reference = { kind: 'error', atMs: 1, message: 'down' };
    memory.writeError = 'the webhook says no';
    expect(observe(eyes().answering, rollout(), memory)).toMatchObject({
      measurements: { p99: { kind: 'none' } },
      measuredStep: 'rev/1/start',
      share: { message: 'down' },
      reference: { message: 'down' },
      writeError: 'the webhook says no',
    });
  });

  it('remembers the workloads behind each version, also of pods that are gone: they have left requests to be counted', () => {
    const memory = createMemory();
    observe(eyes({ v2: pods('forecast-v2') }).answering, rollout(), memory);
    observe(eyes({ v2: pods('forecast-v2-new') }).answering, rollout(), memory);
    observe(eyes().answering, rollout(), memory);
    expect([...(memory.workloads.get('v2') ?? [])]).toEqual(['forecast-v2', 'forecast-v2-new']);
  });

  it('R12: what only this side finds in the spec goes along, and nothing where there is nothing', () => {
    const { answering } = eyes();
    const found = {
      path: 'spec.analysis.gates[0].prometheus.query',
      message: 'is no PromQL expression',
      severity: 'error',
    } as const;
    const findings: Eyes['findings'] = ({ name }) => (name === 'forecast' ? [found] : []);
    expect(observe({ ...answering, findings }, rollout(), createMemory()).findings).toEqual([found]);
    expect(observe({ ...answering, findings }, { ...rollout(), name: 'other' }, createMemory())).not.toHaveProperty('findings');
    expect(observe(answering, rollout(), createMemory())).not.toHaveProperty('findings');
  });
});
