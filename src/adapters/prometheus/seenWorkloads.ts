import { createHttpClient } from '../http/client.ts';
import { describeRefusal } from './answer.ts';
import { destinationOf, requestsMetric } from './metrics.ts';
import type { PrometheusOptions } from './prometheus.ts';

/** A workload that got requests, and what the proxies called its version. */
export type SeenWorkload = {
  readonly workload: string;
  /** Value of the pods' label `version`. */
  readonly version: string | undefined;
  /** Istio's canonical revision, which other labels of the pods may decide. */
  readonly revision: string | undefined;
};

/**
 * Finds the workloads behind a host that there are counters of in a time, also when their pods are gone. The answer is as
 * coarse as Prometheus' blocks: a workload may be in it that had its requests shortly before or after.
 * Throws SystemError.
 */
export type FindWorkloads = (
  host: string,
  time: { readonly fromMs: number; readonly toMs: number },
  signal: AbortSignal,
) => Promise<readonly SeenWorkload[]>;

/** One HTTP request per call. */
export function createWorkloadFinder(options: PrometheusOptions): FindWorkloads {
  const client = createHttpClient({ ...options, product: 'Prometheus', describeRefusal });
  return async (host, { fromMs, toMs }, signal) => {
    const { matchers, namespace } = destinationOf(host);
    const form = {
      'match[]': `{${[`__name__="${requestsMetric}"`, ...matchers].join(',')}}`,
      start: String(fromMs / 1000),
      end: String(toMs / 1000),
    };
    const operation = `looking for workloads of ${host}`;
    const body = await client.requestJson({ operation, path: '/api/v1/series', form, signal });
    const data = isRecord(body) && body['status'] === 'success' ? body['data'] : undefined;
    if (!Array.isArray(data)) throw client.badAnswer(operation, 'gave an answer that is not of the Prometheus HTTP API');
    return distinct(data.filter(isRecord).flatMap(labels => toWorkload(labels, namespace)));
  };
}

/** Requests that reached no pod have an unknown workload. */
function toWorkload(labels: Readonly<Record<string, unknown>>, namespace: string | undefined): readonly SeenWorkload[] {
  const text = (name: string): string | undefined => {
    const value = labels[name];
    return typeof value === 'string' && value !== '' && value !== 'unknown' ? value : undefined;
  };
  const workload = text('destination_workload');
  const isElsewhere = namespace !== undefined && (text('destination_workload_namespace') ?? namespace) !== namespace;
  if (workload === undefined || isElsewhere) return [];
  return [{ workload, version: text('destination_version'), revision: text('destination_canonical_revision') }];
}

function distinct(seen: readonly SeenWorkload[]): readonly SeenWorkload[] {
  return [...new Map(seen.map(one => [JSON.stringify([one.workload, one.version, one.revision]), one])).values()];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
