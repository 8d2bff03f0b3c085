import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createPrometheus } from '../../../src/adapters/prometheus/prometheus.ts';
import type { Traffic } from '../../../src/controller/ports.ts';
import { judgeGate } from '../../../src/rollout/gates/gates.ts';
import { addInterval, noSums } from '../../../src/rollout/judge/baseline.ts';
import type { Counts } from '../../../src/rollout/observation.ts';
import type { GateSource, PlanGate, Verdict } from '../../../src/rollout/status.ts';
import { type FakePrometheus, startFakePrometheus } from './fake.ts';

/** A recorded answer, and what it means. */
type Golden = {
  readonly name: string;
  readonly fromS: number;
  readonly toS: number;
  readonly slowerThanMs?: readonly number[];
  readonly copies?: boolean;
  readonly series: readonly { readonly metric: Readonly<Record<string, string>>; readonly values: [number, string][] }[];
  readonly expect: object;
  /** The scrape does not tell the pods of the versions. */
  readonly withoutPods?: boolean;
  /** limit: 99 % without errors; baseline: at most 1.5 times stable's error rate; latency: p99 at most the first limit. */
  readonly verdicts: { readonly limit: Verdict; readonly baseline: Verdict; readonly latency?: Verdict };
};

let fake: FakePrometheus;
beforeAll(async () => {
  fake = await startFakePrometheus();
});
afterAll(() => fake.close());

const folder = new URL('golden/', import.meta.url);
const files = readdirSync(folder).map(
  file =>
    [
      file,
      (parse(readFileSync(new URL(file, folder), 'utf8'), { merge: true, maxAliasCount: -1 }) as { cases: Golden[] }).cases,
    ] as const,
);

describe.each(files)('recorded answers of Prometheus: %s', (_, cases) => {
  it.each(cases)('$name', async golden => {
    fake.series = golden.series.map(({ metric, values }) => ({ labels: metric, samples: values }));
    fake.queries.length = 0;
    const traffic = await createPrometheus({ name: 'golden', url: fake.url, timeoutMs: 5000 }).readTraffic(
      {
        host: 'reviews.shop.svc.cluster.local',
        stable: { version: 'v1', subset: 'v1', workloads: ['reviews-v1'] },
        canary: { version: 'v2', subset: 'v2', workloads: ['reviews-v2'] },
        fromMs: golden.fromS * 1000,
        toMs: golden.toS * 1000,
        slowerThanMs: golden.slowerThanMs ?? [],
        ...(golden.copies === undefined ? {} : { copies: golden.copies }),
      },
      new AbortController().signal,
    );
    expect(traffic).toMatchObject(golden.expect);
    if (golden.withoutPods) expect([traffic.stable.pods, traffic.canary.pods]).toEqual([undefined, undefined]);
    expect(fake.queries).toHaveLength(1);
    expect(verdictsOf(traffic, golden)).toEqual(golden.verdicts);
  });
});

const common = {
  judge: 'sequential',
  minSamples: 50,
  failureLimit: 1,
  onNoData: 'hold',
  noDataDeadlineMs: 600_000,
  alpha: 0.01,
} as const;
const errors = { kind: 'prometheus', provider: 'default', metric: 'success-rate' } as const satisfies GateSource;

function verdictsOf(traffic: Traffic, { toS, fromS, slowerThanMs }: Golden): Golden['verdicts'] {
  const { stable, canary, untilMs } = traffic;
  const sides = {
    canary: { bad: canary.errors, total: canary.requests },
    stable: { bad: stable.errors, total: stable.requests },
  };
  const verdict = (gate: PlanGate, counts: Counts, more: object = {}): Verdict =>
    judgeGate(
      gate,
      undefined,
      { kind: 'counts', atMs: toS * 1000, untilMs, counts, stable: sides.stable, ...more },
      { sinceMs: fromS * 1000, pauseMs: 60_000 },
    ).verdict;
  const compared: PlanGate = { ...common, name: 'baseline', source: errors, baseline: { tolerance: 1.5, limit: 99 } };
  const sums = addInterval(noSums(compared), { shares: [sides] }, compared);
  const [limitMs] = slowerThanMs ?? [];
  const latency = { kind: 'prometheus', provider: 'default', metric: 'latency', percentile: 99 } as const satisfies GateSource;
  const slow = { bad: canary.slow[0] ?? 0, total: canary.timed };
  return {
    limit: verdict({ ...common, name: 'limit', source: errors, min: 99 }, sides.canary),
    baseline: verdict(compared, sides.canary, { baseline: sums }),
    ...(limitMs === undefined ? {} : { latency: verdict({ ...common, name: 'latency', source: latency, max: limitMs }, slow) }),
  };
}
