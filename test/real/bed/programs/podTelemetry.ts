import type { AnswerObserver } from './podServers.ts';

/** Answers of one Pod since the start, by status. */
export interface PodCount {
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
  readonly pod: string;
  readonly workload: string;
  readonly byStatus: Readonly<Record<string, number>>;
}

interface PodTelemetry {
  readonly answered: AnswerObserver;
  readonly counts: () => PodCount[];
  /** The same in the form that Prometheus reads, with the names and labels that a sidecar beside the Pod would give. */
  readonly exposition: () => string;
}

// upper bounds of Envoy's histograms, which Istio's series have too, in milliseconds
const BUCKETS_MS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
];
const DURATION = 'istio_request_duration_milliseconds';

interface Series {
  count: number;
  sumMs: number;
  /** Not cumulative; the last one holds what is above all bounds. */
  readonly buckets: number[];
}

type Role = Parameters<AnswerObserver>[0];

function labelsOf(role: Role, status: number): string {
  const labels = {
    reporter: 'destination',
    request_protocol: 'http',
    connection_security_policy: 'none',
    source_workload: 'gateway',
    source_workload_namespace: 'istio-system',
    destination_service: `${role.app}.${role.namespace}.svc.cluster.local`,
    destination_service_name: role.app,
    destination_service_namespace: role.namespace,
    destination_workload: role.workload,
    destination_workload_namespace: role.namespace,
    destination_canonical_service: role.app,
    destination_canonical_revision: role.version,
    destination_app: role.app,
    destination_version: role.version,
    response_code: String(status),
    response_flags: '-',
    // every sidecar is a target of its own, and its scrape adds this
    pod: role.pod,
  };
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',');
}

function histogramLines(labels: string, series: Series): string[] {
  const lines: string[] = [];
  let cumulative = 0;
  for (const [index, bound] of [...BUCKETS_MS, '+Inf'].entries()) {
    cumulative += series.buckets[index] ?? 0;
    lines.push(`${DURATION}_bucket{${labels},le="${bound}"} ${cumulative}`);
  }
  return [...lines, `${DURATION}_sum{${labels}} ${series.sumMs}`, `${DURATION}_count{${labels}} ${series.count}`];
}

export function createPodTelemetry(): PodTelemetry {
  const pods = new Map<string, { role: Role; byStatus: Record<string, number> }>();
  const series = new Map<string, Series>();

  const countSeries = (labels: string, durationMs: number) => {
    let one = series.get(labels);
    if (!one) {
      one = { count: 0, sumMs: 0, buckets: new Array<number>(BUCKETS_MS.length + 1).fill(0) };
      series.set(labels, one);
    }
    const found = BUCKETS_MS.findIndex(bound => durationMs <= bound);
    const bucket = found < 0 ? BUCKETS_MS.length : found;
    one.count += 1;
    one.sumMs += durationMs;
    one.buckets[bucket] = (one.buckets[bucket] ?? 0) + 1;
  };
  return {
    answered: (role, status, durationMs) => {
      const id = `${role.namespace}/${role.pod}`;
      const pod = pods.get(id) ?? { role, byStatus: {} };
      pods.set(id, pod);
      pod.byStatus[status] = (pod.byStatus[status] ?? 0) + 1;
      countSeries(labelsOf(role, status), durationMs);
    },
    counts: () => [...pods.values()].map(({ role, byStatus }) => ({ ...role, byStatus })),
    exposition: () => {
      const totals = [...series].map(([labels, one]) => `istio_requests_total{${labels}} ${one.count}`);
      const durations = [...series].flatMap(([labels, one]) => histogramLines(labels, one));
      return ['# TYPE istio_requests_total counter', ...totals, `# TYPE ${DURATION} histogram`, ...durations, ''].join('\n');
    },
  };
}
