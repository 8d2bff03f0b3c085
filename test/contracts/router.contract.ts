import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { MeshKind, MeshObject } from '../../src/adapters/istio/resource.ts';
import { fieldsOf, listOf } from '../../src/adapters/istio/resource.ts';
import { type Router, SystemError } from '../../src/controller/ports.ts';
import { type MeshObservation, type Rollout, type SetTraffic, splitWeights, type Target } from '../../src/rollout/index.ts';
import { position } from '../adapters/istio/samples.ts';
import { routesContract } from './routes.contract.ts';

/** What is waited for comes at once, or on a busy machine later. */
const PATIENT = { timeout: 60_000, interval: 20 };

/** A mesh that people write to, and a router that looks at it and writes to it too. */
export type RouterWorld = {
  readonly router: Router;
  readonly namespace: string;
  /** Writes as somebody else: creates the object, or replaces its spec and annotations. Resolves when the router knows of it. */
  put(kind: MeshKind, object: MeshObject): Promise<void>;
  /** The same, but the router does not hear of it for now. `undefined`: deletes it. */
  putUnseen(kind: MeshKind, name: string, object: MeshObject | undefined): Promise<void>;
  remove(kind: MeshKind, name: string): Promise<void>;
  /** As it stands on the server. */
  get(kind: MeshKind, name: string): Promise<MeshObject>;
  /** Puts the webhook that every write passes out of order; every server has one. */
  readonly breakWebhook?: (how: 'refuse' | 'error500' | 'nonsense' | 'ok') => Promise<void>;
  close(): Promise<void>;
};

/** What the API server says of a webhook that is out of order. */
const WEBHOOK_WORDS = {
  refuse: /admission webhook .*connection refused/,
  error500: /admission webhook .*an error on the server/,
  nonsense: /admission webhook .*json parse error/,
} as const;

type Resolved = Extract<MeshObservation, { kind: 'resolved' }>;

const UID = 'uid-1';
const OWNER = { uid: UID, name: 'forecast' };
const VERSIONS = ['v1', 'v2'];

const route = (host: string, weights: Readonly<Record<string, number | undefined>>): object[] =>
  Object.entries(weights).map(([subset, weight]) => ({
    destination: { host, subset },
    ...(weight === undefined ? {} : { weight }),
  }));

/** A VirtualService with all that people put in; Sluice has no business with any of it. */
const rich = (host: string): object => ({
  hosts: [host, `${host}.example.com`],
  gateways: ['mesh', 'edge'],
  exportTo: ['.'],
  http: [
    {
      name: 'admin',
      match: [{ uri: { prefix: '/admin' }, headers: { 'x-role': { exact: 'admin' } } }],
      route: [{ destination: { host: `${host}-admin`, port: { number: 8080 } }, headers: { request: { set: { a: 'b' } } } }],
    },
    { name: 'old', match: [{ uri: { exact: '/old' } }], redirect: { uri: '/new' } },
    {
      name: 'primary',
      match: [{ uri: { prefix: '/' }, sourceLabels: { app: 'web' } }],
      timeout: '3s',
      retries: { attempts: 2, perTryTimeout: '1s', retryOn: '5xx' },
      fault: { delay: { percentage: { value: 0.1 }, fixedDelay: '1s' } },
      corsPolicy: { allowOrigins: [{ exact: 'https://example.com' }], maxAge: '24h' },
      headers: { response: { remove: ['x-internal'] } },
      mirror: { host: `${host}-shadow` },
      mirrorPercentage: { value: 5 },
      route: [
        { destination: { host, subset: 'v1', port: { number: 80 } }, weight: 70, headers: { request: { add: { via: '1' } } } },
        { destination: { host, subset: 'v2', port: { number: 80 } }, weight: 0 },
        { destination: { host: `${host}-legacy` }, weight: 30 },
      ],
    },
  ],
  tcp: [{ match: [{ port: 9000 }], route: [{ destination: { host: `${host}-tcp` } }] }],
});

/** What every Router must do. Registers its tests; the world is opened before the first and closed after the last. */
export function routerContract(name: string, kind: 'memory' | 'server', open: () => Promise<RouterWorld>): void {
  describe(`router contract: ${name}`, () => {
    let world: RouterWorld;
    let apps = 0;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world?.close());

    const objectOf = (kind: MeshKind, app: string, spec: object): MeshObject => {
      const metadata = { namespace: world.namespace, name: app, annotations: { owner: 'team-a' } };
      return { apiVersion: 'networking.istio.io/v1', kind, metadata, spec } as MeshObject;
    };
    /** An application of its own for a test, with these http routes. */
    const app = async (http: (host: string) => object[], subsets = VERSIONS) => {
      apps += 1;
      const host = `app-${apps}`;
      const labelled = subsets.map(version => ({ name: version, labels: { version } }));
      await world.put('DestinationRule', objectOf('DestinationRule', host, { host, subsets: labelled }));
      await world.put('VirtualService', objectOf('VirtualService', host, { hosts: [host], http: http(host) }));
      return host;
    };
    const rollout = (host: string, routes?: readonly string[]): Rollout => ({
      uid: UID,
      namespace: world.namespace,
      name: host,
      generation: 1,
      spec: {
        version: 'v2',
        initialVersion: 'v1',
        strategy: { canary: { steps: [] } },
        ...(routes === undefined ? {} : { router: { istio: { routes } } }),
      },
    });
    const resolve = (host: string, routes?: readonly string[]): Resolved => {
      const found = world.router.resolve(rollout(host, routes), VERSIONS);
      if (found.kind !== 'resolved') throw new Error(`resolving ${host}: ${found.message}`);
      return found;
    };
    const targetOf = ({ target }: Resolved): Target => ({ ...target, stable: 'v1', canary: 'v2' });
    const requestFor = (found: Resolved, weight: number, seq = 1): SetTraffic => {
      const { name: object = '', resourceVersion = '' } = found.objects[0] ?? {};
      return { kind: 'setTraffic', target: targetOf(found), object, resourceVersion, weight, position: position(seq) };
    };
    const weightsIn = ({ spec }: MeshObject): readonly (readonly unknown[])[] =>
      listOf(fieldsOf(spec)['http']).map(one => listOf(fieldsOf(one)['route']).map(to => fieldsOf(to)['weight']));
    const failureOf = (work: Promise<void>): Promise<unknown> =>
      work.then(
        () => 'done',
        (error: unknown) => (error instanceof SystemError ? error.kind : error),
      );

    describe('resolve and observe', () => {
      it('tell weights, subsets and the version that was read', async () => {
        const host = await app(to => [{ route: route(to, { v1: 90, v2: 10 }) }]);
        const found = resolve(host);
        const { metadata } = await world.get('VirtualService', host);
        const [namespace, object] = [world.namespace, `${world.namespace}/${host}`];
        expect(found.target).toMatchObject({ host: `${host}.${namespace}.svc.cluster.local`, virtualServices: [object] });
        expect(found.objects).toMatchObject([
          { name: object, resourceVersion: metadata?.resourceVersion, weights: { versions: { v1: 90, v2: 10 }, foreign: 0 } },
        ]);
        expect(Object.keys(found.subsets)).toEqual(VERSIONS);
        expect(world.router.observe(rollout(host), found.target, VERSIONS)).toEqual(found);
      });

      it('say what is missing when nothing routes to the host', () => {
        const found = world.router.resolve(rollout('nobody'), VERSIONS);
        expect(found).toMatchObject({ kind: 'problem', nothingRoutes: true, message: expect.stringContaining('nobody') });
      });

      it('R29: an object that is gone is not among the objects', async () => {
        const host = await app(to => [{ route: route(to, { v1: 100 }) }]);
        const { target } = resolve(host);
        await world.remove('VirtualService', host);
        expect(world.router.observe(rollout(host), target, VERSIONS)).toMatchObject({ kind: 'resolved', objects: [] });
      });
    });

    describe('setTraffic', () => {
      it('R3: writes weight and position at once, in one change of the object, and shows it before any watch', async () => {
        const host = await app(to => [{ route: route(to, { v1: 100, v2: 0 }) }]);
        const found = resolve(host);
        await world.router.setTraffic(requestFor(found, 50), OWNER);
        expect(resolve(host).objects).toMatchObject([
          { weights: { versions: { v1: 50, v2: 50 }, foreign: 0 }, position: position() },
        ]);
        const { metadata, spec } = await world.get('VirtualService', host);
        expect(weightsIn({ spec })).toEqual([[50, 50]]);
        expect(JSON.parse(metadata?.annotations?.['sluice.dev/position'] ?? '')).toMatchObject({ [UID]: position() });
        expect(metadata).toMatchObject({ annotations: { owner: 'team-a' } });
        expect(resolve(host).objects[0]?.resourceVersion).toBe(metadata?.resourceVersion);
      });

      it('R28: weights add up to 100 at every share, and rounding never favours the new version', async () => {
        const host = await app(to => [
          { route: [...route(to, { v1: 67, v2: 0 }), { destination: { host: `${to}-legacy` }, weight: 33 }] },
        ]);
        for (const [turn, share] of [1, 33, 50, 99, 100, 0].entries()) {
          await world.router.setTraffic(requestFor(resolve(host), share, turn + 1), OWNER);
          const [[v1, v2, foreign] = []] = weightsIn(await world.get('VirtualService', host));
          expect(foreign).toBe(33);
          expect(Number(v1) + Number(v2)).toBe(67);
          expect(Number(v2)).toBeLessThanOrEqual((67 * share) / 100);
          expect({ stable: v1, canary: v2 }).toEqual(splitWeights(67, share));
        }
      });

      it('R27: all other fields keep their values and their order', async () => {
        const host = await app(to => [{ route: route(to, { v1: 100 }) }]);
        await world.put('VirtualService', objectOf('VirtualService', host, rich(host)));
        const before = await world.get('VirtualService', host);
        await world.router.setTraffic(requestFor(resolve(host), 50), OWNER);
        const after = await world.get('VirtualService', host);
        expect(weightsIn(after)).toEqual([[undefined], [], [35, 35, 30]]);
        const unweighted = ({ spec }: MeshObject) => JSON.stringify(spec, (key, value) => (key === 'weight' ? undefined : value));
        expect(unweighted(after)).toBe(unweighted(before));
        expect(Object.keys(after.metadata?.annotations ?? {}).sort()).toEqual(['owner', 'sluice.dev/position']);
      });

      it('R29: steers all named routes alike and no other', async () => {
        const host = await app(to => [
          { name: 'a', match: [{ uri: { prefix: '/a' } }], route: route(to, { v1: 100, v2: 0 }) },
          { name: 'b', match: [{ uri: { prefix: '/b' } }], route: route(to, { v1: 100, v2: 0 }) },
          { name: 'c', route: route(to, { v1: 100 }) },
        ]);
        await world.router.setTraffic(requestFor(resolve(host, ['a', 'b']), 20), OWNER);
        expect(weightsIn(await world.get('VirtualService', host))).toEqual([[80, 20], [80, 20], [100]]);
      });

      it('steers a route without a name, whose only destination has no weight', async () => {
        const host = await app(to => [{ route: route(to, { v1: undefined }) }]);
        const found = resolve(host);
        expect(found.objects).toMatchObject([{ weights: { versions: { v1: 100 }, foreign: 0 } }]);
        await world.router.setTraffic(requestFor(found, 25), OWNER);
        const { spec } = await world.get('VirtualService', host);
        expect(listOf(fieldsOf(spec)['http'])).toEqual([{ route: route(host, { v1: 75, v2: 25 }) }]);
      });

      it('drops a write that was decided on an older object', async () => {
        const host = await app(to => [{ route: route(to, { v1: 100, v2: 0 }) }]);
        const old = requestFor(resolve(host), 50);
        await world.put(
          'VirtualService',
          objectOf('VirtualService', host, { hosts: [host], http: [{ route: route(host, { v1: 99, v2: 1 }) }] }),
        );
        expect(await failureOf(world.router.setTraffic(old, OWNER))).toBe('conflict');
        expect(weightsIn(await world.get('VirtualService', host))).toEqual([[99, 1]]);
      });

      it('R23: a change that was not heard of is a conflict, changes nothing, and is known for the next try', async () => {
        const host = await app(to => [{ route: route(to, { v1: 50, v2: 50 }) }]);
        const found = resolve(host);
        const changed = objectOf('VirtualService', host, { hosts: [host], http: [{ route: route(host, { v1: 10, v2: 90 }) }] });
        await world.putUnseen('VirtualService', host, changed);
        expect(await failureOf(world.router.setTraffic(requestFor(found, 0), OWNER))).toBe('conflict');
        expect(weightsIn(await world.get('VirtualService', host))).toEqual([[10, 90]]);
        expect(resolve(host).objects).toMatchObject([{ weights: { versions: { v1: 10, v2: 90 } } }]);
        await world.router.setTraffic(requestFor(resolve(host), 0), OWNER);
        expect(weightsIn(await world.get('VirtualService', host))).toEqual([[100, 0]]);
      });

      it('takes what it wrote itself for known: a write after a write needs no watch', async () => {
        const host = await app(to => [{ route: route(to, { v1: 100, v2: 0 }) }]);
        for (const [turn, weight] of [10, 60, 0, 100].entries()) {
          await world.router.setTraffic(requestFor(resolve(host), weight, turn + 1), OWNER);
          expect(resolve(host).objects).toMatchObject([{ weights: { versions: { v2: weight } }, position: { seq: turn + 1 } }]);
        }
      });

      it('says that an object does not exist, whether it heard of its end or not', async () => {
        const host = await app(to => [{ route: route(to, { v1: 100, v2: 0 }) }]);
        const request = requestFor(resolve(host), 50);
        await world.putUnseen('VirtualService', host, undefined);
        expect(await failureOf(world.router.setTraffic(request, OWNER))).toBe('notFound');
        const other = await app(to => [{ route: route(to, { v1: 100, v2: 0 }) }]);
        const second = requestFor(resolve(other), 50);
        await world.remove('VirtualService', other);
        expect(await failureOf(world.router.setTraffic(second, OWNER))).toBe('notFound');
      });
    });

    routesContract({
      router: () => world.router,
      app,
      rollout: host => rollout(host, ['primary']),
      target: host => resolve(host, ['primary']).target,
      request: (host, weight, seq) => requestFor(resolve(host, ['primary']), weight, seq),
      put: (kind, host, { spec, annotations }) => {
        const object = objectOf(kind, host, fieldsOf(spec));
        const metadata = annotations === undefined ? object.metadata : { ...object.metadata, annotations };
        return world.put(kind, { ...object, metadata } as MeshObject);
      },
      get: (kind, host) => world.get(kind, host),
    });

    if (kind === 'server') webhookTest();

    function webhookTest(): void {
      it('R16, R23: a webhook that is out of order is named, and nothing is changed', async () => {
        const breakWebhook = world.breakWebhook ?? (() => Promise.reject(new Error('a server has a webhook')));
        const host = await app(to => [{ route: route(to, { v1: 50, v2: 50 }) }]);
        for (const how of ['refuse', 'error500', 'nonsense'] as const) {
          await breakWebhook(how);
          const failed = await world.router.setTraffic(requestFor(resolve(host), 0), OWNER).catch((error: unknown) => error);
          await breakWebhook('ok');
          expect(failed).toMatchObject({ kind: 'unavailable' });
          expect(String(failed)).toMatch(WEBHOOK_WORDS[how]);
          expect(weightsIn(await world.get('VirtualService', host))).toEqual([[50, 50]]);
        }
        await world.router.setTraffic(requestFor(resolve(host), 0), OWNER);
        expect(weightsIn(await world.get('VirtualService', host))).toEqual([[100, 0]]);
      });
    }

    describe('ensureSubset', () => {
      it('R13, R27: adds the subset once, lists it as ours, and leaves the rest as it is', async () => {
        const host = await app(to => [{ route: route(to, { v1: 100 }) }], ['v1']);
        const spec = {
          host,
          trafficPolicy: { connectionPool: { http: { http2MaxRequests: 100 } }, outlierDetection: { consecutive5xxErrors: 3 } },
          subsets: [{ name: 'v1', labels: { version: 'v1', zone: 'a' }, trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } }],
        };
        await world.put('DestinationRule', objectOf('DestinationRule', host, spec));
        const target = targetOf(resolve(host));
        await world.router.ensureSubset(target, 'v2');
        const once = await world.get('DestinationRule', host);
        expect(once.spec).toEqual({ ...spec, subsets: [...spec.subsets, { name: 'v2', labels: { version: 'v2' } }] });
        expect(once.metadata?.annotations).toMatchObject({
          owner: 'team-a',
          'sluice.dev/subsets': expect.stringContaining('v2'),
        });
        expect(resolve(host).subsets).toHaveProperty('v2');
        await world.router.ensureSubset(target, 'v2');
        expect((await world.get('DestinationRule', host)).metadata?.resourceVersion).toBe(once.metadata?.resourceVersion);
      });

      it('a change that was not heard of is a conflict, and is known for the next try', async () => {
        const host = await app(to => [{ route: route(to, { v1: 100 }) }], ['v1']);
        const target = targetOf(resolve(host));
        const subsets = ['v1', 'other'].map(version => ({ name: version, labels: { version } }));
        await world.putUnseen('DestinationRule', host, objectOf('DestinationRule', host, { host, subsets }));
        expect(await failureOf(world.router.ensureSubset(target, 'v2'))).toBe('conflict');
        await world.router.ensureSubset(target, 'v2');
        const names = listOf(fieldsOf((await world.get('DestinationRule', host)).spec)['subsets']).map(
          one => fieldsOf(one)['name'],
        );
        expect(names).toEqual(['v1', 'other', 'v2']);
      });

      it('says that there is no DestinationRule', async () => {
        const host = await app(to => [{ route: route(to, { v1: 100 }) }]);
        const target = targetOf(resolve(host));
        await world.remove('DestinationRule', host);
        expect(await failureOf(world.router.ensureSubset(target, 'v2'))).toBe('notFound');
      });
    });

    it('onChange tells of changes and deletions, with the host that they concern', async () => {
      const seen: string[] = [];
      world.router.onChange(({ namespace, host }) => seen.push(`${namespace} ${host}`));
      const host = await app(to => [{ route: route(to, { v1: 100 }) }]);
      const concerned = `${world.namespace} ${host}.${world.namespace}.svc.cluster.local`;
      const told = async () => {
        await vi.waitFor(() => expect(seen).toContain(concerned), PATIENT);
        seen.splice(0);
      };
      await told();
      await world.put('DestinationRule', objectOf('DestinationRule', host, { host, subsets: [] }));
      await told();
      await world.router.setTraffic(requestFor(resolve(host), 50), OWNER);
      await told();
      await world.remove('VirtualService', host);
      await told();
    });
  });
}
