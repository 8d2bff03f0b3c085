import { describe, expect, it } from 'vitest';
import { createCache } from '../../../src/adapters/kubernetes/cache.ts';
import type { KubeClient } from '../../../src/adapters/kubernetes/client.ts';
import { KubeError } from '../../../src/adapters/kubernetes/errors.ts';
import { findAllowed } from '../../../src/adapters/kubernetes/missing.ts';
import { createPodSource, toPod, toService } from '../../../src/adapters/kubernetes/pods.ts';
import type { Resource } from '../../../src/adapters/kubernetes/resources.ts';
import { refusal } from './memoryObjects.ts';
import { createLines } from './quiet.ts';

const podWith = (spec: object, annotations: Record<string, string> = {}) =>
  toPod({ metadata: { name: 'a', namespace: 'weather', annotations }, spec });

describe('what is kept of a Pod for the mesh check', () => {
  it.each([
    ['a container beside others', { containers: [{ name: 'app' }, { name: 'istio-proxy' }] }, 'sidecar'],
    ['an init container that goes on', { initContainers: [{ name: 'istio-proxy' }], containers: [{ name: 'app' }] }, 'sidecar'],
    ['nothing else, as in a gateway', { containers: [{ name: 'istio-proxy' }] }, undefined],
    ['none', { containers: [{ name: 'app' }, { name: 'logs' }] }, undefined],
  ])('R13: its proxy: %s', (_, spec, proxy) => {
    expect(podWith(spec).proxy).toBe(proxy);
  });

  it('R13: that the node agent has taken it into ambient mode', () => {
    const annotations = { 'ambient.istio.io/redirection': 'enabled' };
    expect(podWith({ containers: [{ name: 'app' }] }, annotations).proxy).toBe('ambient');
  });
});

describe('what is kept of a Service for the mesh check', () => {
  const service = (resourceVersion: string, port: object, labels: Record<string, string> = {}) => ({
    metadata: { name: 'forecast', namespace: 'weather', uid: 'u', resourceVersion, labels },
    spec: { selector: { app: 'forecast' }, ports: [{ port: 80, targetPort: 8080, nodePort: 30_000, ...port }] },
  });

  it('R13: names of its ports, and its waypoint', () => {
    expect(toService(service('1', { name: 'http', protocol: 'TCP' }, { 'istio.io/use-waypoint': 'way' }))).toMatchObject({
      ports: [{ port: 80, name: 'http', protocol: 'TCP' }],
      waypoint: 'way',
    });
  });

  it('R13: wakes the namespace when a port or the waypoint changes, and for nothing else', () => {
    const { logger } = createLines();
    const services = createCache({ logger, transform: toService });
    const woken: string[] = [];
    const source = createPodSource(createCache({ logger, transform: toPod }).cache, services.cache);
    source.onChange(({ namespace }) => woken.push(namespace));
    services.cache.put(service('1', { name: 'tcp' }));
    services.cache.put(service('2', { name: 'tcp', nodePort: 30_001 }));
    expect(woken).toEqual(['weather']);
    services.cache.put(service('3', { name: 'http' }));
    services.cache.put(service('4', { name: 'http' }, { 'istio.io/use-waypoint': 'way' }));
    expect(woken).toEqual(['weather', 'weather', 'weather']);
  });
});

describe('whether a kind may be watched', () => {
  const gateways = (version: string): Resource => ({
    group: 'networking.istio.io',
    version,
    plural: 'gateways',
    namespaced: true,
  });
  const CANDIDATES = [gateways('v1'), gateways('v1beta1')];

  /** Answers by `verb version namespace`; what has no answer is fine. */
  const clientWith = (answers: Readonly<Record<string, KubeError>>) => {
    const asked: string[] = [];
    const ask = (verb: string, { version }: Resource, namespace = '*') => {
      const question = `${verb} ${version} ${namespace}`;
      asked.push(question);
      const error = answers[question];
      if (error !== undefined) throw error;
    };
    const client: Pick<KubeClient, 'list' | 'watch'> = {
      list: async (resource, query) => {
        ask('list', resource, query?.namespace);
        return { resourceVersion: '7', items: [] };
      },
      watch: async (resource, query, on, signal) => {
        ask('watch', resource, query.namespace);
        on.open();
        signal?.throwIfAborted();
      },
    };
    return { client, asked };
  };

  it('R5: is asked once, by a list of one and a watch that ends when it is allowed', async () => {
    const { client, asked } = clientWith({});
    expect(await findAllowed(client, CANDIDATES, [])).toEqual({ resource: gateways('v1') });
    expect(asked).toEqual(['list v1 *', 'watch v1 *']);
  });

  it('takes an older version where the newer one is not served, and says when there is none', async () => {
    const old = clientWith({ 'list v1 *': refusal('notFound') });
    expect(await findAllowed(old.client, CANDIDATES, [])).toEqual({ resource: gateways('v1beta1') });
    const none = clientWith({ 'list v1 *': refusal('notFound'), 'list v1beta1 *': refusal('notFound') });
    expect(await findAllowed(none.client, CANDIDATES, [])).toEqual({ why: 'not served' });
  });

  it('is allowed in all namespaces, or not at all; to list alone is not enough', async () => {
    const error = new KubeError('watching gateways', { kind: 'refused', code: 403, reason: 'forbidden' });
    const { client, asked } = clientWith({ 'watch v1 shop': error });
    expect(await findAllowed(client, CANDIDATES, ['weather', 'shop'])).toEqual({ why: 'not allowed', error });
    expect(asked).toEqual(['list v1 weather', 'watch v1 weather', 'list v1 shop', 'watch v1 shop']);
  });

  it('is not known while the cluster does not answer', async () => {
    const { client } = clientWith({ 'list v1 *': refusal('unavailable') });
    await expect(findAllowed(client, CANDIDATES, [])).rejects.toMatchObject({ kind: 'unavailable' });
  });
});
