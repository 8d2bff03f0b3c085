import { describe, expect, it } from 'vitest';
import { POSITION_ANNOTATION, positionOf } from '../../../src/adapters/istio/position.ts';
import { fieldsOf, listOf, type MeshObject } from '../../../src/adapters/istio/resource.ts';
import type { TrafficEdit } from '../../../src/adapters/istio/trafficEdit.ts';
import { editTraffic, NothingToShareError } from '../../../src/adapters/istio/trafficPatch.ts';
import { applyPatch } from './applyPatch.ts';
import { position, virtualService } from './samples.ts';

const HOST = 'reviews.bookinfo.svc.cluster.local';

const edit = (weightPercent: number, more: Partial<TrafficEdit> = {}): TrafficEdit => ({
  host: HOST,
  routes: [],
  stable: { version: 'v1', subset: 'v1' },
  canary: { version: 'v2', subset: 'v2' },
  versionOf: subset => subset,
  weightPercent,
  uid: 'uid-1',
  rollout: 'reviews',
  position: position(),
  ...more,
});

const apply = (object: MeshObject, change: TrafficEdit) => applyPatch(object, editTraffic(object, change));

/** Each destination of an http route as `host/subset weight`. */
const shown = (object: MeshObject, index = 0): string[] =>
  listOf(fieldsOf(listOf(fieldsOf(object.spec)['http'])[index])['route']).map(entry => {
    const { destination, weight } = fieldsOf(entry);
    const { host, subset } = fieldsOf(destination);
    return `${host}${subset === undefined ? '' : `/${subset}`} ${weight ?? '-'}`;
  });

const check = (spec: string, weightPercent: number, expected: string[], more: Partial<TrafficEdit> = {}) => {
  const object = virtualService(spec);
  const written = apply(object, edit(weightPercent, more));
  expect(shown(written)).toEqual(expected);
  expect(shown(apply(written, edit(weightPercent, more)))).toEqual(expected);
};

describe('weights', () => {
  const bookinfo = (v1: number, v2: number, v3: number) => `
hosts: [reviews]
http:
- route:
  - {destination: {host: reviews, subset: v1}, weight: ${v1}}
  - {destination: {host: reviews, subset: v2}, weight: ${v2}}
  - {destination: {host: reviews, subset: v3}, weight: ${v3}}`;

  it('R28: the two share 100 when nothing is foreign', () => {
    check(bookinfo(100, 0, 0), 30, ['reviews/v1 70', 'reviews/v2 30', 'reviews/v3 0']);
    check(bookinfo(3, 3, 0), 50, ['reviews/v1 50', 'reviews/v2 50', 'reviews/v3 0']);
    check(bookinfo(50, 50, 0), 0, ['reviews/v1 100', 'reviews/v2 0', 'reviews/v3 0']);
    check(bookinfo(50, 50, 0), 100, ['reviews/v1 0', 'reviews/v2 100', 'reviews/v3 0']);
  });

  it('R28: a foreign version keeps its weight, the two share what it leaves', () => {
    check(bookinfo(80, 0, 20), 50, ['reviews/v1 40', 'reviews/v2 40', 'reviews/v3 20']);
    check(bookinfo(80, 0, 20), 100, ['reviews/v1 0', 'reviews/v2 80', 'reviews/v3 20']);
    check(bookinfo(7, 0, 93), 50, ['reviews/v1 4', 'reviews/v2 3', 'reviews/v3 93']);
    check(bookinfo(1, 0, 99), 50, ['reviews/v1 1', 'reviews/v2 0', 'reviews/v3 99']);
  });

  it('R28: a foreign host keeps its weight', () => {
    const spec = `http: [{route: [{destination: {host: legacy}, weight: 20}, {destination: {host: reviews, subset: v1}, weight: 80}]}]`;
    check(spec, 50, ['legacy 20', 'reviews/v1 40', 'reviews/v2 40']);
  });

  it('R28: nothing to share', () => {
    const object = virtualService(bookinfo(0, 0, 100));
    expect(() => editTraffic(object, edit(50))).toThrow(NothingToShareError);
    check(bookinfo(0, 0, 100), 0, ['reviews/v1 0', 'reviews/v2 0', 'reviews/v3 100']);
  });

  it('R28: an earlier version of this Rollout is not foreign', () => {
    const first = apply(virtualService(bookinfo(50, 0, 50)), edit(50, { canary: { version: 'v3', subset: 'v3' } }));
    expect(shown(first)).toEqual(['reviews/v1 50', 'reviews/v2 0', 'reviews/v3 50']);
    const next = apply(first, edit(0));
    expect(shown(next)).toEqual(['reviews/v1 100', 'reviews/v2 0', 'reviews/v3 0']);
    const other = apply(first, edit(50, { uid: 'uid-2' }));
    expect(shown(other)).toEqual(['reviews/v1 25', 'reviews/v2 25', 'reviews/v3 50']);
  });

  it('repairs weights that Istio refuses', () => {
    check(bookinfo(0, 0, 0), 0, ['reviews/v1 100', 'reviews/v2 0', 'reviews/v3 0']);
  });

  it('writes a weight that was left out', () => {
    const spec = `http: [{route: [{destination: {host: reviews, subset: v2}}, {destination: {host: reviews, subset: v1}, weight: 100}]}]`;
    check(spec, 20, ['reviews/v2 20', 'reviews/v1 80']);
    check(spec, 0, ['reviews/v2 -', 'reviews/v1 100']);
  });

  it('R7: pins a host that is routed without a subset, in place', () => {
    const spec = 'http: [{route: [{destination: {host: reviews}}]}]';
    check(spec, 0, ['reviews/v1 -']);
    check(spec, 0, ['reviews/v1 -'], { canary: { version: 'v1', subset: 'v1' } });
    check(spec, 25, ['reviews/v1 75', 'reviews/v2 25']);
    check('http: [{route: [{destination: {host: reviews}, weight: 80}, {destination: {host: legacy}, weight: 20}]}]', 50, [
      'reviews/v1 40',
      'legacy 20',
      'reviews/v2 40',
    ]);
  });

  it('takes the weight from an unpinned destination beside the stable one', () => {
    const spec =
      'http: [{route: [{destination: {host: reviews}, weight: 40}, {destination: {host: reviews, subset: v1}, weight: 60}]}]';
    check(spec, 0, ['reviews 0', 'reviews/v1 100']);
  });

  it('adds the stable version to a route that is pinned to the new one', () => {
    const spec = 'http: [{route: [{destination: {host: reviews, subset: v2}}]}]';
    check(spec, 0, ['reviews/v2 -', 'reviews/v1 100']);
    check(spec, 100, ['reviews/v2 -']);
  });

  it('R13: adds no destination for a version that gets nothing', () => {
    check('http: [{route: [{destination: {host: reviews, subset: v1}}]}]', 0, ['reviews/v1 -']);
  });

  it('R27: an added destination is written like the one that is there', () => {
    const object = virtualService(`http: [{route: [{destination: {host: ${HOST}, subset: v1, port: {number: 9080}}}]}]`);
    const route = listOf(fieldsOf(listOf(fieldsOf(apply(object, edit(10)).spec)['http'])[0])['route']);
    expect(route).toEqual([
      { destination: { host: HOST, subset: 'v1', port: { number: 9080 } }, weight: 90 },
      { destination: { host: HOST, subset: 'v2', port: { number: 9080 } }, weight: 10 },
    ]);
  });

  it('knows versions by the labels of their subsets', () => {
    const labels: Record<string, string> = { old: 'v1', new: 'v2', 'new-debug': 'v2' };
    check(
      `http: [{route: [{destination: {host: reviews, subset: new-debug}, weight: 10}, {destination: {host: reviews, subset: old}, weight: 80},
                       {destination: {host: reviews, subset: new}, weight: 10}]}]`,
      40,
      ['reviews/new-debug 0', 'reviews/old 60', 'reviews/new 40'],
      {
        versionOf: subset => labels[subset] ?? subset,
        stable: { version: 'v1', subset: 'old' },
        canary: { version: 'v2', subset: 'new' },
      },
    );
  });
});

describe('several routes', () => {
  const route = (name: string) => `{name: ${name}, route: [{destination: {host: reviews, subset: v1}}]}`;

  it('R28: the steered ones get the same share, others keep theirs', () => {
    const object = virtualService(`
gateways: [mesh, bookinfo-gateway]
http: [${route('a')}, ${route('other')}, ${route('b')}]
tcp: [{route: [{destination: {host: reviews, subset: v1}}]}]`);
    const written = apply(object, edit(20, { routes: ['a', 'b'] }));
    expect([0, 1, 2].map(index => shown(written, index))).toEqual([
      ['reviews/v1 80', 'reviews/v2 20'],
      ['reviews/v1 -'],
      ['reviews/v1 80', 'reviews/v2 20'],
    ]);
    expect(fieldsOf(written.spec)['tcp']).toEqual(fieldsOf(object.spec)['tcp']);
  });
});

describe('position', () => {
  const spec = 'http: [{route: [{destination: {host: reviews, subset: v1}}]}]';

  it('R3: travels with the weight', () => {
    const written = apply(virtualService(spec), edit(50));
    expect(positionOf(written, 'uid-1')).toEqual(position());
    expect(positionOf(apply(written, edit(50, { position: position(2) })), 'uid-1')).toEqual(position(2));
  });

  it('R3: the digest of routes travels with it', () => {
    const named = { ...position(), routes: '00aa11bb' };
    expect(positionOf(apply(virtualService(spec), edit(50, { position: named })), 'uid-1')).toEqual(named);
  });

  it('R3: entries of others and other annotations stay', () => {
    const annotations = { 'example.com/owner': 'a', [POSITION_ANNOTATION]: '{"uid-2":{"seq":5,"new":true}}' };
    const written = apply(virtualService(spec, { annotations }), edit(50));
    expect(written.metadata?.annotations?.['example.com/owner']).toBe('a');
    const entries = JSON.parse(written.metadata?.annotations?.[POSITION_ANNOTATION] ?? '');
    expect(entries['uid-2']).toEqual({ seq: 5, new: true });
    expect(entries['uid-1']).toMatchObject({ seq: 1, weight: 50 });
  });

  it.each(['{', 'null', '[]', '5', '{"uid-1":5}', '{"uid-1":{"seq":"1"}}', ''])('R3: a broken annotation is absent: %s', text => {
    const object = virtualService(spec, { annotations: { [POSITION_ANNOTATION]: text } });
    expect(positionOf(object, 'uid-1')).toBeUndefined();
    expect(positionOf(apply(object, edit(50)), 'uid-1')).toEqual(position());
  });

  it('R3, R30: the last write of a Rollout that was deleted takes its entry away, and no other', () => {
    const last = edit(0, { position: { ...position(2), state: 'safe', reason: 'Deleted', weight: 0 } });
    const alone = apply(apply(virtualService(spec, { annotations: { 'example.com/owner': 'a' } }), edit(50)), last);
    expect(alone.metadata?.annotations).toEqual({ 'example.com/owner': 'a' });
    const shared = virtualService(spec, { annotations: { [POSITION_ANNOTATION]: '{"uid-2":{"seq":5}}' } });
    expect(apply(apply(shared, edit(50)), last).metadata?.annotations).toEqual({ [POSITION_ANNOTATION]: '{"uid-2":{"seq":5}}' });
    expect(apply(virtualService(spec), last).metadata?.annotations ?? {}).toEqual({});
    expect(positionOf(apply(alone, edit(0, { position: { ...position(3), state: 'safe' } })), 'uid-1')?.seq).toBe(3);
  });

  it('R3: an entry with a reason of another release counts', () => {
    const entry = { ...position(), reason: 'SomethingNew' };
    const annotations = { [POSITION_ANNOTATION]: JSON.stringify({ 'uid-1': entry }) };
    expect(positionOf(virtualService(spec, { annotations }), 'uid-1')).toEqual(position());
  });
});

describe('the patch', () => {
  const object = virtualService(
    'http: [{name: primary, route: [{destination: {host: reviews, subset: v1}, weight: 100}, {destination: {host: reviews, subset: v2}, weight: 0}]}]',
    { annotations: { [POSITION_ANNOTATION]: '{}' } },
  );
  const operations = editTraffic(object, edit(50));

  it('R27: tests what it relies on and carries the resource version', () => {
    expect(operations).toContainEqual({ op: 'replace', path: '/metadata/resourceVersion', value: '7' });
    expect(operations).toContainEqual({ op: 'test', path: '/spec/http/0/name', value: 'primary' });
    expect(operations).toContainEqual({ op: 'test', path: '/spec/http/0/route/1/destination/subset', value: 'v2' });
    expect(operations).toContainEqual({ op: 'test', path: '/spec/http/0/route/0/weight', value: 100 });
    expect(operations).toContainEqual({ op: 'test', path: '/metadata/annotations/sluice.dev~1position', value: '{}' });
    expect(operations.filter(({ op }) => op !== 'test')).toHaveLength(4);
  });

  it('R27: does not apply to an object whose route has moved', () => {
    const spec = fieldsOf(object.spec);
    const moved = { ...object, spec: { ...spec, http: [{ name: 'other', redirect: {} }, ...listOf(spec['http'])] } };
    expect(() => applyPatch(moved, operations)).toThrow('test failed at /spec/http/0/name');
  });

  it('leaves out tests that the API server cannot compare', () => {
    const spec = 'http: [{match: [{uri: {regex: "/a?b=c&d"}}], route: [{destination: {host: reviews, subset: v1}}]}]';
    expect(editTraffic(virtualService(spec), edit(50)).filter(({ path }) => path.endsWith('match'))).toEqual([]);
  });
});
