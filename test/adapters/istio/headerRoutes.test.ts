import { describe, expect, it } from 'vitest';
import { RouteRefusedError } from '../../../src/adapters/istio/trafficEdit.ts';
import type { MatchSpec } from '../../../src/rollout/index.ts';
import { apply, changesOf, edit, httpOf, namesOf, yaml } from './edits.ts';
import { virtualService } from './samples.ts';

const JASON: readonly MatchSpec[] = [{ headers: { 'end-user': { exact: 'jason' } } }];
const jason = (weight: number, match = JASON) => edit(weight, { beside: { headerRoutes: [{ match }] } });

const RICH = `
hosts: [reviews]
http:
- {name: moved, match: [{uri: {exact: /old}}], redirect: {uri: /new}}
- name: primary
  match: [{uri: {prefix: /api}}, {uri: {exact: /}, gateways: [edge]}]
  rewrite: {uri: /v1}
  timeout: 3s
  retries: {attempts: 2, perTryTimeout: 1s}
  corsPolicy: {maxAge: 24h}
  headers: {request: {set: {x-a: b}}}
  fault: {abort: {httpStatus: 500, percentage: {value: 0.1}}}
  mirror: {host: shadow}
  mirrorPercentage: {value: 5}
  x-new-field: {a: [1, 2]}
  route:
  - {destination: {host: reviews, subset: v1, port: {number: 9080}}, weight: 70, headers: {response: {add: {via: v1}}}}
  - {destination: {host: legacy}, weight: 30}
- {name: rest, route: [{destination: {host: other}}]}`;

describe('a header route', () => {
  it('R28: is the steered route with the match crossed and the new version alone, directly before it', () => {
    const written = httpOf(apply(virtualService(RICH), jason(0)));
    const before = httpOf(virtualService(RICH));
    expect(written.map(({ name }) => name)).toEqual(['moved', 'sluice-reviews-primary', 'primary', 'rest']);
    expect(written[1]).toEqual({
      ...before[1],
      name: 'sluice-reviews-primary',
      match: yaml(`
- {uri: {prefix: /api}, headers: {end-user: {exact: jason}}}
- {uri: {exact: /}, gateways: [edge], headers: {end-user: {exact: jason}}}`),
      route: [{ destination: { host: 'reviews', subset: 'v2', port: { number: 9080 } } }],
    });
    expect([written[0], written[3]]).toEqual([before[0], before[2]]);
  });

  it('R28: leaves the steered route alone at weight 0, and keeps the shares of others at any weight', () => {
    const object = virtualService(RICH);
    expect(changesOf(object, jason(0))).toEqual(['add /spec/http/1']);
    const [, , primary] = httpOf(apply(object, jason(50)));
    expect(primary?.['route']).toMatchObject([{ weight: 35 }, { weight: 30 }, { weight: 35 }]);
    const single = virtualService('http: [{route: [{destination: {host: reviews, subset: v1}}]}]');
    expect(httpOf(apply(single, { ...jason(0), routes: [] }))).toEqual([
      { name: 'sluice-reviews-unnamed', match: JASON, route: [{ destination: { host: 'reviews', subset: 'v2' } }] },
      { route: [{ destination: { host: 'reviews', subset: 'v1' } }] },
    ]);
  });

  it('R28: leads to the new version although others have all of the steered route', () => {
    const foreign = `http: [{name: primary, route: [{destination: {host: legacy}, weight: 100}, {destination: {host: reviews, subset: v1}, weight: 0}]}]`;
    expect(httpOf(apply(virtualService(foreign), jason(0)))[0]?.['route']).toEqual([
      { destination: { host: 'reviews', subset: 'v2' } },
    ]);
    expect(() => apply(virtualService(foreign), jason(10))).toThrow(RouteRefusedError);
  });

  it('R28: keeps what the destination of the new version carries', () => {
    const spec = `http: [{name: primary, route: [
      {destination: {host: reviews, subset: v1}, weight: 100},
      {destination: {host: reviews.bookinfo.svc.cluster.local, subset: v2, port: {number: 1}}, weight: 0, headers: {request: {set: {a: b}}}}]}]`;
    const [own] = httpOf(apply(virtualService(spec), jason(0)));
    expect(own?.['route']).toEqual([
      {
        destination: { host: 'reviews.bookinfo.svc.cluster.local', subset: 'v2', port: { number: 1 } },
        headers: { request: { set: { a: 'b' } } },
      },
    ]);
  });

  it('R29: stands before each of several steered routes, and is left out where it could never match', () => {
    const spec = `http: [${['a', 'b', 'c'].map(name => `{name: ${name}, match: [{uri: {prefix: /${name}}}], route: [{destination: {host: reviews, subset: v1}}]}`)}]`;
    const everywhere = { ...jason(0), routes: ['a', 'b'] };
    expect(namesOf(apply(virtualService(spec), everywhere))).toEqual(['sluice-reviews-a', 'a', 'sluice-reviews-b', 'b', 'c']);
    const inA = { ...jason(0, [{ uri: { exact: '/a/x' } }]), routes: ['a', 'b'] };
    expect(namesOf(apply(virtualService(spec), inA))).toEqual(['sluice-reviews-a', 'a', 'b', 'c']);
    const nowhere = { ...jason(0, [{ uri: { exact: '/c' } }]), routes: ['a', 'b'] };
    expect(() => apply(virtualService(spec), nowhere)).toThrow(
      'can never match: no request that http route "a" or http route "b"',
    );
  });

  it('several stand in their order, and none takes a name that is taken', () => {
    const two = edit(0, { beside: { headerRoutes: [{ match: JASON }, { match: [{ method: { exact: 'PUT' } }] }] } });
    const written = apply(virtualService(RICH), two);
    expect(namesOf(written)).toEqual(['moved', 'sluice-reviews-primary', 'sluice-reviews-primary-2', 'primary', 'rest']);
    expect(changesOf(written, two)).toEqual([]);
    expect(changesOf(written, jason(0))).toEqual(['remove /spec/http/2']);
  });

  it('says what cannot be said in one match', () => {
    const spec = RICH.replace('{prefix: /api}', '{regex: "/api/.*"}');
    const match = [{ uri: { prefix: '/api' } }];
    expect(() => apply(virtualService(spec), jason(0, match))).toThrow(
      'beside http route "primary" no single match can ask for uri prefix "/api" and for uri regex "/api/.*"; make one',
    );
  });
});

describe('one patch', () => {
  const first = apply(virtualService(RICH), jason(0));

  it('R3: changes nothing when nothing is to be changed', () => {
    expect(changesOf(first, jason(0))).toEqual([]);
  });

  it('R28: replaces a route of ours in its place, also when the steered route changed meanwhile', () => {
    expect(changesOf(first, jason(0, [{ method: { exact: 'PUT' } }]))).toEqual(['replace /spec/http/1']);
    const text = JSON.stringify(first).replaceAll('"timeout":"3s"', '"timeout":"4s"');
    expect(changesOf(JSON.parse(text), jason(0))).toEqual([]);
    const steered = JSON.parse(JSON.stringify(first));
    steered.spec.http[2].timeout = '9s';
    expect(changesOf(steered, jason(0))).toEqual(['replace /spec/http/1']);
    expect(httpOf(apply(steered, jason(0)))[1]?.['timeout']).toBe('9s');
  });

  it('R21, R23: takes it away, and the spec is as it was but for the two destinations', () => {
    expect(changesOf(first, edit(0))).toEqual(['remove /spec/http/1']);
    expect(apply(first, edit(0)).spec).toEqual(virtualService(RICH).spec);
  });

  it('puts it back before a steered route that was moved', () => {
    const [moved, own, primary, rest] = httpOf(first);
    const elsewhere = { ...first, spec: { ...(virtualService(RICH).spec as object), http: [primary, moved, own, rest] } };
    expect(changesOf(elsewhere, jason(0))).toEqual(['remove /spec/http/2', 'add /spec/http/0']);
    expect(namesOf(apply(elsewhere, jason(0)))).toEqual(['sluice-reviews-primary', 'primary', 'moved', 'rest']);
    expect(namesOf(apply(elsewhere, edit(0)))).toEqual(['primary', 'moved', 'rest']);
  });

  it('R23: takes it away although nothing that was steered is left', () => {
    const [moved, own] = httpOf(first);
    const alone = { ...first, spec: { http: [moved, own] } };
    expect(namesOf(apply(alone, edit(0)))).toEqual(['moved']);
    expect(namesOf(apply(alone, jason(0)))).toEqual(['moved']);
  });
});
