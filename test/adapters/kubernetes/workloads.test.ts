import { describe, expect, it } from 'vitest';
import { KubeError } from '../../../src/adapters/kubernetes/errors.ts';
import { toPod, toService } from '../../../src/adapters/kubernetes/pods.ts';
import type { KubeObject, ObjectRef } from '../../../src/adapters/kubernetes/resources.ts';
import { createWorkloads } from '../../../src/adapters/kubernetes/workloads.ts';

type Owner = { readonly kind: string; readonly name: string };

const pod = (name: string, labels: Record<string, string>, owner?: Owner, more: object = {}): KubeObject => ({
  metadata: {
    namespace: 'weather',
    name,
    uid: name,
    labels: { app: 'forecast', version: 'v1', ...labels },
    ...(owner ? { ownerReferences: [{ ...owner, uid: owner.name, controller: true }] } : {}),
    ...more,
  },
});
const replicaSet = (deployment: string, hash: string): Owner => ({ kind: 'ReplicaSet', name: `${deployment}-${hash}` });
const ofDeployment = (name: string, deployment: string, labels: Record<string, string> = {}): KubeObject =>
  pod(name, { 'pod-template-hash': 'h1', ...labels }, replicaSet(deployment, 'h1'));

const WANTED = { namespace: 'weather', host: 'forecast.weather.svc.cluster.local', versionLabel: 'version', version: 'v1' };

const scaling = (
  pods: readonly KubeObject[],
  deployments: Readonly<Record<string, { version: string; replicas: number }>>,
  selector = { app: 'forecast' },
  wanted = WANTED,
) => {
  const requests: string[] = [];
  const notFound = (ref: ObjectRef) => new KubeError(`getting ${ref.name}`, { kind: 'notFound', reason: 'not found' });
  const client = {
    get: async (resource: { plural: string }, ref: ObjectRef): Promise<KubeObject> => {
      requests.push(`get ${resource.plural} ${ref.namespace}/${ref.name}`);
      const found = deployments[ref.name];
      if (found === undefined) throw notFound(ref);
      return {
        metadata: { name: ref.name },
        spec: { replicas: found.replicas, template: { metadata: { labels: { version: found.version } } } },
      };
    },
    mergePatch: async (resource: { plural: string }, ref: ObjectRef, patch: object): Promise<KubeObject> => {
      requests.push(`patch ${resource.plural}/${ref.subresource} ${ref.namespace}/${ref.name} ${JSON.stringify(patch)}`);
      return { metadata: {} };
    },
  };
  const service = toService({ metadata: { namespace: 'weather', name: 'forecast' }, spec: { selector } });
  const caches = {
    pods: { byNamespace: () => pods.map(toPod) },
    services: {
      get: (namespace: string, name: string) => (namespace === 'weather' && name === 'forecast' ? service : undefined),
    },
  };
  return { requests, scaled: createWorkloads(client, caches).scaleToZero(wanted) };
};

describe('scaling a retired version to 0', () => {
  it('R21: never scales what stands in another namespace than the Rollout, whatever its host names', async () => {
    const pods = [ofDeployment('a', 'forecast-v1')];
    const deployments = { 'forecast-v1': { version: 'v1', replicas: 3 } };
    const { requests, scaled } = scaling(pods, deployments, { app: 'forecast' }, { ...WANTED, namespace: 'market' });
    expect([await scaled, requests]).toEqual([[], []]);
  });

  it('R21: scales the Deployments behind its pods, through the scale subresource', async () => {
    const { requests, scaled } = scaling(
      [ofDeployment('a', 'forecast-v1'), ofDeployment('b', 'forecast-v1'), ofDeployment('c', 'forecast-v2', { version: 'v2' })],
      {
        'forecast-v1': { version: 'v1', replicas: 3 },
        'forecast-v2': { version: 'v2', replicas: 3 },
      },
    );
    expect(await scaled).toEqual(['weather/forecast-v1']);
    expect(requests).toEqual([
      'get deployments weather/forecast-v1',
      'patch deployments/scale weather/forecast-v1 {"spec":{"replicas":0}}',
    ]);
  });

  it('R21: those that are at 0 already are not written', async () => {
    const { requests, scaled } = scaling([ofDeployment('a', 'forecast-v1')], { 'forecast-v1': { version: 'v1', replicas: 0 } });
    expect(await scaled).toEqual([]);
    expect(requests).toEqual(['get deployments weather/forecast-v1']);
  });

  it.each([
    ['pods that the Service does not select', ofDeployment('a', 'forecast-v1', { app: 'other' })],
    ['pods of another version', ofDeployment('a', 'forecast-v1', { version: 'v3' })],
    [
      'pods on their way out',
      pod('a', { 'pod-template-hash': 'h1' }, replicaSet('forecast-v1', 'h1'), { deletionTimestamp: '2026-11-21T14:00:00Z' }),
    ],
    ['pods of a StatefulSet', pod('a', {}, { kind: 'StatefulSet', name: 'forecast-v1' })],
    ['pods of a ReplicaSet that stands alone', pod('a', {}, { kind: 'ReplicaSet', name: 'forecast-v1' })],
    ['pods of nobody', pod('a', {})],
  ])('R21: %s are no ground for it', async (_, found) => {
    const { requests, scaled } = scaling([found], { 'forecast-v1': { version: 'v1', replicas: 3 } });
    expect(await scaled).toEqual([]);
    expect(requests).toEqual([]);
  });

  it('R21: a Deployment that has another version by now, or is none, is left alone', async () => {
    const reused = scaling([ofDeployment('a', 'forecast')], { forecast: { version: 'v2', replicas: 3 } });
    expect(await reused.scaled).toEqual([]);
    const gone = scaling([ofDeployment('a', 'forecast-v1')], {});
    expect(await gone.scaled).toEqual([]);
    expect([...reused.requests, ...gone.requests].filter(request => request.startsWith('patch'))).toEqual([]);
  });

  it('R21: a Service without a selector has no pods to be scaled', async () => {
    const { requests, scaled } = scaling(
      [ofDeployment('a', 'forecast-v1')],
      { 'forecast-v1': { version: 'v1', replicas: 3 } },
      {} as { app: string },
    );
    expect(await scaled).toEqual([]);
    expect(requests).toEqual([]);
  });
});
