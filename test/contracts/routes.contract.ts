import { describe, expect, it } from 'vitest';
import { type Fields, fieldsOf, listOf, type MeshKind, type MeshObject } from '../../src/adapters/istio/resource.ts';
import { type Router, SystemError } from '../../src/controller/ports.ts';
import type { ResolvedTarget, Rollout, Routes, SetTraffic, SteeredObject } from '../../src/rollout/index.ts';

/** What the tests of routes need of the world of the router contract. */
export type RoutesWorld = {
  router(): Router;
  /** An application of its own with these http routes; answers its host, which is also its Rollout's name. */
  app(http: (host: string) => object[]): Promise<string>;
  rollout(host: string): Rollout;
  target(host: string): ResolvedTarget;
  request(host: string, weight: number, seq: number): SetTraffic;
  put(kind: MeshKind, host: string, object: { readonly spec: unknown; readonly annotations?: object }): Promise<void>;
  get(kind: MeshKind, host: string): Promise<MeshObject>;
};

const JASON: Routes = { headerRoutes: [{ match: [{ headers: { 'end-user': { exact: 'jason' } } }] }] };
const MIRROR: Routes = { mirror: { percentage: 50 } };
const STICKY: Routes = { sticky: { cookie: 'sluice-app', ttlMs: 60_000, drawnAt: [10] } };

/** Two plain routes, of which `primary` is steered, with what people put into it. */
const http = (host: string): object[] => [
  { name: 'admin', match: [{ uri: { prefix: '/admin' } }], route: [{ destination: { host: `${host}-admin` } }] },
  {
    name: 'primary',
    match: [{ uri: { prefix: '/api' } }, { uri: { exact: '/' } }],
    rewrite: { uri: '/v1' },
    timeout: '3s',
    retries: { attempts: 2, perTryTimeout: '1s' },
    corsPolicy: { maxAge: '24h' },
    headers: { request: { set: { 'x-a': 'b' } } },
    fault: { delay: { percentage: { value: 0.1 }, fixedDelay: '1s' } },
    mirrors: [{ destination: { host: `${host}-shadow` }, percentage: { value: 5 } }],
    route: [
      { destination: { host, subset: 'v1', port: { number: 80 } }, weight: 100, headers: { response: { add: { via: 'v1' } } } },
      { destination: { host, subset: 'v2', port: { number: 80 } }, weight: 0 },
    ],
  },
];

const httpIn = ({ spec }: MeshObject): readonly Fields[] => listOf(fieldsOf(spec)['http']).map(fieldsOf);
const namesIn = (object: MeshObject) => httpIn(object).map(({ name }) => name);
const kindOf = (work: Promise<void>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof SystemError ? `${error.kind}: ${error.message}` : String(error)),
  );

/** What every Router must do with header routes, mirror and cookie. Registers its tests. */
export function routesContract(world: RoutesWorld): void {
  const write = (host: string, weight: number, routes: Routes, seq = 1) => {
    const request = world.request(host, weight, seq);
    const named = Object.keys(routes).length === 0 ? {} : { routes: 'digest' };
    const position = { ...request.position, weight, ...named };
    const owner = { uid: world.rollout(host).uid, name: host };
    return world.router().setTraffic({ ...request, ...('routes' in named ? { routes } : {}), position }, owner);
  };
  const look = (host: string): SteeredObject => {
    const found = world.router().observe(world.rollout(host), world.target(host), []);
    const object = found.kind === 'resolved' ? found.objects[0] : undefined;
    if (object === undefined) throw new Error(`looking at ${host}: nothing routes there`);
    return object;
  };

  describe('routes beside the weight', () => {
    const shapes: readonly (readonly [name: string, weight: number, routes: Routes, added: readonly string[]])[] = [
      ['header route', 0, JASON, ['']],
      ['header route with weight', 30, JASON, ['']],
      ['mirror', 0, MIRROR, []],
      ['mirror with a header route', 0, { ...JASON, ...MIRROR }, ['']],
      ['cookie', 50, STICKY, ['-cookie-canary', '-cookie-stable', '-cookie-stable-10']],
    ];
    it.each(shapes)(
      'R27, R28: %s: in one write, known again, and gone with the next one',
      async (_name, weight, routes, added) => {
        const host = await world.app(http);
        const before = await world.get('VirtualService', host);
        await write(host, weight, routes);
        expect(look(host)).toMatchObject({ weights: { versions: { v2: weight } }, routes: 'digest' });
        const written = await world.get('VirtualService', host);
        expect(namesIn(written)).toEqual(['admin', ...added.map(ending => `sluice-${host}-primary${ending}`), 'primary']);
        await write(host, weight, routes, 2);
        expect((await world.get('VirtualService', host)).spec).toEqual(written.spec);
        await write(host, 0, {}, 3);
        expect(look(host)).not.toHaveProperty('routes');
        expect((await world.get('VirtualService', host)).spec).toEqual(before.spec);
      },
    );

    it('R28: a header route differs from the steered one in match and destination alone', async () => {
      const host = await world.app(http);
      await write(host, 0, { ...JASON, ...MIRROR });
      const [, own, primary] = httpIn(await world.get('VirtualService', host));
      const [, plain] = http(host).map(fieldsOf);
      const conditions = [{ uri: { prefix: '/api' } }, { uri: { exact: '/' } }];
      expect(own).toEqual({
        ...plain,
        name: `sluice-${host}-primary`,
        match: conditions.map(match => ({ ...match, headers: { 'end-user': { exact: 'jason' } } })),
        route: [{ destination: { host, subset: 'v2', port: { number: 80 } } }],
      });
      expect(primary?.['mirrors']).toEqual([
        { destination: { host: `${host}-shadow` }, percentage: { value: 5 } },
        { destination: { host, subset: 'v2', port: { number: 80 } }, percentage: { value: 50 } },
      ]);
    });

    it('R3, R27: without the annotation ours are known by name, and those of others stay', async () => {
      const host = await world.app(to => [
        { name: 'sluice-other-primary', match: [{ port: 80 }], route: [{ destination: { host: to, subset: 'v2' } }] },
        ...http(to),
      ]);
      const before = await world.get('VirtualService', host);
      await write(host, 50, { ...JASON, ...STICKY });
      await world.put('VirtualService', host, { spec: (await world.get('VirtualService', host)).spec });
      expect(look(host).routes).toMatch(/^[0-9a-f]{16}$/);
      await write(host, 0, {}, 2);
      expect(look(host)).not.toHaveProperty('routes');
      expect((await world.get('VirtualService', host)).spec).toEqual(before.spec);
    });

    it('R26: what a re-applied file took away is told from what somebody changed', async () => {
      const host = await world.app(http);
      const before = await world.get('VirtualService', host);
      await write(host, 0, JASON);
      const written = await world.get('VirtualService', host);
      const annotations = written.metadata?.annotations ?? {};
      const put = (spec: unknown) => world.put('VirtualService', host, { spec, annotations });
      await put(before.spec);
      expect(look(host)).not.toHaveProperty('routes');
      expect(look(host)).toHaveProperty('position.routes', 'digest');
      const edited = (from: string, to: string): unknown => JSON.parse(JSON.stringify(written.spec).replaceAll(from, to));
      await put(edited('"jason"', '"anna"'));
      expect(look(host).routes).toMatch(/^[0-9a-f]{16}$/);
      const slower = httpIn(written).map(route => (route['name'] === 'primary' ? { ...route, timeout: '9s' } : route));
      await put({ ...fieldsOf(written.spec), http: slower });
      expect(look(host)).toHaveProperty('routes', 'digest');
    });

    it('R28: what cannot be written is said, and nothing is changed but what is put down', async () => {
      const host = await world.app(to => [
        { name: 'primary', mirror: { host: 'shadow' }, route: [{ destination: { host: to, subset: 'v1' } }] },
      ]);
      const before = await world.get('VirtualService', host);
      expect(await kindOf(write(host, 0, MIRROR))).toMatch(/^refused: .*http route "primary" has a mirror of its own/);
      expect((await world.get('VirtualService', host)).metadata?.resourceVersion).toBe(before.metadata?.resourceVersion);
      await write(host, 50, {});
      const request = world.request(host, 0, 2);
      const position = { ...request.position, weight: 0, routes: 'digest', reason: 'DriftPutDown' as const };
      await world.router().setTraffic({ ...request, routes: MIRROR, position }, { uid: world.rollout(host).uid, name: host });
      expect(look(host)).toMatchObject({ weights: { versions: { v2: 0 } } });
      expect(look(host)).not.toHaveProperty('routes');
    });
  });
}
