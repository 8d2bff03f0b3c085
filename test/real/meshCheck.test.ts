import { beforeAll, describe, expect, inject, it } from 'vitest';
import { stringify } from 'yaml';
import { OPTIONAL_KINDS, type OptionalKind, resourcesOf } from '../../src/adapters/istio/meshCheck/world.ts';
import { createKubeClient } from '../../src/adapters/kubernetes/client.ts';
import { findAllowed } from '../../src/adapters/kubernetes/missing.ts';
import { findInCluster } from '../../src/cli/validate/findings.ts';
import { openBed } from './bed/bed.ts';
import { createWorld, type World } from './bed/world.ts';
import { installSluice } from './installed.ts';

const bed = openBed(inject('bedDirectory'));
const NAMESPACE = 'mesh-check';
const ROLLOUT = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'forecast', namespace: NAMESPACE },
  spec: {
    version: 'v2',
    router: { istio: { routes: ['primary'] } },
    strategy: { canary: { steps: [{ setWeight: 50, pause: {} }] } },
  },
};

describe.skipIf(!bed.has('istiod', 'envoy'))('what the mesh check finds is true in a real mesh', () => {
  let world: World;
  let objects: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  beforeAll(async () => {
    world = await createWorld(bed, { namespace: NAMESPACE, versions: ['v1', 'v2'], replicas: 1 });
    await subsetsOf({ version: 'v2' });
    objects = { virtualService: await specOf(world.virtualService), rule: await specOf(world.destinationRule) };
  });

  const specOf = async (path: string): Promise<Record<string, unknown>> =>
    (await bed.kubernetes.get<{ spec: Record<string, unknown> }>(path)).spec;
  const subsetsOf = (...labelsOfV2: readonly object[]) =>
    bed.kubernetes.patch(world.destinationRule, {
      spec: { subsets: [{ name: 'v1', labels: { version: 'v1' } }, ...labelsOfV2.map(labels => ({ name: 'v2', labels }))] },
    });
  const primary = (subset: string, more: object = {}) => ({
    name: 'primary',
    ...more,
    route: [{ destination: { host: 'forecast', subset }, weight: 100 }],
  });
  const routes = (...http: readonly object[]) => bed.kubernetes.patch(world.virtualService, { spec: { http } });

  /** Codes of the errors that `sluice validate --cluster` finds. */
  const errors = async (spec: object = {}): Promise<readonly string[]> => {
    const text = stringify({ ...ROLLOUT, spec: { ...ROLLOUT.spec, ...spec } });
    const found = await findInCluster([{ file: 'a.yaml', text }], { kubeconfigPath: bed.kubeconfig });
    return found.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  };
  const answers = (what: string, fits: (status: number, version: unknown, body: string) => boolean, path = '/') =>
    bed.until(what, async () => {
      const { status, headers, body } = await bed.get(world.host, {}, path);
      return fits(status, headers['x-version'], String(body));
    });
  const restored = async (): Promise<void> => {
    await bed.kubernetes.patch(world.destinationRule, { spec: objects['rule'] });
    await bed.kubernetes.patch(world.virtualService, { spec: objects['virtualService'] });
    expect(await errors()).toEqual([]);
    await answers('v1 again', (status, version) => status === 200 && version === 'v1');
  };

  it('R13: every kind is served, and an installed controller may watch it', async () => {
    const client = createKubeClient({ kubeconfigPath: await installSluice(bed) });
    for (const kind of Object.keys(OPTIONAL_KINDS) as OptionalKind[]) {
      expect(await findAllowed(client, resourcesOf(kind), [])).toHaveProperty('resource.plural', OPTIONAL_KINDS[kind].plural);
    }
    client.close();
  });

  it('R13: SubsetWithoutPods: its share gets 503', async () => {
    await restored();
    await subsetsOf({ version: 'v2', track: 'new' });
    expect(await errors()).toEqual(['SubsetWithoutPods']);
    await routes(primary('v2'));
    await answers('503 UH', (status, _, body) => status === 503 && body.includes('no healthy upstream'));
  });

  it('R13: MissingSubset: its share gets 503', async () => {
    await restored();
    await subsetsOf();
    expect(await errors({ router: { istio: { routes: ['primary'], createMissing: 'none' } } })).toEqual(['MissingSubset']);
    await routes(primary('v2'));
    await answers('503 NC', status => status === 503);
  });

  it('R13: UnreachableRoute: no request follows the weights', async () => {
    await restored();
    const before = {
      name: 'before',
      match: [{ uri: { prefix: '/' } }],
      route: [{ destination: { host: 'forecast', subset: 'v1' } }],
    };
    await routes(before, primary('v1', { match: [{ uri: { prefix: '/a' } }] }));
    expect(await errors()).toEqual(['UnreachableRoute']);
    // what comes before shows that the write has arrived
    await routes(
      { match: [{ uri: { exact: '/seen' } }], directResponse: { status: 418 } },
      before,
      primary('v2', { match: [{ uri: { prefix: '/a' } }] }),
    );
    await answers('the last write to be obeyed', status => status === 418, '/seen');
    expect((await bed.get(world.host, {}, '/a')).headers['x-version']).toBe('v1');
  });

  it('R13: NoEntrance: no request comes', async () => {
    await restored();
    await bed.kubernetes.patch(world.virtualService, {
      spec: { gateways: ['gone', 'weather-gateway'], hosts: ['shop.example.com'] },
    });
    expect(await errors()).toEqual(['NoEntrance']);
    await answers('404 for the host that is served', status => status === 404);
  });

  it('R13: DelegateNotSubset: Istio drops the route', async () => {
    await restored();
    const root = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'root', namespace: NAMESPACE },
      spec: {
        hosts: [world.host],
        gateways: ['weather-gateway'],
        http: [
          { match: [{ uri: { exact: '/seen' } }], directResponse: { status: 418 } },
          { name: 'shop', match: [{ uri: { prefix: '/shop' } }], delegate: { name: 'forecast' } },
        ],
      },
    };
    await bed.kubernetes.patch(world.virtualService, {
      spec: { hosts: null, gateways: null, http: [primary('v1', { match: [{ uri: { prefix: '/other' } }] })] },
    });
    await bed.kubernetes.apply(root);
    expect(await errors()).toEqual(['DelegateNotSubset']);
    await answers('the root to be obeyed', status => status === 418, '/seen');
    for (const path of ['/shop', '/other', '/shop/other']) expect((await bed.get(world.host, {}, path)).status).toBe(404);
    await routes(primary('v1', { match: [{ uri: { prefix: '/shop/a' } }] }));
    expect(await errors()).toEqual([]);
    await answers('what is narrower', (status, version) => status === 200 && version === 'v1', '/shop/a');
    await bed.kubernetes.delete(`/apis/networking.istio.io/v1/namespaces/${NAMESPACE}/virtualservices/root`);
  });
});
