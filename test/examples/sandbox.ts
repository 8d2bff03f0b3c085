import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { World } from '../e2e/world.ts';
import { requestJson } from '../real/bed/http.ts';
import { createKubernetes, type KubernetesObject } from '../real/bed/kubernetes.ts';
import { watchObjects } from '../real/watchObjects.ts';
import { until } from '../sandbox/client.ts';
import type { Place } from './place.ts';
import { validateCluster } from './validate.ts';

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }];
}

interface Answer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

const PACE = { duration: '2500ms', bake: '1s', after: '2s', interval: '1s' } as const;
/** Of all users of an example; many examples run side by side. */
const RATE = 10;
const PATIENCE_MS = 120_000;
const LOOK_EVERY_MS = 250;

/** The sandbox of a world, in which a controller runs; `program` is the built command line. */
export async function sandboxPlace({ sandbox, api, folder }: World, program: string): Promise<Place> {
  const [{ cluster }] = (parse(sandbox.kubeconfig) as Kubeconfig).clusters;
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, Buffer.from(cluster['certificate-authority-data'], 'base64'));
  const access = { apiUrl: cluster.server, caFile, token: api.token };
  const kubernetes = createKubernetes(access);
  const podsOf = async (namespace: string, version: string): Promise<readonly string[]> => {
    const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=version%3D${version}`;
    const { items } = await kubernetes.get<{ readonly items: readonly KubernetesObject[] }>(path);
    return items.map(({ metadata }) => metadata.name);
  };
  return {
    kubernetes,
    watch: path => watchObjects({ ...access, tokenOf: () => api.token }, path),
    pace: PACE,
    ratePerSecond: RATE,
    gatewayUrl: sandbox.urls.gateway,
    // one proxy plays all of them, and tells by the host whose request it is
    meshUrl: () => sandbox.urls.gateway,
    fitted: objects => objects,
    arrived: async (namespace, version) => {
      const labels = `reporter="destination",destination_workload_namespace="${namespace}",destination_version="${version}"`;
      const query = encodeURIComponent(`sum(istio_requests_total{${labels}})`);
      const { data } = await requestJson<Answer>(`${sandbox.urls.prometheus}/api/v1/query?query=${query}`);
      return Number(data.result[0]?.value[1] ?? 0);
    },
    behave: async (namespace, version, { errorRate = 0, latencyMs = 0, isUnready = false }) => {
      for (const pod of await podsOf(namespace, version))
        sandbox.control.setFault(pod, { errorRate, latencyMs, notReady: isUnready });
    },
    validate: rollouts => validateCluster({ program, kubeconfig: sandbox.kubeconfigPath, folder }, rollouts),
    until: async (what, ask) => {
      let last = '';
      const look = async () => {
        const isThere = await ask().catch((error: Error) => {
          last = `; last: ${error.message}`;
          return false;
        });
        return isThere ? true : undefined;
      };
      await until(look, what, PATIENCE_MS, LOOK_EVERY_MS).catch((error: Error) => {
        throw new Error(`${error.message}${last}`);
      });
    },
  };
}
