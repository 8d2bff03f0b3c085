import { beforeAll, describe, expect, inject, test } from 'vitest';
import { openBed } from './bed/bed.ts';
import { run } from './bed/command.ts';
import { requestJson } from './bed/http.ts';
import { createKubernetes } from './bed/kubernetes.ts';
import { NEVER_READY_LABEL } from './bed/manifests.ts';
import { createWorld, type World } from './bed/world.ts';

// proves the bed itself: what tests of the controller take for granted

const bed = openBed(inject('bedDirectory'));
const hasMesh = bed.has('envoy');
let world: World;

interface Route {
  readonly subset: string;
  readonly weight: number;
}

async function route(...routes: readonly Route[]): Promise<void> {
  const destinations = routes.map(({ subset, weight }) => ({ destination: { host: 'forecast', subset }, weight }));
  await bed.kubernetes.patch(world.virtualService, { spec: { http: [{ name: 'primary', route: destinations }] } });
}

async function setSubsets(...versions: readonly string[]): Promise<void> {
  await bed.kubernetes.patch(world.destinationRule, {
    spec: { subsets: versions.map(version => ({ name: version, labels: { version } })) },
  });
}

/** Value of each series of an instant query, by the value of one label. */
async function query(promql: string, label: string): Promise<Record<string, number>> {
  type Answer = { data: { result: { metric: Record<string, string>; value: [number, string] }[] } };
  const answer = await requestJson<Answer>(`${bed.prometheusUrl}/api/v1/query?query=${encodeURIComponent(promql)}`);
  return Object.fromEntries(answer.data.result.map(({ metric, value }) => [metric[label] ?? '', Number(value[1])]));
}

async function truth(version: string): Promise<number> {
  const counts = (await bed.pods.counts(world.namespace)).filter(count => count.version === version);
  return counts.flatMap(count => Object.values(count.byStatus)).reduce((sum, count) => sum + count, 0);
}

beforeAll(async () => {
  world = await createWorld(bed, { namespace: 'weather', host: 'forecast.example.com' });
});

describe.runIf(hasMesh)('traffic', () => {
  test('all requests go to the one subset of a new world', async () => {
    expect(await bed.split(world.host, 200)).toEqual({ v1: 200 });
  });

  test('a subset that is missing answers 503 for its share', async () => {
    await route({ subset: 'v1', weight: 50 }, { subset: 'v2', weight: 50 });
    await bed.until('failures of the missing subset', async () => (await bed.get(world.host)).status === 503);
    const split = await bed.split(world.host, 1_000);
    expect(split['v1']).toBeGreaterThan(400);
    expect(split['503']).toBeGreaterThan(400);
  });

  test('weights 50/50 send half of the requests to each version', async () => {
    await setSubsets('v1', 'v2');
    await route({ subset: 'v1', weight: 50 }, { subset: 'v2', weight: 50 });
    await bed.until('answers of v2 only beside v1', async () => (await bed.split(world.host, 50))['503'] === undefined);
    const split = await bed.split(world.host, 2_000);
    expect(Object.keys(split).sort()).toEqual(['v1', 'v2']);
    expect(split['v1']).toBeGreaterThan(850);
    expect(split['v2']).toBeGreaterThan(850);
  });

  test('a Pod can fail alone, and a version as a whole', async () => {
    const [pod = ''] = (await bed.pods.counts(world.namespace)).filter(count => count.version === 'v2').map(count => count.pod);
    await bed.pods.behave({ namespace: world.namespace, pod }, { errorRate: 1, status: 404 });
    const alone = await bed.split(world.host, 1_000);
    expect(alone['404']).toBeGreaterThan(150);
    expect(alone['v2']).toBeGreaterThan(150);
    await bed.pods.behave({ namespace: world.namespace, pod }, {});
    await bed.pods.behave({ namespace: world.namespace, app: 'forecast', version: 'v2' }, { errorRate: 1, status: 404 });
    const whole = await bed.split(world.host, 500);
    expect(whole['v2']).toBeUndefined();
    await bed.pods.behave({ namespace: world.namespace, app: 'forecast', version: 'v2' }, {});
  });

  test('a steady load loses no request while a weight changes', async () => {
    const load = bed.startLoad({
      host: world.host,
      ratePerSecond: 200,
      headerSets: [{ 'x-user': 'alice' }, { 'x-user': 'bob' }],
    });
    try {
      await bed.until('requests of both versions', async () => Object.keys((await load.summary()).byVersion).length === 2);
      await route({ subset: 'v2', weight: 100 });
      await bed.until('requests of v2 only', async () => {
        const summary = await load.summary({ fromMs: Date.now() - 500 });
        return summary.requests > 50 && summary.byVersion['v1'] === undefined;
      });
      const all = await load.stop();
      expect(all.byVersion['v1']).toBeGreaterThan(0);
      expect(all.byVersion['v2']).toBeGreaterThan(0);
      expect(await load.failures()).toEqual([]);
      const records = await load.records();
      expect(records).toHaveLength(all.requests);
      await bed.until('the last request in the access log', async () =>
        (await bed.log('envoy')).includes(`/?n=${records.length - 1} `),
      );
    } finally {
      await load.close();
      await route({ subset: 'v1', weight: 50 }, { subset: 'v2', weight: 50 });
    }
  });

  test('weights that add up to nothing are refused by istiod', async () => {
    await expect(route({ subset: 'v1', weight: 0 }, { subset: 'v2', weight: 0 })).rejects.toThrow(/denied the request/);
  });

  test('two worlds with the same application do not touch each other', async () => {
    const other = await createWorld(bed, { namespace: 'w1', versions: ['v1'], replicas: 1 });
    expect(await bed.split(other.host, 50)).toEqual({ v1: 50 });
    await bed.kubernetes.delete('/api/v1/namespaces/w1');
  });
});

describe.runIf(hasMesh && bed.has('prometheus'))('Prometheus', () => {
  test.for(['source', 'destination'])(
    'reporter %s counts the requests that the Pods really answered, by workload',
    async reporter => {
      const series = `istio_requests_total{reporter="${reporter}",destination_workload_namespace="weather"}`;
      await bed.until('counts equal to the truth', async () => {
        const counted = await query(`sum by (destination_workload) (${series})`, 'destination_workload');
        return counted['forecast-v1'] === (await truth('v1')) && counted['forecast-v2'] === (await truth('v2'));
      });
    },
  );

  test.for(['source', 'destination'])('reporter %s has durations by workload', async reporter => {
    const promql = `sum by (destination_workload) (istio_request_duration_milliseconds_bucket{reporter="${reporter}",destination_workload_namespace="weather",le="+Inf"})`;
    await bed.until('durations of both versions', async () => {
      const counted = await query(promql, 'destination_workload');
      return (counted['forecast-v1'] ?? 0) > 0 && (counted['forecast-v2'] ?? 0) > 0;
    });
  });

  test('requests to the missing subset have flag NC and no known workload', async () => {
    const counted = await query(
      'sum by (destination_workload) (istio_requests_total{reporter="source",response_code="503",response_flags="NC"})',
      'destination_workload',
    );
    expect(Object.keys(counted)).toEqual(['unknown']);
    expect(counted['unknown']).toBeGreaterThan(400);
  });
});

describe.runIf(hasMesh && bed.has('zipkin'))('Zipkin', () => {
  test('spans name the subset that a request was sent to', async () => {
    const cluster = 'outbound|3002|v2|forecast.weather.svc.cluster.local';
    interface Span {
      readonly tags?: Readonly<Record<string, string>>;
    }
    await bed.until('spans of v2', async () => {
      const url = `${bed.zipkinUrl}/api/v2/traces?limit=50&annotationQuery=${encodeURIComponent(`upstream_cluster=${cluster}`)}`;
      const traces = await requestJson<Span[][]>(url);
      return traces.length === 50 && traces.every(trace => trace.some(span => span.tags?.['upstream_cluster'] === cluster));
    });
  });
});

describe.runIf(bed.has('git'))('Git over HTTP', () => {
  test('a commit can be listed, cloned and pushed back', async () => {
    const repository = await bed.createRepository('open');
    const id = await repository.commit({ 'rollouts/forecast.yaml': 'kind: Rollout\n', 'README.md': 'first\n' }, 'first');
    expect(await run('git', ['ls-remote', repository.url, 'refs/heads/main'])).toContain(id);
    const clone = `${bed.directory}/clone`;
    await run('git', ['clone', '--quiet', repository.url, clone]);
    expect(await run('git', ['show', 'HEAD:rollouts/forecast.yaml'], { cwd: clone })).toBe('kind: Rollout\n');
    const identity = ['-c', 'user.name=Bed', '-c', 'user.email=bed@example.com'];
    await run('git', [...identity, 'commit', '--quiet', '--allow-empty', '-m', 'second'], { cwd: clone });
    await run('git', ['push', '--quiet', 'origin', 'main'], { cwd: clone });
    expect(await run('git', ['ls-remote', repository.url, 'main'])).toContain(
      (await run('git', ['rev-parse', 'HEAD'], { cwd: clone })).trim(),
    );
  });

  test('a repository with credentials is closed without them', async () => {
    const repository = await bed.createRepository('closed', { user: 'reader', password: 'letmein' });
    const id = await repository.commit({ 'a.txt': 'a\n' }, 'first');
    await expect(run('git', ['ls-remote', repository.url], { env: { GIT_TERMINAL_PROMPT: '0' } })).rejects.toThrow(
      /could not read Username/,
    );
    expect(await run('git', ['ls-remote', repository.url.replace('http://', 'http://reader:letmein@'), 'main'])).toContain(id);
  });
});

describe.runIf(bed.has('kwok'))('Kubernetes', () => {
  interface Deployment {
    readonly status: { readonly readyReplicas?: number };
  }
  interface PodList {
    readonly items: readonly { readonly status: { readonly phase: string } }[];
  }

  test('users have no rights but those that are bound to them', async () => {
    const sluice = createKubernetes({ apiUrl: bed.apiUrl, caFile: bed.caFile, token: bed.tokenOf('sluice') });
    await expect(sluice.get('/api/v1/namespaces/weather/pods')).rejects.toThrow(/status 403/);
  });

  test('kubectl works with the kubeconfig', async () => {
    const version = await run(bed.kubectl, [
      '--kubeconfig',
      bed.kubeconfig,
      'get',
      'deployments',
      '--namespace',
      'weather',
      '--output',
      'name',
    ]);
    expect(version.trim().split('\n')).toContain('deployment.apps/forecast-v1');
  });

  test('Pods with the label for it never become ready', async () => {
    await bed.kubernetes.patch(world.deployment('v3'), {
      spec: { template: { metadata: { labels: { [NEVER_READY_LABEL]: 'true' } } } },
    });
    const phases = async () => {
      const selector = encodeURIComponent(`${NEVER_READY_LABEL}=true`);
      const { items } = await bed.kubernetes.get<PodList>(`/api/v1/namespaces/weather/pods?labelSelector=${selector}`);
      return items.map(pod => pod.status.phase);
    };
    await bed.until('Pods of the new template', async () => (await phases()).length > 0);
    await bed.kubernetes.patch(world.deployment('v1'), { spec: { replicas: 3 } });
    await bed.until('a later Pod without the label', async () => {
      return (await bed.kubernetes.get<Deployment>(world.deployment('v1'))).status.readyReplicas === 3;
    });
    expect(new Set(await phases())).toEqual(new Set(['Pending']));
  });

  test.runIf(hasMesh)('requests go on while the API server is away, and weights are obeyed after its return', async () => {
    await bed.stop('kube-apiserver', 'kill');
    await expect(bed.kubernetes.get('/version')).rejects.toThrow();
    expect((await bed.split(world.host, 200))['503']).toBeUndefined();
    await bed.start('kube-apiserver');
    await bed.until('a write', async () => route({ subset: 'v2', weight: 100 }).then(() => true));
    await bed.until('answers of v2 only', async () => (await bed.split(world.host, 100))['v2'] === 100, 60_000);
  });
});
