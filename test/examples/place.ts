import type { Kubernetes, KubernetesObject } from '../real/bed/kubernetes.ts';
import type { watchObjects } from '../real/watchObjects.ts';
import type { Pace } from './folder.ts';
import type { Finding } from './validate.ts';

/** How the pods of a version answer; unset fields: healthy. */
interface Behaviour {
  /** Share of answers that are errors, 0..1. */
  readonly errorRate?: number;
  readonly latencyMs?: number;
  /** Its pods run and are not ready. */
  readonly isUnready?: boolean;
}

/** Where the examples run: the sandbox, or real servers. A controller is there, too. */
export interface Place {
  readonly kubernetes: Kubernetes;
  readonly watch: (path: string) => ReturnType<typeof watchObjects>;
  readonly pace: Pace;
  /** Of each example, all its users together. */
  readonly ratePerSecond: number;
  /** The ingress gateway. */
  readonly gatewayUrl: string;
  /** The proxy beside a caller in the mesh, for calls to a port. */
  readonly meshUrl: (port: number) => string;
  /** The objects of an example, with what this place needs and a cluster would have by itself. */
  readonly fitted: (objects: readonly KubernetesObject[]) => readonly KubernetesObject[];
  /** Requests that the pods of a version have answered, copies included. */
  readonly arrived: (namespace: string, version: string) => Promise<number>;
  readonly behave: (namespace: string, version: string, behaviour: Behaviour) => Promise<void>;
  /** Tags of the newest spans of requests to a version, one set for each span. Absent where proxies do not read Telemetry. */
  readonly spans?: (host: string, port: number, version: string) => Promise<readonly Readonly<Record<string, string>>[]>;
  /** What `sluice validate --cluster` finds for Rollouts. */
  readonly validate: (rollouts: readonly KubernetesObject[]) => Promise<readonly Finding[]>;
  /** Asks until the answer is true. Throws with the name of what was awaited. */
  readonly until: (what: string, ask: () => Promise<boolean>) => Promise<void>;
}

interface Deployments {
  readonly items: readonly {
    readonly spec: { readonly replicas: number };
    readonly status?: { readonly readyReplicas?: number };
  }[];
}

/** All Deployments of a namespace have their pods. */
export const isReady = async ({ kubernetes }: Place, namespace: string): Promise<boolean> => {
  const { items } = await kubernetes.get<Deployments>(`/apis/apps/v1/namespaces/${namespace}/deployments`);
  return items.length > 0 && items.every(({ spec, status }) => status?.readyReplicas === spec.replicas);
};
