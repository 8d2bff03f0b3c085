import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendTo } from '../mesh/echo.ts';

/** The application `forecast` in v1, v2 and v3 behind a gateway, with Prometheus and Zipkin. */
export interface TelemetryWorld {
  readonly namespace: string;
  readonly gatewayUrl: string;
  readonly prometheusUrl: string;
  readonly zipkinUrl: string;
  readonly host: string;
  /** Sets the subsets v1, v2 and v3, and the http routes; resolves when they are obeyed. */
  route(http: readonly object[]): Promise<void>;
  /** Asks until there is an answer. */
  until<T>(ask: () => Promise<T | undefined>, what: string): Promise<T>;
  close(): Promise<void>;
}

interface WireSpan {
  readonly id: string;
  readonly parentId?: string;
  readonly kind: string;
  readonly name: string;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

const json = async <T>(url: string): Promise<T> => (await fetch(url)).json() as Promise<T>;
const COUNT = 20;

/** What metrics and spans say of plain, header-routed and copied requests. */
export function meshTelemetryContract(server: string, open: () => Promise<TelemetryWorld>): void {
  describe(`telemetry of ${server}`, () => {
    let world: TelemetryWorld;

    const to = (subset: string) => [{ destination: { host: 'forecast', subset } }];
    const send = (path: string, headers: Readonly<Record<string, string>> = {}) =>
      Promise.all(Array.from({ length: COUNT }, () => sendTo(world.gatewayUrl, { host: world.host, path, headers })));
    /** Labels and values of `istio_requests_total`, by workload, of one side. */
    const counted = async (reporter: string) => {
      const query = `istio_requests_total{reporter="${reporter}",destination_service_namespace="${world.namespace}"}`;
      type Result = { readonly metric: Readonly<Record<string, string>>; readonly value: readonly [number, string] };
      const url = `${world.prometheusUrl}/api/v1/query?query=${encodeURIComponent(query)}`;
      const { data } = await json<{ data: { result: readonly Result[] } }>(url);
      const of = (version: string) =>
        data.result.filter(({ metric }) => metric['destination_workload'] === `forecast-${version}`);
      return {
        labels: (version: string) => of(version)[0]?.metric,
        count: (version: string) => of(version).reduce((sum, { value }) => sum + Number(value[1]), 0),
      };
    };
    const traces = (query: string) => json<WireSpan[][]>(`${world.zipkinUrl}/api/v2/traces?limit=1000&${query}`);
    const sentTo = (version: string) =>
      `annotationQuery=${encodeURIComponent(`upstream_cluster=outbound|3002|${version}|forecast.${world.namespace}.svc.cluster.local`)}`;

    beforeAll(async () => {
      world = await open();
      await world.route([
        { name: 'to-v2', match: [{ headers: { 'end-user': { exact: 'jason' } } }], route: to('v2') },
        {
          name: 'copied',
          match: [{ uri: { prefix: '/copied' } }],
          route: to('v1'),
          mirrors: [{ destination: { host: 'forecast', subset: 'v3' } }],
        },
        { name: 'plain', route: to('v1') },
      ]);
      await send('/plain');
      await send('/plain', { 'end-user': 'jason' });
      await send('/copied');
    });
    afterAll(() => world.close());

    it('the sender counts by what it sent to, whatever route; copies are counted by their receiver alone', async () => {
      const [source, destination] = await world.until(async () => {
        const [first, second] = await Promise.all([counted('source'), counted('destination')]);
        const isThere = first.count('v1') >= 2 * COUNT && first.count('v2') >= COUNT && second.count('v3') >= COUNT;
        return isThere ? ([first, second] as const) : undefined;
      }, 'all requests to be counted');
      expect(source.count('v3')).toBe(0);
      expect(destination.count('v3')).toBe(COUNT);
      const labels = (version: string) => ({
        destination_app: 'forecast',
        destination_canonical_revision: version,
        destination_canonical_service: 'forecast',
        destination_service: `forecast.${world.namespace}.svc.cluster.local`,
        destination_service_name: 'forecast',
        destination_service_namespace: world.namespace,
        destination_version: version,
        destination_workload: `forecast-${version}`,
        destination_workload_namespace: world.namespace,
        request_protocol: 'http',
        response_code: '200',
        response_flags: '-',
        source_workload: 'gateway',
        source_workload_namespace: 'istio-system',
      });
      const sides = {
        source: { reporter: 'source', connection_security_policy: 'unknown' },
        destination: { reporter: 'destination', connection_security_policy: 'none' },
      };
      for (const version of ['v1', 'v2']) expect(source.labels(version)).toMatchObject({ ...labels(version), ...sides.source });
      for (const version of ['v1', 'v2', 'v3'])
        expect(destination.labels(version)).toMatchObject({ ...labels(version), ...sides.destination });
    });

    it('the gateway has a span of the request and one of its call, both with the cluster; copies have none anywhere', async () => {
      const found = await world.until(async () => {
        const all = await traces(sentTo('v2'));
        return all.length >= COUNT && (await traces(sentTo('v1'))).length >= 2 * COUNT ? all : undefined;
      }, 'the spans');
      const cluster = `outbound|3002|v2|forecast.${world.namespace}.svc.cluster.local`;
      const own = (found[0] ?? []).filter(span => span.localEndpoint.serviceName === 'gateway.istio-system');
      const [whole, call] = ['SERVER', 'CLIENT'].map(kind => own.find(span => span.kind === kind));
      expect(own).toHaveLength(2);
      expect([whole?.name, whole?.parentId]).toEqual([`forecast.${world.namespace}.svc.cluster.local:3002/*`, undefined]);
      expect([call?.name, call?.parentId]).toEqual([`router ${cluster}; egress`, whole?.id]);
      const shared = {
        upstream_cluster: cluster,
        'http.status_code': '200',
        response_flags: '-',
        'istio.canonical_revision': 'latest',
      };
      expect(whole?.tags).toMatchObject({ ...shared, 'http.method': 'GET', 'http.url': `http://${world.host}/plain` });
      expect(whole?.tags['node_id']).toMatch(/^router~/);
      expect(call?.tags).toMatchObject(shared);
      expect(Object.keys(call?.tags ?? {})).not.toContain('http.url');
      expect(await traces(sentTo('v3'))).toEqual([]);
      const receivers = (await traces(`serviceName=forecast.${world.namespace}`)).flat();
      expect(receivers.filter(span => span.tags['istio.canonical_revision'] === 'v3')).toEqual([]);
    });
  });
}
