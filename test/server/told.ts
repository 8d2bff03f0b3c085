import type { RolloutStore, StoredRollout } from '../../src/controller/ports.ts';
import type { GateStatus, RolloutStatus } from '../../src/rollout/index.ts';
import { createMetrics, type Metrics } from '../../src/server/metrics.ts';

export const START_MS = Date.UTC(2026, 10, 21, 14);

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

export const gateOf = (name: string, verdict: GateStatus['verdict']): GateStatus => ({
  name,
  source: 'prometheus/default',
  verdict,
  message: '',
});

const storeOf = (rollouts: ReadonlyMap<string, StoredRollout>): RolloutStore => ({
  keys: () => [...rollouts.keys()],
  get: key => rollouts.get(key),
  onChange: () => {},
  writeStatus: async () => {},
  setFinalizer: async () => {},
  removeRequest: async () => {},
});

/** Metrics with a clock and Rollouts of the test's own. */
export const createMeasured = () => {
  const clock = { nowMs: START_MS, now: () => clock.nowMs };
  const metrics = createMetrics(clock);
  const rollouts = new Map<string, StoredRollout>();
  metrics.watch({ store: storeOf(rollouts), queueDepth: () => 3, isLeader: () => true });
  const put = (name: string, status: Partial<RolloutStatus>): StoredRollout => {
    const made = rollout(name, status);
    rollouts.set(`weather/${name}`, made);
    return made;
  };
  return { clock, metrics, rollouts, put };
};

/** Something of every kind, so that every metric has a series. */
export const tellAll = (metrics: Metrics, before: StoredRollout): void => {
  metrics.stored(before, { phase: 'RollingBack', reason: 'GateFailed', message: '', gates: [gateOf('success-rate', 'Fail')] });
  metrics.stored(before, { phase: 'Progressing', reason: 'Drift', message: '', gates: [gateOf('success-rate', 'Pass')] });
  metrics.kubeRequest('patch', 'virtualservices.networking.istio.io', '409', 0.1);
  metrics.providerRequest('prometheus/default', 'timeout');
  metrics.inbound.expect(['api'], ['fleet']);
  metrics.outbox.message('audit', 'sent');
  metrics.round({ seconds: 0.02, lagSeconds: 0.3, failed: true });
  metrics.sourceTurn(
    { name: 'fleet', appliedRevision: 'main@sha1:0a1b', problems: [{}], error: 'away' },
    { kind: 'sync', durationMs: 200 },
  );
};
