/** One request as its sender saw it. */
export interface RequestRecord {
  /** Running number, also in the path as `n`. */
  readonly number: number;
  /** Wall clock. */
  readonly startMs: number;
  readonly durationMs: number;
  /** 0: no answer, see `error`. */
  readonly status: number;
  /** Version and Pod that answered; empty when the answer came from a proxy. */
  readonly version: string;
  readonly pod: string;
  readonly error: string;
}

/** Requests that were started in [fromMs, toMs). */
export interface TimeRange {
  readonly fromMs?: number;
  readonly toMs?: number;
}

export interface LoadSummary {
  readonly requests: number;
  readonly failed: number;
  /** Requests by version that answered; key '' is for answers of a proxy and for no answer. */
  readonly byVersion: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<string, number>>;
  /** Median and 99th percentile of the duration; NaN without requests. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadQuestion {
  readonly id: number;
  readonly kind: 'summary' | 'failures' | 'records' | 'stop';
  readonly range: TimeRange;
}

export interface Records {
  readonly add: (record: RequestRecord) => void;
  readonly answer: (question: LoadQuestion) => LoadSummary | RequestRecord[];
}

function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function isFailure(record: RequestRecord): boolean {
  return record.status === 0 || record.status >= 500;
}

function summarize(records: readonly RequestRecord[]): LoadSummary {
  const durations = records.map(record => record.durationMs).sort((a, b) => a - b);
  const quantile = (share: number) =>
    durations[Math.min(durations.length - 1, Math.floor(share * durations.length))] ?? Number.NaN;
  return {
    requests: records.length,
    failed: records.filter(isFailure).length,
    byVersion: tally(records.map(record => record.version)),
    byStatus: tally(records.map(record => String(record.status))),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  };
}

export function createRecords(): Records {
  const records: RequestRecord[] = [];
  return {
    add: record => {
      records.push(record);
    },
    answer: ({ kind, range }) => {
      const chosen = records.filter(
        ({ startMs }) => startMs >= (range.fromMs ?? 0) && startMs < (range.toMs ?? Number.POSITIVE_INFINITY),
      );
      if (kind === 'summary') return summarize(chosen);
      return kind === 'failures' ? chosen.filter(isFailure) : chosen;
    },
  };
}
