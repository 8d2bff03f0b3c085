import { json, type Loopback, listen } from '../adapters/http/loopback.ts';
import {
  buckets,
  type FakeSeries,
  type Labels,
  received,
  requests,
  samples,
  sent,
  startFakePrometheus,
} from '../adapters/prometheus/fake.ts';

/** A Prometheus that can also say which series it had in a time. */
export type PastPrometheus = Loopback & {
  series: readonly FakeSeries[];
  /** Paths that were asked. */
  readonly asked: string[];
  /** Whether the request with this number, from 1 on, fails. */
  fails: (request: number) => boolean;
};

export const startPastPrometheus = async (): Promise<PastPrometheus> => {
  const fake = await startFakePrometheus();
  const asked: string[] = [];
  const front = await listen(async ({ url, body }, response) => {
    asked.push(url.pathname);
    if (past.fails(asked.length)) {
      return json(response, { status: 'error', errorType: 'internal', error: 'out of order' }, 500);
    }
    if (url.pathname === '/api/v1/series')
      return json(response, { status: 'success', data: seen(past.series, new URLSearchParams(body)) });
    fake.series = past.series;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await fetch(`${fake.url}${url.pathname}`, { method: 'POST', body, headers });
    json(response, await answer.json(), answer.status);
  });
  const close = async (): Promise<void> => {
    await Promise.all([front.close(), fake.close()]);
  };
  const past: PastPrometheus = { ...front, series: [], asked, fails: () => false, close };
  return past;
};

/** Label sets of the series that match and have a sample in the time. */
const seen = (series: readonly FakeSeries[], form: URLSearchParams): readonly Labels[] => {
  const matchers = [...(form.get('match[]') ?? '').matchAll(/(\w+)="([^"]*)"/g)];
  const [start, end] = [Number(form.get('start')), Number(form.get('end'))];
  return series
    .filter(({ labels }) => matchers.every(([, name = '', value]) => labels[name] === value))
    .filter(({ samples: taken }) => taken.some(([atS]) => atS >= start && atS <= end))
    .map(({ labels }) => labels);
};

export type Served = {
  readonly fromS: number;
  readonly toS: number;
  /** Per second. */
  readonly rate: number;
  /** Share of them that fail with 503. */
  readonly failing?: number;
  /** So many of those that stable would answer within 50 ms take longer. */
  readonly slowing?: number;
  readonly workload?: string;
  /** Labels by which the metrics know the version. */
  readonly labels?: Labels;
};

const EVERY_S = 15;

/** The counters of one version of `forecast.weather`, as evenly as requests can come. */
export const served = (
  version: string,
  { fromS, toS, rate, failing = 0, slowing = 0, workload, labels }: Served,
): readonly FakeSeries[] => {
  const moments = Math.floor((toS - fromS) / EVERY_S) + 1;
  const counted = (share: number): FakeSeries['samples'] =>
    samples(
      fromS,
      EVERY_S,
      Array.from({ length: moments }, (_, k) => Math.floor(k * EVERY_S * rate * share)),
    );
  const of = workload ?? `forecast-${version}`;
  const more = {
    destination_service: 'forecast.weather.svc.cluster.local',
    destination_service_name: 'forecast',
    destination_service_namespace: 'weather',
    destination_workload_namespace: 'weather',
    ...(labels ?? { destination_version: version, destination_canonical_revision: version }),
  };
  const failed = { ...more, response_code: '503', response_flags: '-' };
  const reporters = [received, sent].flatMap(reported => [
    requests(reported(of, `${of}-a`, more), counted(1 - failing)),
    ...(failing > 0 ? [requests(reported(of, `${of}-a`, failed), counted(failing))] : []),
  ]);
  return [
    ...reporters,
    ...buckets(received(of, `${of}-a`, more), { '50': counted(0.9 * (1 - slowing)), '100': counted(0.995), '+Inf': counted(1) }),
  ];
};
