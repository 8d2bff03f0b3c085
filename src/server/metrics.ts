import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock, RolloutStore } from '../controller/ports.ts';
import { createInboundMetrics, type InboundMetrics } from './inboundMetrics.ts';
import { createOutboxMetrics, type OutboxMetrics } from './outboxMetrics.ts';
import { createRolloutMetrics, type RolloutMetrics } from './rolloutMetrics.ts';

/** Sluice's own metrics (docs/metrics.md lists them). Series of rollouts are made when they are read, so those of deleted ones disappear. */
export type Metrics = {
  readonly kubeRequest: (verb: string, resource: string, code: string, seconds: number) => void;
  readonly providerRequest: (provider: string, outcome: string) => void;
  readonly round: (round: { readonly seconds: number; readonly lagSeconds: number; readonly failed: boolean }) => void;
  readonly stored: RolloutMetrics['stored'];
  readonly sourceTurn: (status: SourceStanding, turn: { readonly kind: string; readonly durationMs: number }) => void;
  /** One try to store a record of evidence. */
  readonly evidence: (store: string, outcome: 'written' | 'failed' | 'lost') => void;
  readonly outbox: OutboxMetrics;
  readonly inbound: InboundMetrics;
  /** Another process may look after it now: its series disappear. */
  readonly sourceStopped: (source: string) => void;
  /** Connects what is read at each scrape. */
  readonly watch: (live: ProcessStanding & { readonly store: RolloutStore }) => void;
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

/** `clock` tells how long a step lasted. */
export const createMetrics = (clock: Clock): Metrics => {
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
  const reconcileLag = new Histogram({
    name: 'sluice_reconcile_lag_seconds',
    help: 'How long rollouts had been due when a round with them began.',
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60],
    registers,
  });
  const reconcileFailures = new Counter({
    name: 'sluice_reconcile_failures_total',
    help: 'Rounds that ended with an unexpected error.',
    registers,
  });
  const evidenceRecords = new Counter({
    name: 'sluice_evidence_records_total',
    help: 'Tries to store a record of evidence: written, failed (and tried again), or lost.',
    labelNames: ['store', 'outcome'],
    registers,
  });
  // Prometheus sees no increase in the first value of a series.
  for (const store of ['configMaps', 'directory'])
    for (const outcome of ['written', 'failed', 'lost']) evidenceRecords.inc({ store, outcome }, 0);
  const { watchRollouts, stored } = createRolloutMetrics(registry, clock);
  const sources = createSourceMetrics(registry);

  return {
    kubeRequest: (verb, resource, code) => kubeRequests.inc({ verb, resource, code }),
    providerRequest: (provider, outcome) => providerRequests.inc({ provider, outcome }),
    round: ({ seconds, lagSeconds, failed }) => {
      reconcileSeconds.observe(seconds);
      reconcileLag.observe(lagSeconds);
      if (failed) reconcileFailures.inc();
    },
    stored,
    evidence: (store, outcome) => evidenceRecords.inc({ store, outcome }),
    outbox: createOutboxMetrics(registry),
    inbound: createInboundMetrics(registry),
    ...sources,
    watch: ({ store, ...process }) => {
      watchRollouts(store);
      readAtScrape(registry, process);
    },
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

type ProcessStanding = { readonly queueDepth: () => number; readonly isLeader: () => boolean };

const readAtScrape = (registry: Registry, { queueDepth, isLeader }: ProcessStanding): void => {
  const registers = [registry];
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
