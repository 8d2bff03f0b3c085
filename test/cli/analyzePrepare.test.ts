import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../src/cli/analyze/cluster.ts';
import type { Surroundings } from '../../src/cli/analyze/findSides.ts';
import type { Asked } from '../../src/cli/analyze/options.ts';
import { type Prepared, prepare } from '../../src/cli/analyze/prepare.ts';
import type { StoredRollout } from '../../src/controller/ports.ts';
import type { RolloutStatus } from '../../src/rollout/index.ts';

const HOST = 'forecast.weather.svc.cluster.local';
const SPEC = { version: 'v2', strategy: { canary: { steps: [{ setWeight: 20, pause: { duration: '5m' } }] } } };
const PODS = { ready: 1, total: 1, hashes: [] };

const stored = (status?: Partial<RolloutStatus>): StoredRollout => ({
  uid: 'u',
  namespace: 'weather',
  name: 'forecast',
  generation: 1,
  resourceVersion: '1',
  creationTimestamp: '',
  spec: SPEC,
  ...(status === undefined ? {} : { status: { phase: 'Healthy', reason: 'Promoted', message: '', ...status } }),
});

const TARGET = {
  router: 'istio',
  host: 'other.weather.svc.cluster.local',
  versionLabel: 'version',
  virtualServices: [],
  routes: [],
} as const;
const inAttempt = (traffic: RolloutStatus['traffic']): Partial<RolloutStatus> => ({
  phase: 'Progressing',
  stableVersion: 'v1',
  target: { ...TARGET, stable: 'v1', canary: 'v2' },
  step: { index: 1, count: 2 },
  plan: { steps: [], gates: [], intervalMs: 15_000, initialDelayMs: 0, settleMs: 2_000 },
  ...(traffic === undefined ? {} : { traffic }),
});

/** A cluster with a Rollout and pods, which writes down what it is asked. */
const clusterWith = (rollout: StoredRollout | undefined) => {
  const asked: string[] = [];
  const cluster: Cluster = {
    server: 'https://cluster',
    rollout: async () => {
      asked.push('rollout');
      return rollout;
    },
    pods: async () => {
      asked.push('pods');
      return { v1: { ...PODS, workloads: ['forecast-v1'] }, v2: { ...PODS, workloads: ['forecast-v2'] } };
    },
    subsets: async () => {
      asked.push('subsets');
      return new Map([['v2', 'two']]);
    },
    close: () => undefined,
  };
  return { cluster, asked };
};

const ASKED: Asked = {
  rollout: { name: 'forecast' },
  namespace: 'weather',
  versions: {},
  workloads: {},
  range: { fromMs: 0, toMs: 600_000 },
  urls: { prometheus: {}, zipkin: {} },
};
const INSTALLATION = { prometheus: ['default'], zipkin: ['default'] };

const prepared = async (cluster: Cluster | undefined, asked: Partial<Asked> = {}, around: Partial<Surroundings> = {}) => {
  const surroundings = { installation: INSTALLATION, cluster, findWorkloads: undefined, ...around };
  const found = await prepare({ ...ASKED, ...asked }, surroundings);
  if ('problems' in found) throw new Error(found.problems.join('\n'));
  return found;
};
const versionsOf = ({ subjects }: Prepared) => [subjects.stable.version, subjects.canary.version];

describe('sluice analyze: who is compared', () => {
  it.each<[string, Partial<RolloutStatus>, readonly string[]]>([
    ['an attempt in progress', inAttempt({ weight: 20 }), ['v1', 'v2']],
    ['one that has gone back', { phase: 'RolledBack', stableVersion: 'v1', canaryVersion: 'v2' }, ['v1', 'v2']],
    ['the last one', { stableVersion: 'v2', previous: { version: 'v1' } }, ['v1', 'v2']],
  ])('%s tells its versions', async (_, status, versions) => {
    expect(versionsOf(await prepared(clusterWith(stored(status)).cluster))).toEqual(versions);
  });

  it('what a person names counts', async () => {
    const { cluster } = clusterWith(stored(inAttempt({ weight: 20 })));
    const found = await prepared(cluster, { versions: { stable: 'v2', canary: 'v3' }, host: 'shop' });
    expect(versionsOf(found)).toEqual(['v2', 'v3']);
    expect(found.subjects.host).toBe('shop.weather.svc.cluster.local');
  });

  it('the host of an attempt is the one that it began with', async () => {
    const found = await prepared(clusterWith(stored(inAttempt({ weight: 20 }))).cluster);
    expect(found.subjects.host).toBe(TARGET.host);
    expect((await prepared(clusterWith(stored({ stableVersion: 'v1' })).cluster)).subjects.host).toBe(HOST);
  });

  it('without a status nothing tells what is stable', async () => {
    await expect(prepared(clusterWith(stored()).cluster)).rejects.toThrow(
      '--stable is needed: nothing tells which version is compared with',
    );
  });

  it('pods, subsets and what was assumed', async () => {
    const found = await prepared(clusterWith(stored({ stableVersion: 'v1' })).cluster);
    expect(found.subjects).toMatchObject({
      stable: { workloads: ['forecast-v1'], origin: 'pods', subset: 'v1' },
      canary: { workloads: ['forecast-v2'], origin: 'pods', subset: 'two' },
    });
    expect(found.assumed).toEqual(['requests were shared out between the versions at random, and not by header or user']);
  });

  it('a header route leads other people to the new version, so nothing is compared', async () => {
    const traffic = { weight: 0, headerRoutes: [{ match: [{ headers: { user: { exact: 'jason' } } }] }] };
    const { cluster } = clusterWith(stored(inAttempt(traffic)));
    const found = await prepared(cluster);
    expect(found.subjects.incomparable).toBe('a header route leads other people to the new version, so there is no comparison');
    expect(found.assumed).toEqual([]);
    expect((await prepared(cluster, { versions: { canary: 'v3' } })).subjects.incomparable).toBeUndefined();
  });

  it('a version that gets mirrored copies is compared by what its own side tells of them', async () => {
    const { cluster } = clusterWith(stored(inAttempt({ weight: 0, mirror: { percentage: 50 } })));
    const found = await prepared(cluster);
    expect(found.subjects).toMatchObject({ copies: true });
    expect(found.subjects.incomparable).toBeUndefined();
    expect(found.assumed).toEqual(['the new version got nothing but mirrored copies in all of this time, as it does now']);
    expect((await prepared(cluster, { versions: { canary: 'v3' } })).subjects.copies).toBeUndefined();
  });

  it('no more is asked of the cluster than is needed', async () => {
    const { cluster, asked } = clusterWith(stored());
    await prepared(cluster, {
      versions: { stable: 'v1', canary: 'v2' },
      workloads: { stable: ['a'], canary: ['b'] },
      rollout: { file: 'examples/weather-weights/rollout.yaml' },
    });
    expect(asked).toEqual(['subsets']);
  });

  it('without a cluster workloads and subsets are called as usual, which is said', async () => {
    const found = await prepared(undefined, {
      rollout: { file: 'examples/weather-weights/rollout.yaml' },
      versions: { stable: 'v1' },
    });
    expect(found.subjects).toMatchObject({
      stable: { workloads: ['forecast-v1'], origin: 'name', subset: 'v1' },
      canary: { workloads: ['forecast-v2'], origin: 'name', subset: 'v2' },
    });
    expect(found.assumed).toContain('the subsets are called v1 and v2: no cluster was asked');
  });

  it('what Prometheus has no requests of gives way to what it has some of', async () => {
    const findWorkloads = async () => [{ workload: 'forecast-old', version: 'v1', revision: undefined }];
    const found = await prepared(clusterWith(stored({ stableVersion: 'v1' })).cluster, {}, { findWorkloads });
    expect(found.subjects.stable).toMatchObject({ workloads: ['forecast-old'], origin: 'metrics', isSeen: true });
    expect(found.subjects.canary).toMatchObject({ workloads: ['forecast-v2'], origin: 'pods', isSeen: false });
  });
});
