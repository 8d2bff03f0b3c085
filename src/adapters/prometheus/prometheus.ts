import type { QueryProvider, TrafficProvider } from '../../controller/ports.ts';
import { createHttpClient, type HttpClientOptions } from '../http/client.ts';
import { AnswerError, describeRefusal, parseInstant, parseMatrix } from './answer.ts';
import { blockSelector, countBlocks } from './blocks.ts';
import { countTraffic, trafficSelector } from './istio.ts';

export type PrometheusOptions = Pick<HttpClientOptions, 'name' | 'url' | 'timeoutMs' | 'tokenFile' | 'onRequest'>;

/**
 * How far before the interval the last earlier sample of a counter is looked for. It is Prometheus' own measure: a
 * series that was silent for longer is gone to its queries, too. Shorter, and a slow scrape would make an old counter
 * look newborn, with all its history counted as new.
 */
const lookbackMs = 300_000;

/** Raw counters of a large host, with all of Istio's labels, are tens of megabytes. */
const maxContentBytes = 64 * 1024 * 1024;

/** Request counts from Istio's standard metrics, and single numbers from PromQL queries. One HTTP request per call. */
export function createPrometheus(options: PrometheusOptions): TrafficProvider & QueryProvider {
  const client = createHttpClient({ ...options, product: 'Prometheus', maxContentBytes, describeRefusal });
  const ask = async <T>(operation: string, form: Readonly<Record<string, string>>, reader: Reader<T>): Promise<T> => {
    // By POST: a long query does not fit into every proxy's idea of a URL.
    const body = await client.requestJson({ operation, path: '/api/v1/query', form, signal: reader.signal });
    try {
      return reader.read(body);
    } catch (error) {
      throw error instanceof AnswerError ? client.badAnswer(operation, error.message) : error;
    }
  };
  return {
    async readTraffic(query, signal) {
      const { host, fromMs, toMs } = query;
      const form = { query: trafficSelector(query, toMs - fromMs + lookbackMs), time: seconds(toMs) };
      const series = await ask(`reading traffic of ${host}`, form, { read: parseMatrix, signal });
      return countTraffic(series, query);
    },
    async readBlocks(query, signal) {
      const { host, version, fromMs, toMs } = query;
      if (version.workloads.length === 0) return [];
      const form = { query: blockSelector(query, toMs - fromMs + lookbackMs), time: seconds(toMs) };
      const series = await ask(`reading ${version.version}'s pods of ${host}`, form, { read: parseMatrix, signal });
      return countBlocks(series, query);
    },
    async readValue(query, atMs, signal) {
      return ask('running the query', { query, time: seconds(atMs) }, { read: parseInstant, signal });
    },
  };
}

type Reader<T> = { readonly read: (body: unknown) => T; readonly signal: AbortSignal };

function seconds(timeMs: number): string {
  return (timeMs / 1000).toFixed(3);
}
