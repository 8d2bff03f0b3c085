/** What is wrong with a workload; all harmless by default. */
export interface Fault {
  /** Share of requests that fail, 0..1. */
  readonly errorRate: number;
  /** The status of failing requests. */
  readonly status: number;
  /** Added to every answer. */
  readonly latencyMs: number;
  /** Its pods run but say Ready=False. */
  readonly notReady: boolean;
  /** Its pods say Ready and refuse connections. */
  readonly down: boolean;
}

/** Faults by workload, which is the name of a Deployment; they may be set before it exists. */
export interface Faults {
  of(workload: string): Fault;
  set(workload: string, change: Partial<Fault>): Fault;
  all(): { [workload: string]: Fault };
  onChange(listener: (workload: string) => void): void;
}

const NONE: Fault = { errorRate: 0, status: 500, latencyMs: 0, notReady: false, down: false };

/** No faults at first. */
export function createFaults(): Faults {
  const faults = new Map<string, Fault>();
  const listeners: ((workload: string) => void)[] = [];
  const of = (workload: string) => faults.get(workload) ?? NONE;
  return {
    of,
    set: (workload, change) => {
      const next = { ...of(workload), ...change };
      faults.set(workload, next);
      for (const listener of listeners) listener(workload);
      return next;
    },
    all: () => Object.fromEntries(faults),
    onChange: listener => void listeners.push(listener),
  };
}
