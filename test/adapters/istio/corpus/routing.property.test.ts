import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { POSITION_ANNOTATION } from '../../../../src/adapters/istio/position.ts';
import { fieldsOf, listOf, type MeshObject } from '../../../../src/adapters/istio/resource.ts';
import { RouteRefusedError, type TrafficEdit } from '../../../../src/adapters/istio/trafficEdit.ts';
import { editTraffic } from '../../../../src/adapters/istio/trafficPatch.ts';
import type { Routes } from '../../../../src/rollout/index.ts';
import type { MeshRequest } from '../../../mesh/request.ts';
import { applyPatch } from '../applyPatch.ts';
import { position } from '../samples.ts';
import { destinationsOf, httpOf } from './read.ts';
import { checkRequests, chooser } from './requests.ts';
import { checkOrder, checkOutside, checkShares, intended, type Steering, same, type Write } from './rules.ts';

const HOST = 'reviews.bookinfo.svc.cluster.local';
const STEERING: Steering = { host: HOST, rollout: 'reviews', versionOf: subset => subset, subsetOf: version => version };
const KEY = 'bookinfo/reviews';

const sometimes = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
/** Without what is undefined, as objects come from the server. */
const present = <T extends object>(fields: T): T => JSON.parse(JSON.stringify(fields));

const text = fc.oneof(
  fc.record({ exact: fc.constantFrom('1', '12', 'jason') }),
  fc.record({ prefix: fc.constantFrom('1', 'j') }),
  fc.constant({}),
);
const block = fc
  .record({
    uri: sometimes(
      fc.oneof(
        { weight: 4, arbitrary: fc.record({ prefix: fc.constantFrom('/', '/a', '/a/b') }) },
        { weight: 4, arbitrary: fc.record({ exact: fc.constantFrom('/a', '/A', '/a/b', '/c') }) },
        { weight: 1, arbitrary: fc.record({ regex: fc.constantFrom('/a.*', '.*') }) },
      ),
    ),
    ignoreUriCase: sometimes(fc.constant(true)),
    method: sometimes(fc.constant({ exact: 'GET' })),
    headers: sometimes(fc.dictionary(fc.constantFrom('x-a', 'end-user'), text, { minKeys: 1, maxKeys: 2 })),
    withoutHeaders: sometimes(fc.dictionary(fc.constantFrom('x-a', 'x-b'), text, { minKeys: 1, maxKeys: 1 })),
    queryParams: sometimes(fc.dictionary(fc.constant('q'), text, { minKeys: 1 })),
    gateways: sometimes(fc.constantFrom(['mesh'], ['public'])),
    sourceLabels: sometimes(fc.constant({ app: 'page' })),
    port: sometimes(fc.constantFrom(9080, 80)),
  })
  // most of them ask for one or two things
  .map(({ ignoreUriCase, ...fields }) => {
    const [first, second] = Object.entries(fields).filter(([, value]) => value !== undefined);
    const kept = Object.fromEntries([first ?? ['uri', { prefix: '/' }], ...(second === undefined ? [] : [second])]);
    return present({ ...kept, ...(kept['uri'] === undefined ? {} : { ignoreUriCase }) });
  });

const destination = fc
  .record({
    destination: fc
      .record({
        host: fc.constantFrom('reviews', 'reviews', HOST, 'legacy', 'reviews.shop.svc.cluster.local'),
        subset: fc.constantFrom('v1', 'v1', 'v2', 'v3', 'v0', undefined),
        port: sometimes(fc.constant({ number: 9080 })),
      })
      .map(present),
    weight: fc.option(fc.integer({ min: 0, max: 200 }), { nil: undefined, freq: 8 }),
    headers: sometimes(fc.constant({ request: { set: { 'x-via': 'mesh' } } })),
  })
  .map(present);

const route = fc
  .record({
    match: sometimes(fc.array(block, { minLength: 1, maxLength: 2 })),
    route: fc.array(destination, { minLength: 1, maxLength: 4 }),
    timeout: sometimes(fc.constant('5s')),
    rewrite: sometimes(fc.constant({ uri: '/new' })),
    mirrors: sometimes(fc.constant([{ destination: { host: 'audit' }, percentage: { value: 5 } }])),
    later: sometimes(fc.jsonValue({ maxDepth: 1 })),
  })
  .map(present);

type World = { readonly object: MeshObject; readonly names: readonly string[]; readonly steered: readonly number[] };

const world: fc.Arbitrary<World> = fc
  .record({
    routes: fc.array(route, { minLength: 1, maxLength: 4 }),
    chosen: fc.nat(15),
    gateways: fc.constantFrom(undefined, ['mesh'], ['public', 'mesh']),
    earlier: fc.constantFrom(undefined, ['v0'], ['v1', 'v3']),
  })
  .map(({ routes, chosen, gateways, earlier }) => {
    const http = routes.map((fields, index) => ({ ...fields, name: `r${index}` }));
    const reaches = (index: number) =>
      listOf(http[index]?.route).some(entry =>
        ['reviews', HOST].includes(String(fieldsOf(fieldsOf(entry)['destination'])['host'])),
      );
    const reaching = http.flatMap((_, index) => (reaches(index) ? [index] : []));
    const wanted = reaching.filter(index => (chosen & (1 << index)) !== 0);
    const steered = wanted.length > 0 ? wanted : reaching.slice(0, 1);
    const entry = earlier === undefined ? {} : { [POSITION_ANNOTATION]: JSON.stringify({ 'uid-1': { versions: earlier } }) };
    const object = present({
      metadata: { namespace: 'bookinfo', name: 'reviews', resourceVersion: '7', annotations: { owner: 'a', ...entry } },
      spec: { hosts: ['reviews'], gateways, http, tcp: [{ route: [{ destination: { host: 'reviews' } }] }] },
    });
    return { object, names: steered.map(index => `r${index}`), steered };
  })
  .filter(({ steered }) => steered.length > 0);

const headerRoutes = fc.array(fc.record({ match: fc.array(block, { minLength: 1, maxLength: 2 }) }), {
  minLength: 1,
  maxLength: 2,
});
const routesOf = (fields: object): Routes => JSON.parse(JSON.stringify(fields));
const headers = sometimes(headerRoutes);
type Operation = { readonly percent: number; readonly routes: Routes };

const shares: fc.Arbitrary<Operation> = fc
  .record({
    percent: fc.oneof(fc.constantFrom(1, 10, 50, 99, 100), fc.nat(100)),
    headerRoutes: headers,
    sticky: sometimes(fc.constantFrom({ cookie: 'side' }, { cookie: 'side', ttlMs: 60_000 })),
    drawnAt: fc.subarray([1, 5, 40]),
  })
  .map(({ percent, headerRoutes: found, sticky, drawnAt }) => {
    const drawn = sticky === undefined ? undefined : { ...sticky, drawnAt: drawnAt.filter(weight => weight < percent) };
    return { percent, routes: routesOf({ headerRoutes: found, sticky: drawn }) };
  });
/** Copies only while the new version has no weight. */
const copies: fc.Arbitrary<Operation> = fc
  .record({ headerRoutes: headers, mirror: sometimes(fc.constantFrom({ percentage: 1 }, { percentage: 100 })) })
  .map(routes => ({ percent: 0, routes: routesOf(routes) }));
const operation = fc.oneof(shares, copies);

/** Requests that differ in what the matches ask for; made from a number, so that a counterexample stays short. */
function requestsFrom(seed: number): readonly MeshRequest[] {
  const choose = chooser(seed);
  return Array.from({ length: 32 }, () => ({
    host: 'reviews',
    sourceNamespace: 'bookinfo',
    path: choose(['/', '/a', '/A', '/a/b', '/a/b/c', '/c']),
    method: choose(['GET', 'POST']),
    headers: choose<Record<string, string>>([
      {},
      { 'x-a': '1' },
      { 'end-user': 'jason' },
      { 'x-a': '12', 'end-user': 'j' },
      { 'x-b': '', 'end-user': '1' },
      { cookie: '1', 'x-a': 'jason' },
    ]),
    query: choose<Record<string, string>>([{}, { q: '1' }, { q: 'jason' }]),
    gateway: choose(['mesh', 'mesh', 'bookinfo/public']),
    sourceLabels: choose<Record<string, string>>([{}, { app: 'page' }, { app: 'other' }]),
    port: choose([9080, 80]),
  }));
}

const earlierOf = ({ object }: World): readonly string[] => {
  const entries = fieldsOf(JSON.parse(object.metadata?.annotations?.[POSITION_ANNOTATION] ?? '{}'));
  return listOf(fieldsOf(entries['uid-1'])['versions']).map(String);
};

const editOf = ({ names }: World, percent: number, routes: Routes, seq: number): TrafficEdit => ({
  host: HOST,
  routes: names,
  stable: { version: 'v1', subset: 'v1' },
  canary: { version: 'v2', subset: 'v2' },
  versionOf: subset => subset,
  weightPercent: percent,
  beside: routes,
  uid: 'uid-1',
  rollout: 'reviews',
  position: position(seq),
});

/** The object after the write; `undefined` when it was refused. */
function written(object: MeshObject, edit: TrafficEdit): MeshObject | undefined {
  try {
    return applyPatch(object, editTraffic(object, edit));
  } catch (error) {
    if (error instanceof RouteRefusedError) return undefined;
    throw error;
  }
}

/** Foreign destinations have everything in one of the steered routes (R28). */
const hasNothingToShare = ({ object, steered }: World, write: Write): boolean =>
  steered.some(index => intended(destinationsOf(httpOf(object)[index] ?? {}, object), STEERING, write).total === 0);

describe('any write to any VirtualService', () => {
  const runs = { numRuns: 600 };
  const count = { requests: 0, steered: 0, refused: 0 };

  it('R27, R28: sends each request where the rules say, and changes nothing else', () => {
    fc.assert(
      fc.property(world, operation, fc.nat(), (place, { percent, routes }, seed) => {
        const { object, steered } = place;
        const write: Write = { percent, routes, stable: 'v1', canary: 'v2', earlier: earlierOf(place) };
        const after = written(object, editOf(place, percent, routes, 1));
        if (after === undefined) {
          count.refused += 1;
          return;
        }
        checkOutside(object, after, steered, STEERING, write);
        checkOrder(object, after, steered, STEERING, write);
        const edits = editTraffic(after, editOf(place, percent, routes, 2)).filter(({ op }) => op !== 'test');
        same(
          edits.map(({ path }) => path),
          ['/metadata/resourceVersion', '/metadata/annotations/sluice.dev~1position'],
        );
        if (hasNothingToShare(place, write)) return;
        const left = httpOf(after).filter(({ name }) => !String(name).startsWith('sluice-'));
        for (const index of steered) checkShares(httpOf(object)[index] ?? {}, left[index] ?? {}, object, STEERING, write);
        const requests = requestsFrom(seed);
        const change = { before: [object], after: [after], steered: new Map([[KEY, steered]]) };
        count.steered += checkRequests(requests, change, STEERING, write);
        count.requests += requests.length;
      }),
      runs,
    );
  });

  it('looks at enough of them', () => {
    expect(count.requests).toBeGreaterThan(8000);
    expect(count.steered).toBeGreaterThan(count.requests / 8);
    expect(count.refused).toBeLessThan(300);
  });
});
