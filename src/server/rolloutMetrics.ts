import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock, Key, RolloutStore, StoredRollout } from '../controller/ports.ts';
import type { Reason, RolloutStatus, Verdict } from '../rollout/index.ts';

export type RolloutMetrics = {
  /** A status was stored in place of the one that `rollout` has. */
  readonly stored: (rollout: StoredRollout, next: RolloutStatus) => void;
  /** Connects the Rollouts, whose series are made at each scrape. */
  readonly watchRollouts: (store: RolloutStore) => void;
};

/** Why traffic is put back. Their series start at 0: Prometheus sees no increase in the first value of a series. */
const ROLLBACK_REASONS: readonly Reason[] = [
  'GateFailed',
  'UnattributedFailures',
  'PodsLost',
  'DriftRepeated',
  'SubsetRemoved',
  'ProgressDeadlineExceeded',
  'Rejected',
  'ApprovalTimedOut',
  'Aborted',
  'Deleted',
  'Superseded',
  'WentBack',
  'NewPods',
  'TargetChanged',
];

/** Drift that nothing was written for; what was put down or back stands in `status.drift`, each with its moment. */
const DRIFT: readonly Reason[] = ['Drift', 'DriftRepeated', 'SubsetRemoved'];

const driftsIn = (before: RolloutStatus | undefined, { reason, drift }: RolloutStatus): number => {
  const isNew = DRIFT.includes(reason) && before?.reason !== reason;
  const written = (['times', 'restored'] as const).map(list => {
    const after = drift?.[list] ?? [];
    // Several writes may have one moment; only the last five minutes are kept.
    const known = (before?.drift?.[list] ?? []).filter(time => after.includes(time)).length;
    return Math.max(0, after.length - known);
  });
  return written.reduce((sum, count) => sum + count, isNew ? 1 : 0);
};

/** What is told of Rollouts: what happened to them, counted when their status is stored, and how they stand. */
export const createRolloutMetrics = (registry: Registry, clock: Clock): RolloutMetrics => {
  const registers = [registry];
  const rollbacks = new Counter({
    name: 'sluice_rollbacks_total',
    help: 'Decisions to put all traffic back.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of ROLLBACK_REASONS) rollbacks.inc({ reason }, 0);
  const verdicts = createVerdicts(registry);
  const drift = new Counter({
    name: 'sluice_drift_total',
    help: 'Times that weights were found changed by somebody else.',
    registers,
  });
  const stepSeconds = new Histogram({
    name: 'sluice_step_duration_seconds',
    help: 'How long steps lasted.',
    buckets: [10, 30, 60, 120, 300, 600, 1800, 3600, 14400],
    registers,
  });
  return {
    stored: (rollout, next) => {
      const { status: before } = rollout;
      if (next.phase === 'RollingBack' && before?.phase !== 'RollingBack') rollbacks.inc({ reason: next.reason });
      drift.inc(driftsIn(before, next));
      const started = before?.step?.startedAt;
      if (started !== undefined && started !== next.step?.startedAt)
        stepSeconds.observe(Math.max(0, clock.now() - Date.parse(started)) / 1000);
      verdicts.stored(rollout, next);
    },
    watchRollouts: store => {
      verdicts.watch(store);
      standings(registry, store);
    },
  };
};

const allOf = (store: RolloutStore): readonly StoredRollout[] => store.keys().flatMap(key => store.get(key) ?? []);

type Verdicts = {
  stored: RolloutMetrics['stored'];
  watch(store: RolloutStore): void;
};

/** Names of gates come from specs: those that no Rollout uses any more are dropped, or every edit would leave series behind. */
const createVerdicts = (registry: Registry): Verdicts => {
  const counted = new Map<string, Set<Verdict>>();
  /** The gates that each Rollout had last; they outlive the attempt in which they were asked. */
  const used = new Map<Key, readonly string[]>();
  let live: RolloutStore | undefined;
  const counter = new Counter({
    name: 'sluice_gate_verdicts_total',
    help: 'Changes of the verdict of a gate.',
    labelNames: ['gate', 'verdict'],
    registers: [registry],
    collect() {
      if (live === undefined) return;
      for (const key of used.keys()) if (live.get(key) === undefined) used.delete(key);
      const known = new Set([...used.values()].flat());
      for (const [gate, verdicts] of counted) {
        if (known.has(gate)) continue;
        for (const verdict of verdicts) this.remove({ gate, verdict });
        counted.delete(gate);
      }
    },
  });
  return {
    stored: ({ namespace, name, status }, { gates = [] }) => {
      if (gates.length > 0)
        used.set(
          `${namespace}/${name}`,
          gates.map(gate => gate.name),
        );
      for (const { name: gate, verdict } of gates) {
        if (status?.gates?.find(({ name }) => name === gate)?.verdict === verdict) continue;
        counter.inc({ gate, verdict });
        counted.set(gate, (counted.get(gate) ?? new Set()).add(verdict));
      }
    },
    watch: store => {
      live = store;
    },
  };
};

const standings = (registry: Registry, store: RolloutStore): void => {
  const registers = [registry];
  new Gauge({
    name: 'sluice_rollout_info',
    help: 'One for each rollout, with its phase and version.',
    labelNames: ['namespace', 'name', 'phase', 'version'],
    registers,
    collect() {
      this.reset();
      for (const { namespace, name, status, spec } of allOf(store))
        this.set({ namespace, name, phase: status?.phase ?? 'Pending', version: status?.display?.version ?? spec.version }, 1);
    },
  });
  new Gauge({
    name: 'sluice_rollout_weight',
    help: 'Intended share of the new version in percent; absent when none is in progress.',
    labelNames: ['namespace', 'name'],
    registers,
    collect() {
      this.reset();
      for (const { namespace, name, status } of allOf(store))
        if (status?.step) this.set({ namespace, name }, status.traffic?.weight ?? 0);
    },
  });
};
