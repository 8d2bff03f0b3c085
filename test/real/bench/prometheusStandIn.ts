import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** Requests per second of each version of `forecast`, and whether all of them fail. */
export type Telemetry = Readonly<Record<string, { readonly perSecond: number; readonly failing?: boolean }>>;

interface PrometheusStandIn {
  readonly url: string;
  /** What proxies tell of a namespace from now on. */
  readonly tell: (namespace: string, telemetry: Telemetry) => void;
  /** When the first answer with failures since the last `tell` was sent; undefined until then. */
  readonly failuresToldAtMs: (namespace: string) => number | undefined;
  readonly close: () => Promise<void>;
}

/** Requests by `version code`, as they add up from a moment on. */
interface Segment {
  readonly fromMs: number;
  readonly perSecond: ReadonlyMap<string, number>;
  readonly before: ReadonlyMap<string, number>;
}

interface Counters {
  segments: readonly Segment[];
  failingFromMs: number | undefined;
  toldAtMs: number | undefined;
}

const SCRAPE_MS = 1_000;
/** A scrape needs a moment to be there. */
const SCRAPE_TAKES_MS = 300;

function valueAt({ fromMs, perSecond, before }: Segment, key: string, atMs: number): number {
  return Math.round((before.get(key) ?? 0) + ((perSecond.get(key) ?? 0) * (atMs - fromMs)) / 1_000);
}

function nextSegment(last: Segment | undefined, telemetry: Telemetry, fromMs: number): Segment {
  const keys = Object.keys(telemetry).flatMap(version => [`${version} 200`, `${version} 500`]);
  const all = [...new Set([...(last?.before.keys() ?? []), ...keys])];
  const before = new Map(all.map(key => [key, last === undefined ? 0 : valueAt(last, key, fromMs)]));
  const rates = Object.entries(telemetry).map(
    ([version, { perSecond, failing }]) => [`${version} ${failing === true ? 500 : 200}`, perSecond] as const,
  );
  return { fromMs, perSecond: new Map(rates), before };
}

function matrix(namespace: string, { segments }: Counters, range: { readonly fromMs: number; readonly toMs: number }): unknown {
  const startMs = Math.max(range.fromMs, segments[0]?.fromMs ?? range.toMs);
  const times: number[] = [];
  for (let atMs = Math.ceil(startMs / SCRAPE_MS) * SCRAPE_MS; atMs <= range.toMs - SCRAPE_TAKES_MS; atMs += SCRAPE_MS)
    times.push(atMs);
  const keys = [...(segments.at(-1)?.before.keys() ?? [])];
  return keys.map(key => {
    const [version = '', code = ''] = key.split(' ');
    const metric = {
      __name__: 'istio_requests_total',
      job: 'bench',
      instance: 'bench',
      reporter: 'destination',
      destination_workload: `forecast-${version}`,
      destination_workload_namespace: namespace,
      response_code: code,
      response_flags: '-',
      request_protocol: 'http',
    };
    const values = times.map(atMs => {
      const segment = segments.findLast(({ fromMs }) => fromMs <= atMs);
      return [atMs / 1_000, String(segment === undefined ? 0 : valueAt(segment, key, atMs))];
    });
    return { metric, values };
  });
}

/** Reads `{...,destination_service_namespace="x"}[301s]`. */
function rangeOf(form: URLSearchParams): { readonly namespace: string; readonly fromMs: number; readonly toMs: number } {
  const query = form.get('query') ?? '';
  const [, namespace = ''] = /destination_service_namespace="([^"]+)"/.exec(query) ?? [];
  const [, seconds = '0'] = /\[(\d+)s\]$/.exec(query) ?? [];
  const toMs = Number(form.get('time')) * 1_000;
  return { namespace, fromMs: toMs - Number(seconds) * 1_000, toMs };
}

async function bodyOf(incoming: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/**
 * Answers the controller's readings like a Prometheus that scrapes every second, with counters that the benchmark decides on: so it is known
 * to the millisecond when the controller was told of failures.
 */
export async function startPrometheusStandIn(): Promise<PrometheusStandIn> {
  const byNamespace = new Map<string, Counters>();
  const server = http.createServer(async (incoming, outgoing) => {
    const { namespace, ...range } = rangeOf(new URLSearchParams(await bodyOf(incoming)));
    const counters = byNamespace.get(namespace);
    const result = counters === undefined ? [] : matrix(namespace, counters, range);
    const body = JSON.stringify({ status: 'success', data: { resultType: 'matrix', result } });
    const newestMs = Math.floor((range.toMs - SCRAPE_TAKES_MS) / SCRAPE_MS) * SCRAPE_MS;
    outgoing.setHeader('content-type', 'application/json');
    if (counters?.failingFromMs !== undefined && newestMs > counters.failingFromMs) counters.toldAtMs ??= Date.now();
    outgoing.end(body);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tell: (namespace, telemetry) => {
      const { segments } = byNamespace.get(namespace) ?? { segments: [] };
      const isFailing = Object.values(telemetry).some(({ failing }) => failing === true);
      // failures begin with a scrape, so that the first reading that shows any shows a whole second of them
      const fromMs = isFailing ? Math.ceil(Date.now() / SCRAPE_MS) * SCRAPE_MS : Date.now();
      byNamespace.set(namespace, {
        segments: [...segments, nextSegment(segments.at(-1), telemetry, fromMs)],
        failingFromMs: isFailing ? fromMs : undefined,
        toldAtMs: undefined,
      });
    },
    failuresToldAtMs: namespace => byNamespace.get(namespace)?.toldAtMs,
    close: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
