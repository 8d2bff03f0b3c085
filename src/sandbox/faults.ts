import type { PodIdentity } from './workloads/identity.ts';

/** What is wrong with a workload or a pod; all harmless by default. */
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

/** Faults by name, of a workload (which is the name of a Deployment) or of one pod; they may be set before it exists. */
export interface Faults {
  /** What is wrong with a pod: field by field what is said of it, else of its workload. */
  of(pod: Pick<PodIdentity, 'workload' | 'pod'>): Fault;
  /** Changes some fields, and answers with all of them. */
  set(name: string, change: Partial<Fault>): Fault;
  all(): { [name: string]: Fault };
  onChange(listener: (name: string) => void): void;
}

const NONE: Fault = { errorRate: 0, status: 500, latencyMs: 0, notReady: false, down: false };

/** No faults at first. */
export function createFaults(): Faults {
  const faults = new Map<string, Partial<Fault>>();
  const listeners: ((name: string) => void)[] = [];
  return {
    of: ({ workload, pod }) => ({ ...NONE, ...faults.get(workload), ...faults.get(pod) }),
    set: (name, change) => {
      const next = { ...faults.get(name), ...change };
      faults.set(name, next);
      for (const listener of listeners) listener(name);
      return { ...NONE, ...next };
    },
    all: () => Object.fromEntries([...faults].map(([name, fault]) => [name, { ...NONE, ...fault }])),
    onChange: listener => void listeners.push(listener),
  };
}
