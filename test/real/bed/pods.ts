import { tokenOf } from './apiServer.ts';
import { request, requestJson } from './http.ts';
import { type Layout, localUrl } from './layout.ts';
import type { ServerPlan } from './process.ts';
import type { Behaviour, BehaviourScope } from './programs/behaviour.ts';
import type { PodCount } from './programs/podTelemetry.ts';
import { programOf } from './programs.ts';

/** The program that plays the containers of all Pods. */
export function podsPlan(layout: Layout): ServerPlan {
  const { ports, podNetwork, certificates } = layout;
  const settings = {
    apiUrl: localUrl(ports.apiServer, true),
    caFile: certificates.ca,
    token: tokenOf('admin'),
    podNetwork,
    port: ports.pods,
  };
  return {
    name: 'pods',
    command: process.execPath,
    args: ['--enable-source-maps', programOf(layout.directory, 'pods'), JSON.stringify(settings)],
    env: {},
    cwd: layout.directory,
    ready: { url: `${localUrl(ports.pods)}/ready` },
    readyTimeoutMs: 180_000,
    stopGraceMs: 1_000,
  };
}

/** Access to that program: how Pods answer, and what they answered. */
export interface Pods {
  /** Replaces the behaviour of all Pods in a scope, at once; `{}` makes them healthy again. */
  readonly behave: (scope: BehaviourScope, behaviour: Behaviour) => Promise<void>;
  /** What the Pods of a namespace really answered since the bed came up: the truth to hold telemetry against. */
  readonly counts: (namespace: string) => Promise<PodCount[]>;
}

export function createPods(port: number): Pods {
  const url = localUrl(port);
  return {
    behave: async (scope, behaviour) => {
      const answer = await request(`${url}/behaviour`, { method: 'POST', body: JSON.stringify({ scope, behaviour }) });
      if (answer.status !== 204)
        throw new Error(`setting the behaviour of ${JSON.stringify(scope)}: status ${answer.status}: ${answer.body}`);
    },
    counts: async namespace => (await requestJson<PodCount[]>(`${url}/stats`)).filter(count => count.namespace === namespace),
  };
}
