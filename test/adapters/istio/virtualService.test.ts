import { describe, expect, it } from 'vitest';
import { httpRoutesOf, routesTo, steeredRoutes, weightsOf } from '../../../src/adapters/istio/virtualService.ts';
import { virtualService } from './samples.ts';

const HOST = 'reviews.bookinfo.svc.cluster.local';
const same = (subset: string) => subset;

const read = (spec: string, stable: string | undefined, names: string[] = []) => {
  const object = virtualService(spec);
  return weightsOf(steeredRoutes(object, HOST, names), HOST, same, stable);
};

describe('weights of a steered route', () => {
  const cases: [string, string, ReturnType<typeof read>][] = [
    [
      'one unnamed destination gets everything',
      'http: [{route: [{destination: {host: reviews}}]}]',
      { versions: { '*': 100 }, foreign: 0 },
    ],
    [
      'one destination gets everything, also at weight 0',
      'http: [{route: [{destination: {host: reviews, subset: v1}, weight: 0}]}]',
      { versions: { v1: 100 }, foreign: 0 },
    ],
    [
      'of several, the one without a weight gets nothing',
      'http: [{route: [{destination: {host: reviews, subset: v1}, weight: 5}, {destination: {host: reviews, subset: v2}}]}]',
      { versions: { v1: 5, v2: 0 }, foreign: 0 },
    ],
    [
      'short and full host names are one host',
      `http: [{route: [{destination: {host: reviews, subset: v1}, weight: 60},
                       {destination: {host: ${HOST}, subset: v2}, weight: 20},
                       {destination: {host: reviews, subset: v3}, weight: 20}]}]`,
      { versions: { v1: 60, v2: 20, v3: 20 }, foreign: 0 },
    ],
    [
      'Istio does not complete a name with a dot: it is another host',
      `http: [{route: [{destination: {host: reviews, subset: v1}, weight: 90},
                       {destination: {host: reviews.bookinfo.svc, subset: v2}, weight: 8},
                       {destination: {host: reviews.bookinfo, subset: v2}, weight: 2}]}]`,
      { versions: { v1: 90 }, foreign: 10 },
    ],
    [
      'other hosts add up to foreign, also the same name in another namespace',
      `http: [{route: [{destination: {host: reviews, subset: v1}, weight: 80}, {destination: {host: legacy}, weight: 15},
                       {destination: {host: reviews.other.svc.cluster.local, subset: v2}, weight: 5}]}]`,
      { versions: { v1: 80 }, foreign: 20 },
    ],
    ['nothing routes to the host', 'http: [{route: [{destination: {host: ratings}}]}]', undefined],
    ['no http at all', 'tcp: [{route: [{destination: {host: reviews}}]}]', undefined],
    ['broken fields count for nothing', 'http: [null, {route: 5}, {route: [{destination: [], weight: x}]}]', undefined],
  ];
  it.each(cases)('%s', (_name, spec, expected) => {
    expect(read(spec, 'v1')).toEqual(expected);
  });

  const split = (name: string, v1: number, v2: number) =>
    `{name: ${name}, route: [{destination: {host: reviews, subset: v1}, weight: ${v1}}, {destination: {host: reviews, subset: v2}, weight: ${v2}}]}`;

  it('R29: of several routes that differ, the least safe one speaks for the object', () => {
    const spec = `http: [${split('a', 90, 10)}, ${split('b', 40, 60)}, ${split('c', 100, 0)}]`;
    expect(read(spec, 'v1', ['a', 'b', 'c'])).toEqual({ versions: { v1: 40, v2: 60 }, foreign: 0 });
  });

  it('R7: routes that pin different versions are a split while nothing is stable', () => {
    const spec = `http: [${split('a', 100, 0)}, ${split('b', 0, 100)}]`;
    expect(read(spec, undefined, ['a', 'b'])).toEqual({ versions: { v1: 100, v2: 100 }, foreign: 0 });
  });
});

describe('routes to steer', () => {
  const plain = 'route: [{destination: {host: reviews}}]';
  const names = (spec: string, wanted: string[]) =>
    steeredRoutes(virtualService(spec), HOST, wanted).map(route => route.name ?? route.index);

  it('are the named ones, wherever they stand', () => {
    expect(names(`http: [{name: b, ${plain}}, {name: x, ${plain}}, {name: a, ${plain}}]`, ['a', 'b'])).toEqual(['b', 'a']);
  });

  it('without names are the catch-all, when a route was put before it', () => {
    expect(names(`http: [{match: [{headers: {x: {exact: y}}}], ${plain}}, {${plain}}]`, [])).toEqual([1]);
    expect(names(`http: [{name: testers, ${plain}}, {match: [{uri: {prefix: /}}], ${plain}}]`, [])).toEqual([1]);
  });

  it('R23: are found again when the only one was renamed', () => {
    expect(names(`http: [{name: renamed, ${plain}}]`, ['primary'])).toEqual(['renamed']);
    expect(names(`http: [{name: named-now, ${plain}}]`, [])).toEqual(['named-now']);
  });

  it('are not guessed among several with other names', () => {
    expect(names(`http: [{name: a, ${plain}}, {name: b, ${plain}}]`, ['primary'])).toEqual([]);
  });

  it('leave out redirects, direct responses, delegates and our own header routes', () => {
    const spec = `http:
- {name: moved, redirect: {uri: /new}}
- {name: teapot, directResponse: {status: 418}}
- {name: elsewhere, delegate: {name: other}}
- {name: sluice-reviews-testers, match: [{headers: {x: {exact: y}}}], ${plain}}
- {name: primary, ${plain}}`;
    expect(routesTo(virtualService(spec), HOST).map(route => route.name)).toEqual(['primary']);
    expect(httpRoutesOf(virtualService(spec))).toHaveLength(5);
  });
});
