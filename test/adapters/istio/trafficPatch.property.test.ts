import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { POSITION_ANNOTATION } from '../../../src/adapters/istio/position.ts';
import { type Fields, fieldsOf, listOf, type MeshObject } from '../../../src/adapters/istio/resource.ts';
import { editTraffic } from '../../../src/adapters/istio/trafficPatch.ts';
import { steeredRoutes, weightsOf } from '../../../src/adapters/istio/virtualService.ts';
import { driftOf } from '../../../src/rollout/mesh/weights.ts';
import { applyPatch } from './applyPatch.ts';
import { edit as editOf, HOST } from './edits.ts';
import { position } from './samples.ts';

const OURS = ['reviews', HOST];

const field = fc.stringMatching(/^x-[a-z~/]{1,6}$/);
const unknownFields = fc.dictionary(field, fc.jsonValue(), { maxKeys: 2 });

const destination = fc
  .record({
    host: fc.constantFrom('reviews', HOST, 'legacy', 'reviews.other.svc.cluster.local'),
    subset: fc.option(fc.constantFrom('v1', 'v2', 'v3'), { nil: undefined }),
    weight: fc.option(fc.nat(1000), { nil: undefined }),
    more: unknownFields,
  })
  .map(({ host, subset, weight, more }) => ({
    ...more,
    destination: { host, ...(subset === undefined ? {} : { subset }), port: { number: 9080 } },
    ...(weight === undefined ? {} : { weight }),
  }));

const route = (name: string) =>
  fc
    .record({ more: unknownFields, destinations: fc.array(destination, { minLength: 1, maxLength: 5 }) })
    .map(({ more, destinations }) => ({ ...more, name, route: destinations, timeout: '5s' }));

const virtualService: fc.Arbitrary<MeshObject> = fc
  .record({
    before: fc.constantFrom([], [{ name: 'moved', redirect: { uri: '/new' } }]),
    steered: route('primary'),
    others: fc.array(route('other'), { maxLength: 2 }),
    more: unknownFields,
    annotations: fc.constantFrom(
      undefined,
      {},
      { owner: 'a' },
      { [POSITION_ANNOTATION]: '{"uid-2":{"seq":1}}' },
      { [POSITION_ANNOTATION]: '{' },
    ),
  })
  .map(({ before, steered, others, more, annotations }) => ({
    apiVersion: 'networking.istio.io/v1',
    metadata: {
      namespace: 'bookinfo',
      name: 'reviews',
      resourceVersion: '7',
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...more,
      hosts: ['reviews'],
      http: [...before, ...others, steered],
      tcp: [{ route: [{ destination: { host: 'reviews' } }] }],
    },
  }));

const edit = (weightPercent: number, seq: number) => editOf(weightPercent, { position: position(seq) });

const weigh = (object: MeshObject) => weightsOf(steeredRoutes(object, HOST, ['primary']), HOST, subset => subset, 'v1');

/** Whether ours have something to share, so that the edit is possible. */
function canShare(object: MeshObject): boolean {
  const weights = weigh(object);
  return weights !== undefined && driftOf(weights, 'v1', 'v2', 50) !== 'nothing to share';
}

/** Destinations to the host for v1, v2 or any version may change; what is left of the object may not. */
function withoutOurs(object: MeshObject): unknown {
  const mask = (entry: unknown): unknown => {
    const fields: Fields = fieldsOf(entry);
    const { host, subset } = fieldsOf(fields['destination']);
    if (!OURS.includes(String(host)) || subset === 'v3') return entry;
    return { ...fields, weight: 'ours', destination: { ...fieldsOf(fields['destination']), subset: 'ours' } };
  };
  const http = listOf(fieldsOf(object.spec)['http']).map(entry => {
    const fields = fieldsOf(entry);
    if (fields['name'] !== 'primary') return entry;
    return { ...fields, route: listOf(fields['route']).map(mask) };
  });
  const annotations = { ...object.metadata?.annotations, [POSITION_ANNOTATION]: 'ours' };
  return { ...object, metadata: { ...object.metadata, annotations }, spec: { ...fieldsOf(object.spec), http } };
}

const destinationsOf = (object: MeshObject): readonly unknown[] =>
  listOf(fieldsOf(listOf(fieldsOf(object.spec)['http']).find(entry => fieldsOf(entry)['name'] === 'primary'))['route']);

/** The object with as many destinations in the steered route as before: added ones stand at the end. */
function withFirst(object: MeshObject, count: number): MeshObject {
  const http = listOf(fieldsOf(object.spec)['http']).map(entry => {
    const fields = fieldsOf(entry);
    return fields['name'] === 'primary' ? { ...fields, route: listOf(fields['route']).slice(0, count) } : entry;
  });
  return { ...object, spec: { ...fieldsOf(object.spec), http } };
}

const percent = fc.integer({ min: 0, max: 100 });

describe('a write of traffic to any VirtualService', () => {
  it('R27: leaves everything else equal and in order', () => {
    fc.assert(
      fc.property(virtualService, percent, (object, weightPercent) => {
        fc.pre(canShare(object));
        const written = applyPatch(object, editTraffic(object, edit(weightPercent, 1)));
        const first = withFirst(written, destinationsOf(object).length);
        expect(JSON.stringify(sortAnnotations(withoutOurs(first)))).toBe(JSON.stringify(sortAnnotations(withoutOurs(object))));
      }),
    );
  });

  it('R28: is what was meant, keeps foreign weights, and is never refused by Istio', () => {
    fc.assert(
      fc.property(virtualService, percent, (object, weightPercent) => {
        fc.pre(canShare(object));
        const before = weigh(object);
        const after = weigh(applyPatch(object, editTraffic(object, edit(weightPercent, 1))));
        if (before === undefined || after === undefined) throw new Error('the steered route is gone');
        expect(driftOf(after, 'v1', 'v2', weightPercent)).toBe('none');
        expect(after.foreign).toBe(before.foreign);
        expect(after.versions['v3']).toBe(before.versions['v3']);
        expect(after.versions['*'] ?? 0).toBe(0);
        const total = (weights: typeof after) =>
          Object.values(weights.versions).reduce((sum, weight) => sum + weight, weights.foreign);
        const foreign = before.foreign + (before.versions['v3'] ?? 0);
        expect(total(after)).toBe(foreign > 0 ? total(before) : 100);
      }),
    );
  });

  it('R3: written again, changes nothing but the position', () => {
    fc.assert(
      fc.property(virtualService, percent, (object, weightPercent) => {
        fc.pre(canShare(object));
        const written = applyPatch(object, editTraffic(object, edit(weightPercent, 1)));
        const again = editTraffic(written, edit(weightPercent, 2)).filter(({ op }) => op !== 'test');
        expect(again.map(({ path }) => path)).toEqual([
          '/metadata/resourceVersion',
          '/metadata/annotations/sluice.dev~1position',
        ]);
      }),
    );
  });
});

/** An annotation that is added stands last; maps have no order. */
function sortAnnotations(object: unknown): unknown {
  const { metadata, ...rest } = fieldsOf(object);
  const { annotations, ...others } = fieldsOf(metadata);
  return { rest, others, annotations: Object.entries(fieldsOf(annotations)).sort() };
}
