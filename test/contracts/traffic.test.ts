import { createPrometheus } from '../../src/adapters/prometheus/prometheus.ts';
import { createZipkin } from '../../src/adapters/zipkin/zipkin.ts';
import { buckets, received, requests, sent, startFakePrometheus } from '../adapters/prometheus/fake.ts';
import { call, startFakeZipkin } from '../adapters/zipkin/fake.ts';
import { type TrafficWorld, trafficContract } from './traffic.contract.ts';

const host = 'reviews.shop.svc.cluster.local';
const stable = { version: 'v1', subset: 'v1', workloads: ['reviews-v1'] };
const canary = { version: 'v2', subset: 'v2', workloads: ['reviews-v2'] };
const startMs = 1_700_000_000_000;

const counted = async (): Promise<TrafficWorld> => {
  const fake = await startFakePrometheus();
  const provider = createPrometheus({ name: 'fake', url: fake.url, timeoutMs: 5000 });
  const scrapeEveryMs = 1000;
  const edges = ['100', '500', '1000', '+Inf'];
  const counters = new Map<
    string,
    { labels: Record<string, string>; all: number; byEdge: number[]; samples: (readonly number[])[] }
  >();
  let nowMs = startMs;
  const scrape = () => {
    for (const counter of counters.values()) counter.samples.push([nowMs / 1000, counter.all, ...counter.byEdge]);
    const column = (rows: readonly (readonly number[])[], index: number) =>
      rows.map(row => [row[0] ?? 0, row[index] ?? 0] as const);
    fake.series = [...counters.values()].flatMap(({ labels, samples }) => [
      requests(labels, column(samples, 1)),
      ...buckets(labels, Object.fromEntries(edges.map((le, index) => [le, column(samples, index + 2)]))),
    ]);
  };
  const tell = (
    teller: typeof sent,
    to: 'stable' | 'canary',
    count: number,
    { status = 200, latencyMs = 1 }: { readonly status?: number; readonly latencyMs?: number } = {},
  ) => {
    const key = `${teller.name} ${to} ${status}`;
    const instance = teller === sent ? 'gateway' : to;
    const labels = teller(to === 'stable' ? 'reviews-v1' : 'reviews-v2', instance, { response_code: String(status) });
    const counter = counters.get(key) ?? { labels, all: 0, byEdge: edges.map(() => 0), samples: [] };
    counters.set(key, counter);
    counter.all += count;
    counter.byEdge = counter.byEdge.map(
      (value, index) => value + (latencyMs <= Number.parseFloat(edges[index] ?? '') || index === 3 ? count : 0),
    );
  };
  return {
    provider,
    host,
    stable,
    canary,
    settleMs: 5 * scrapeEveryMs,
    nowMs: () => nowMs,
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += 100) {
        nowMs += 100;
        if (nowMs % scrapeEveryMs === 0) scrape();
      }
    },
    async send(to, count, answer) {
      for (const teller of [sent, received]) tell(teller, to, count, answer);
    },
    async sendCopied(count, copies) {
      for (const teller of [sent, received]) tell(teller, 'stable', count);
      tell(received, 'canary', count, copies);
    },
    close: fake.close,
  };
};

trafficContract('Prometheus', counted, { causes: true, copies: true });

trafficContract('Zipkin', async (): Promise<TrafficWorld> => {
  const fake = await startFakeZipkin();
  let nowMs = startMs;
  const lagMs = 2000;
  const send: TrafficWorld['send'] = async (to, count, { status = 200, latencyMs = 1 } = {}) => {
    for (let index = 0; index < count; index += 1) {
      nowMs += 1;
      const tags = { 'http.status_code': String(status) };
      fake.spans.push(...call(to === 'stable' ? 'v1' : 'v2', { atMs: nowMs, durationMs: latencyMs, tags }));
    }
  };
  return {
    provider: createZipkin({ name: 'fake', url: fake.url, timeoutMs: 5000, lagMs, clock: { now: () => nowMs } }),
    host,
    stable,
    canary,
    settleMs: 2 * lagMs,
    nowMs: () => nowMs,
    async pass(ms) {
      nowMs += ms;
    },
    send,
    // Istio's proxies do not trace copies
    sendCopied: count => send('stable', count),
    close: fake.close,
  };
});
