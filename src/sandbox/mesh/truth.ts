/** What a workload really answered. */
export interface WorkloadCount {
  requests: number;
  ok: number;
  errors: number;
}

/** Counts by workload that no scrape, sampling or label can distort. */
export interface Truth {
  arrived(workload: string, code: number): void;
  counts(): { [workload: string]: WorkloadCount };
}

/** Empty counts. */
export function createTruth(): Truth {
  const counts = new Map<string, WorkloadCount>();
  return {
    arrived: (workload, code) => {
      const count = counts.get(workload) ?? { requests: 0, ok: 0, errors: 0 };
      counts.set(workload, count);
      count.requests += 1;
      if (code >= 500 || code === 0) count.errors += 1;
      else count.ok += 1;
    },
    counts: () => Object.fromEntries([...counts].map(([workload, count]) => [workload, { ...count }])),
  };
}
