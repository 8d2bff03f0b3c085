import { describe, expect, it } from 'vitest';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import type { Metrics } from '../../src/server/metrics.ts';
import { parseExposition } from './exposition.ts';
import { createMeasured, gateOf, START_MS, tellAll } from './told.ts';

const scrape = async (metrics: Metrics): Promise<readonly string[]> =>
  (await metrics.text()).split('\n').filter(line => line.startsWith('sluice_'));

describe('metrics', () => {
  it('tell of each rollout, and series of deleted rollouts disappear', async () => {
    const { metrics, put, rollouts } = createMeasured();
    put('a', { phase: 'Progressing', step: { index: 1, count: 2 }, traffic: { weight: 50 } });
    put('b', { display: { version: 'v1', step: '', weight: '100%' } });
    expect(await scrape(metrics)).toEqual(
      expect.arrayContaining([
        'sluice_rollout_info{namespace="weather",name="a",phase="Progressing",version="v2"} 1',
        'sluice_rollout_info{namespace="weather",name="b",phase="Healthy",version="v1"} 1',
        'sluice_rollout_weight{namespace="weather",name="a"} 50',
        'sluice_queue_depth 3',
        'sluice_leader 1',
      ]),
    );
    rollouts.delete('weather/a');
    expect((await scrape(metrics)).filter(line => line.includes('name="a"'))).toEqual([]);
  });

  it('count rollbacks, changes of verdicts, drift, requests and rounds', async () => {
    const { metrics, put } = createMeasured();
    tellAll(metrics, put('a', { phase: 'Progressing', gates: [gateOf('success-rate', 'Pass')] }));
    expect(await scrape(metrics)).toEqual(
      expect.arrayContaining([
        'sluice_rollbacks_total{reason="GateFailed"} 1',
        'sluice_gate_verdicts_total{gate="success-rate",verdict="Fail"} 1',
        'sluice_drift_total 1',
        'sluice_kube_requests_total{verb="patch",resource="virtualservices.networking.istio.io",code="409"} 1',
        'sluice_provider_requests_total{provider="prometheus/default",outcome="timeout"} 1',
        'sluice_reconcile_failures_total 1',
        'sluice_reconcile_seconds_count 1',
        'sluice_reconcile_lag_seconds_bucket{le="0.1"} 0',
        'sluice_reconcile_lag_seconds_bucket{le="0.5"} 1',
        'sluice_source_sync_seconds_count{source="fleet",outcome="failed"} 1',
      ]),
    );
  });

  it('a step lasts from its start to the next one, by the clock that was given', async () => {
    const { metrics, clock, put } = createMeasured();
    const step = { index: 1, count: 2, startedAt: new Date(START_MS).toISOString() };
    const before = put('a', { phase: 'Progressing', step });
    clock.nowMs += 45_000;
    metrics.stored(before, { phase: 'Progressing', reason: 'WaitingForGates', message: '', step });
    metrics.stored(before, {
      phase: 'Progressing',
      reason: 'StepEntered',
      message: '',
      step: { ...step, index: 2, startedAt: new Date(clock.nowMs).toISOString() },
    });
    expect(await scrape(metrics)).toEqual(
      expect.arrayContaining(['sluice_step_duration_seconds_sum 45', 'sluice_step_duration_seconds_count 1']),
    );
  });

  it('what lasts is counted once', async () => {
    const { metrics, put } = createMeasured();
    const goingBack = { phase: 'RollingBack', reason: 'GateFailed', message: '' } as const;
    metrics.stored(put('a', goingBack), goingBack);
    metrics.stored(put('b', { reason: 'Drift' }), { phase: 'Progressing', reason: 'Drift', message: '' });
    const lines = await scrape(metrics);
    expect(lines).toContain('sluice_drift_total 0');
    const rollbacks = lines.filter(line => line.startsWith('sluice_rollbacks_total{'));
    expect(rollbacks).toContain('sluice_rollbacks_total{reason="GateFailed"} 0');
    expect(rollbacks.filter(line => !line.endsWith(' 0'))).toEqual([]);
  });

  it('R26: drift counts as often as it happens, also while the reason stays the same', async () => {
    const { metrics, put } = createMeasured();
    const at = (second: number): string => new Date(START_MS + second * 1_000).toISOString();
    const status = (restored: readonly string[], times: readonly string[] = []): RolloutStatus => ({
      phase: 'Healthy',
      reason: 'DriftRestored',
      message: '',
      drift: { restored, times },
    });
    metrics.stored(put('a', {}), status([at(0)]));
    metrics.stored(put('a', status([at(0)])), status([at(0), at(3)]));
    metrics.stored(put('a', status([at(0), at(3)])), status([at(3)]));
    metrics.stored(put('a', status([at(3)])), status([at(3)], [at(9), at(9)]));
    expect(await scrape(metrics)).toContain('sluice_drift_total 4');
  });

  it('the verdicts of a gate stay after the attempt, and go when no rollout has the gate any more', async () => {
    const { metrics, put, rollouts } = createMeasured();
    const gates = async () =>
      [...(await metrics.text()).matchAll(/^sluice_gate_verdicts_total\{gate="([^"]+)"/gm)].map(([, name = '']) => name);
    const status = { phase: 'Progressing', reason: 'WaitingForGates', message: '' } as const;
    metrics.stored(put('a', {}), { ...status, gates: [gateOf('old', 'Pass'), gateOf('both', 'Pass')] });
    metrics.stored(put('b', {}), { ...status, gates: [gateOf('both', 'Pass')] });
    put('a', { phase: 'Healthy' });
    expect(await gates()).toEqual(['old', 'both']);
    metrics.stored(put('a', {}), { ...status, gates: [gateOf('new', 'Pass')] });
    expect(await gates()).toEqual(['both', 'new']);
    rollouts.delete('weather/b');
    expect(await gates()).toEqual(['new']);
  });

  it('are valid in the text format, whatever names hold', async () => {
    const { metrics, put } = createMeasured();
    tellAll(metrics, put('a', { phase: 'Progressing', step: { index: 1, count: 2 }, gates: [gateOf('say "hi"\\\n', 'Pass')] }));
    metrics.stored(put('b', {}), { phase: 'Pending', reason: 'Started', message: '', gates: [gateOf('say "hi"\\\n', 'Pass')] });
    const { types, samples } = parseExposition(await metrics.text());
    expect(types.get('sluice_reconcile_lag_seconds')).toBe('histogram');
    expect(samples.find(({ labels }) => labels['gate']?.startsWith('say'))?.value).toBe(1);
    expect([...types.keys()].filter(name => name.startsWith('sluice_')).length).toBeGreaterThan(15);
  });

  it('of 1,000 rollouts have no more lines from scrape to scrape', async () => {
    const { metrics, put } = createMeasured();
    const names = Array.from({ length: 1_000 }, (_, index) => `rollout-${index}`);
    for (const name of names) put(name, { phase: 'Progressing', step: { index: 1, count: 2 }, traffic: { weight: 5 } });
    const first = await scrape(metrics);
    expect(await scrape(metrics)).toHaveLength(first.length);
    for (const name of names) put(name, { phase: 'Healthy' });
    const later = await scrape(metrics);
    expect(later.filter(line => line.startsWith('sluice_rollout_info'))).toHaveLength(1_000);
    expect(later.filter(line => line.startsWith('sluice_rollout_weight'))).toEqual([]);
    expect(first).toHaveLength(later.length + 1_000);
  });
});
