import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { RolloutStore, StoredRollout } from '../controller/ports.ts';
import type { RolloutStatus } from '../rollout/index.ts';

/** Sluice's own metrics (docs/metrics.md lists them). Series of rollouts are made when they are read, so those of deleted ones disappear. */
export type Metrics = {
  readonly kubeRequest: (verb: string, resource: string, code: string, seconds: number) => void;
  readonly providerRequest: (provider: string, outcome: string) => void;
  readonly round: (round: { readonly seconds: number; readonly failed: boolean }) => void;
  readonly stored: (rollout: StoredRollout, next: RolloutStatus) => void;
  readonly sourceTurn: (status: SourceStanding, turn: { readonly kind: string; readonly durationMs: number }) => void;
  /** Another process may look after it now: its series disappear. */
  readonly sourceStopped: (source: string) => void;
  /** Connects what is read at each scrape. */
  readonly watch: (live: {
    readonly store: RolloutStore;
    readonly queueDepth: () => number;
    readonly isLeader: () => boolean;
  }) => void;
  /** Prometheus text format. */
  readonly text: () => Promise<string>;
  readonly contentType: string;
};

/** What is told of a source. */
type SourceStanding = {
  readonly name: string;
  readonly appliedRevision?: string;
  readonly problems: readonly unknown[];
  readonly error?: string;
};

export const createMetrics = (): Metrics => {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const kubeRequests = new Counter({
    name: 'sluice_kube_requests_total',
    help: 'Requests to the Kubernetes API.',
    labelNames: ['verb', 'resource', 'code'],
    registers,
  });
  const providerRequests = new Counter({
    name: 'sluice_provider_requests_total',
    help: 'Requests to providers of metrics and traces.',
    labelNames: ['provider', 'outcome'],
    registers,
  });
  const reconcileSeconds = new Histogram({
    name: 'sluice_reconcile_seconds',
    help: 'Time of one round: observe, decide, act, store.',
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    registers,
  });
  const reconcileFailures = new Counter({
    name: 'sluice_reconcile_failures_total',
    help: 'Rounds that ended with an unexpected error.',
    registers,
  });
  const rollbacks = new Counter({
    name: 'sluice_rollbacks_total',
    help: 'Decisions to put all traffic back.',
    labelNames: ['reason'],
    registers,
  });
  const verdicts = new Counter({
    name: 'sluice_gate_verdicts_total',
    help: 'Changes of the verdict of a gate.',
    labelNames: ['gate', 'verdict'],
    registers,
  });
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
  const sources = createSourceMetrics(registry);

  const stored: Metrics['stored'] = ({ status: before }, next) => {
    if (next.phase === 'RollingBack' && before?.phase !== 'RollingBack') rollbacks.inc({ reason: next.reason });
    if ((next.reason === 'Drift' || next.reason === 'DriftPutDown') && before?.reason !== next.reason) drift.inc();
    const started = before?.step?.startedAt;
    if (started !== undefined && started !== next.step?.startedAt) stepSeconds.observe((Date.now() - Date.parse(started)) / 1000);
    for (const gate of next.gates ?? []) {
      if (before?.gates?.find(({ name }) => name === gate.name)?.verdict !== gate.verdict)
        verdicts.inc({ gate: gate.name, verdict: gate.verdict });
    }
  };

  return {
    kubeRequest: (verb, resource, code) => kubeRequests.inc({ verb, resource, code }),
    providerRequest: (provider, outcome) => providerRequests.inc({ provider, outcome }),
    round: ({ seconds, failed }) => {
      reconcileSeconds.observe(seconds);
      if (failed) reconcileFailures.inc();
    },
    stored,
    ...sources,
    watch: live => readAtScrape(registry, live),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
};

const createSourceMetrics = (registry: Registry): Pick<Metrics, 'sourceTurn' | 'sourceStopped'> => {
  const registers = [registry];
  const standings = new Map<string, SourceStanding>();
  const syncSeconds = new Histogram({
    name: 'sluice_source_sync_seconds',
    help: 'Looks at a Git source, with the writes that they led to.',
    labelNames: ['source', 'outcome'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300],
    registers,
  });
  new Gauge({
    name: 'sluice_source_problems',
    help: 'Bad files, Rollouts that are refused or not written yet, and one more while Git cannot be read.',
    labelNames: ['source'],
    registers,
    collect() {
      this.reset();
      for (const { name, problems, error } of standings.values())
        this.set({ source: name }, problems.length + (error === undefined ? 0 : 1));
    },
  });
  new Gauge({
    name: 'sluice_source_info',
    help: 'One for each source, with the branch and commit that is applied.',
    labelNames: ['source', 'revision'],
    registers,
    collect() {
      this.reset();
      for (const { name, appliedRevision } of standings.values())
        if (appliedRevision !== undefined) this.set({ source: name, revision: appliedRevision }, 1);
    },
  });
  return {
    sourceTurn: (standing, { kind, durationMs }) => {
      standings.set(standing.name, standing);
      const outcome = standing.error === undefined ? 'ok' : 'failed';
      if (kind === 'sync') syncSeconds.observe({ source: standing.name, outcome }, durationMs / 1000);
    },
    sourceStopped: source => void standings.delete(source),
  };
};

const readAtScrape = (registry: Registry, { store, queueDepth, isLeader }: Parameters<Metrics['watch']>[0]): void => {
  const registers = [registry];
  const rollouts = (): readonly StoredRollout[] => store.keys().flatMap(key => store.get(key) ?? []);
  new Gauge({
    name: 'sluice_rollout_info',
    help: 'One for each rollout, with its phase and version.',
    labelNames: ['namespace', 'name', 'phase', 'version'],
    registers,
    collect() {
      this.reset();
      for (const { namespace, name, status, spec } of rollouts()) {
        this.set({ namespace, name, phase: status?.phase ?? 'Pending', version: status?.display?.version ?? spec.version }, 1);
      }
    },
  });
  new Gauge({
    name: 'sluice_rollout_weight',
    help: 'Intended share of the new version in percent; absent when none is in progress.',
    labelNames: ['namespace', 'name'],
    registers,
    collect() {
      this.reset();
      for (const { namespace, name, status } of rollouts())
        if (status?.step) this.set({ namespace, name }, status.traffic?.weight ?? 0);
    },
  });
  new Gauge({
    name: 'sluice_queue_depth',
    help: 'Rollouts that wait to be looked at.',
    registers,
    collect() {
      this.set(queueDepth());
    },
  });
  new Gauge({
    name: 'sluice_leader',
    help: '1 while this process may write.',
    registers,
    collect() {
      this.set(isLeader() ? 1 : 0);
    },
  });
};
