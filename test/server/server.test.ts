import { afterEach, describe, expect, it } from 'vitest';
import type { RolloutStore, StoredRollout } from '../../src/controller/ports.ts';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import { createMetrics, type Metrics } from '../../src/server/metrics.ts';
import { type Server, startServer } from '../../src/server/server.ts';

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const serve = async (isReady: () => boolean = () => true, metrics: Metrics = createMetrics()): Promise<string> => {
  const server = await startServer({ host: '127.0.0.1', port: 0 }, { metrics, isReady });
  open.push(server);
  return `http://${server.address}`;
};

const rollout = (name: string, status: Partial<RolloutStatus>): StoredRollout => ({
  uid: name,
  namespace: 'weather',
  name,
  generation: 1,
  resourceVersion: '1',
  creationTimestamp: '2026-11-21T14:00:00Z',
  spec: { version: 'v2', strategy: { canary: { steps: [] } } },
  status: { phase: 'Healthy', reason: 'UpToDate', message: '', ...status },
});

const storeOf = (rollouts: Map<string, StoredRollout>): RolloutStore => ({
  keys: () => [...rollouts.keys()],
  get: key => rollouts.get(key),
  onChange: () => {},
  writeStatus: async () => {},
  setFinalizer: async () => {},
  removeRequest: async () => {},
});

describe('the HTTP server', () => {
  it('is alive before it is ready, and ready once caches are filled', async () => {
    let isReady = false;
    const url = await serve(() => isReady);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const before = await fetch(`${url}/readyz`);
    expect([before.status, await before.text()]).toEqual([503, 'caches are not filled yet\n']);
    isReady = true;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  it('answers an unknown path with problem JSON', async () => {
    const answer = await fetch(`${await serve()}/nothing/here`);
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await answer.json()).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'nothing is served at /nothing/here',
    });
  });

  it('names the address when its port is taken', async () => {
    const { host } = new URL(await serve());
    const port = Number(host.split(':')[1]);
    await expect(startServer({ host: '127.0.0.1', port }, { metrics: createMetrics(), isReady: () => true })).rejects.toThrow(
      `listening on 127.0.0.1:${port}: the port is in use`,
    );
  });
});

describe('metrics', () => {
  const scrape = async (url: string): Promise<readonly string[]> => {
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    return (await answer.text()).split('\n').filter(line => line.startsWith('sluice_'));
  };

  it('tell of each rollout, and series of deleted rollouts disappear', async () => {
    const metrics = createMetrics();
    const step = { index: 1, count: 2 };
    const rollouts = new Map([
      ['weather/a', rollout('a', { phase: 'Progressing', step, traffic: { weight: 50 } })],
      ['weather/b', rollout('b', { display: { version: 'v1', step: '', weight: '100%' } })],
    ]);
    metrics.watch({ store: storeOf(rollouts), queueDepth: () => 3, isLeader: () => true });
    const url = await serve(() => true, metrics);
    expect(await scrape(url)).toEqual(
      expect.arrayContaining([
        'sluice_rollout_info{namespace="weather",name="a",phase="Progressing",version="v2"} 1',
        'sluice_rollout_info{namespace="weather",name="b",phase="Healthy",version="v1"} 1',
        'sluice_rollout_weight{namespace="weather",name="a"} 50',
        'sluice_queue_depth 3',
        'sluice_leader 1',
      ]),
    );
    rollouts.delete('weather/a');
    expect((await scrape(url)).filter(line => line.includes('name="a"'))).toEqual([]);
  });

  it('count rollbacks, changes of verdicts, drift, requests and rounds', async () => {
    const metrics = createMetrics();
    const gate = { name: 'success-rate', source: 'prometheus/default', verdict: 'Pass', message: '' } as const;
    const before = rollout('a', { phase: 'Progressing', gates: [gate] });
    metrics.stored(before, { phase: 'RollingBack', reason: 'GateFailed', message: '', gates: [{ ...gate, verdict: 'Fail' }] });
    metrics.stored(before, { phase: 'Progressing', reason: 'Drift', message: '', gates: [gate] });
    metrics.kubeRequest('patch', 'virtualservices', '409', 0.1);
    metrics.providerRequest('prometheus/default', 'error');
    metrics.round({ seconds: 0.02, failed: true });
    metrics.sourceTurn({ name: 'fleet', problems: [{}], error: 'away' }, { kind: 'sync', durationMs: 200 });
    expect(await scrape(await serve(() => true, metrics))).toEqual(
      expect.arrayContaining([
        'sluice_rollbacks_total{reason="GateFailed"} 1',
        'sluice_gate_verdicts_total{gate="success-rate",verdict="Fail"} 1',
        'sluice_drift_total 1',
        'sluice_kube_requests_total{verb="patch",resource="virtualservices",code="409"} 1',
        'sluice_provider_requests_total{provider="prometheus/default",outcome="error"} 1',
        'sluice_reconcile_failures_total 1',
        'sluice_reconcile_seconds_count 1',
        'sluice_source_sync_seconds_count{source="fleet",outcome="failed"} 1',
        'sluice_source_problems{source="fleet"} 2',
      ]),
    );
  });
});
