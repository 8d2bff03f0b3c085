import type { SpanTraffic } from '../../../src/adapters/zipkin/count.ts';
import { createZipkin } from '../../../src/adapters/zipkin/zipkin.ts';
import type { TrafficQuery } from '../../../src/controller/ports.ts';
import { type FakeSpan, type FakeZipkin, host } from './fake.ts';

export const lagMs = 15_000;

const subsets = { stable: 'v1', canary: 'v2' } as const;

export type Side = keyof typeof subsets;

type Reader = {
  readAt(nowMs: number, more: Pick<TrafficQuery, 'fromMs'> & Partial<TrafficQuery>): Promise<SpanTraffic>;
};

/** Reads a fake Zipkin at any time, with the usual lag. Each search makes time pass. */
export function createReader(fake: FakeZipkin, { searchTakesMs = 0 } = {}): Reader {
  let now = 0;
  const onRequest = () => {
    now += searchTakesMs;
  };
  const zipkin = createZipkin({ name: 'default', url: fake.url, timeoutMs: 5000, lagMs, clock: { now: () => now }, onRequest });
  return {
    readAt: (nowMs, more) => {
      now = nowMs;
      const query: TrafficQuery = {
        host,
        stable: { version: '1.0', subset: subsets.stable, workloads: ['reviews-v1'] },
        canary: { version: '2.0', subset: subsets.canary, workloads: ['reviews-v2'] },
        toMs: nowMs,
        slowerThanMs: [],
        ...more,
      };
      return zipkin.readTraffic(query, new AbortController().signal);
    },
  };
}

export type TrueCall = { readonly side: Side; readonly atMs: number; readonly durationMs: number; readonly arrivesMs: number };

/** A calling proxy's span, as short as it can be: there are very many of them. */
function spanOf({ side, atMs, durationMs }: TrueCall, index: number): FakeSpan {
  return {
    traceId: index.toString(16).padStart(16, '0'),
    id: 'a1',
    kind: 'CLIENT',
    timestamp: Math.round(atMs * 1000),
    duration: Math.max(1, Math.round(durationMs * 1000)),
    tags: { upstream_cluster: `outbound|9080|${subsets[side]}|${host}`, 'http.status_code': '200', response_flags: '-' },
  };
}

/** Shows each span from the moment on at which its proxy has sent it. */
export function storeAsTheyArrive(fake: FakeZipkin, calls: readonly TrueCall[]): (nowMs: number) => void {
  const arrivesMs = new Map<FakeSpan, number>();
  fake.spans = calls.map((call, index) => {
    const span = spanOf(call, index);
    arrivesMs.set(span, call.arrivesMs);
    return span;
  });
  return nowMs => {
    fake.hasArrived = span => (arrivesMs.get(span) ?? 0) <= nowMs;
  };
}
