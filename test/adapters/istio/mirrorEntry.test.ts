import { describe, expect, it } from 'vitest';
import { listOf } from '../../../src/adapters/istio/resource.ts';
import { createIstioRouter } from '../../../src/adapters/istio/router.ts';
import { RouteRefusedError } from '../../../src/adapters/istio/trafficEdit.ts';
import type { SetTraffic } from '../../../src/rollout/index.ts';
import { apply, changesOf, edit, HOST, httpOf, namesOf, yaml } from './edits.ts';
import { fakeMesh } from './fakeMesh.ts';
import { position, virtualService } from './samples.ts';

const mirrored = (percentage: number) => edit(0, { beside: { mirror: { percentage } } });
const primary = (more: string) =>
  virtualService(`http: [{name: primary, ${more} route: [{destination: {host: reviews, subset: v1, port: {number: 9080}}}]}]`);

const PLAIN = primary('');
const OTHERS = primary(
  'mirrors: [{destination: {host: shadow}}, {destination: {host: reviews, subset: v3}, percentage: {value: 1}}],',
);
const OURS = yaml('{destination: {host: reviews, subset: v2, port: {number: 9080}}, percentage: {value: 25}}');

describe('a mirror', () => {
  it('R28: is an entry of mirrors, and the list goes with it', () => {
    expect(changesOf(PLAIN, mirrored(25))).toEqual(['add /spec/http/0/mirrors']);
    const written = apply(PLAIN, mirrored(25));
    expect(httpOf(written)[0]?.['mirrors']).toEqual([OURS]);
    expect(changesOf(written, mirrored(25))).toEqual([]);
    expect(changesOf(written, mirrored(50))).toEqual(['replace /spec/http/0/mirrors/0/percentage/value']);
    expect(changesOf(written, edit(0))).toEqual(['remove /spec/http/0/mirrors']);
    expect(apply(written, edit(0)).spec).toEqual(PLAIN.spec);
  });

  it("R27: stands after users' own entries, wherever these are moved to", () => {
    const written = apply(OTHERS, mirrored(25));
    expect(changesOf(OTHERS, mirrored(25))).toEqual(['add /spec/http/0/mirrors/-']);
    const [shadow, v3, ours] = listOf(httpOf(written)[0]?.['mirrors']);
    expect(ours).toEqual(OURS);
    const moved = { ...written, spec: { http: [{ ...httpOf(written)[0], mirrors: [shadow, ours, v3] }] } };
    expect(changesOf(moved, mirrored(25))).toEqual([]);
    expect(changesOf(moved, edit(0))).toEqual(['remove /spec/http/0/mirrors/1']);
    expect(apply(moved, edit(0)).spec).toEqual(OTHERS.spec);
  });

  it('R27: follows the new version, and is not copied to header routes', () => {
    const written = apply(OTHERS, mirrored(25));
    const next = edit(0, {
      canary: { version: 'v4', subset: 'new' },
      beside: { mirror: { percentage: 25 }, headerRoutes: [{ match: [{ port: 80 }] }] },
    });
    const both = apply(written, next);
    expect(namesOf(both)).toEqual(['sluice-reviews-primary', 'primary']);
    expect(httpOf(both)[0]?.['mirrors']).toEqual(httpOf(OTHERS)[0]?.['mirrors']);
    expect(httpOf(both)[1]?.['mirrors']).toMatchObject([{}, {}, { destination: { subset: 'new' } }]);
    expect(apply(both, edit(0)).spec).toEqual(OTHERS.spec);
  });

  it('R27: without a record an entry is not ours, whatever it looks like', () => {
    const { metadata, ...rest } = apply(PLAIN, mirrored(25));
    const lost = { ...rest, metadata: { ...metadata, annotations: {} } };
    expect(changesOf(lost, edit(0))).toEqual([]);
    expect(() => apply(lost, mirrored(25))).toThrow('sends copies to subset v2 that are not ours; take that entry out');
  });

  it("says that a user's own mirror is in the way, and never when it only takes away", () => {
    const own = primary('mirror: {host: shadow}, mirrorPercentage: {value: 3},');
    expect(() => apply(own, mirrored(25))).toThrow(RouteRefusedError);
    expect(() => apply(own, mirrored(25))).toThrow(
      'http route "primary" has a mirror of its own, beside which Istio allows no other',
    );
    expect(changesOf(own, edit(0))).toEqual([]);
  });

  it('R27: is not put into a delegate whose root mirrors, as that one would end', async () => {
    const delegate = virtualService('http: [{name: primary, route: [{destination: {host: reviews, subset: v1}}]}]');
    const root = virtualService(
      'hosts: [shop]\nhttp: [{name: all, delegate: {name: reviews}, mirrors: [{destination: {host: shadow}}]}]',
      { name: 'shop' },
    );
    const request: SetTraffic = {
      kind: 'setTraffic',
      object: 'bookinfo/reviews',
      resourceVersion: '7',
      weight: 0,
      routes: { mirror: { percentage: 25 } },
      position: { ...position(), routes: 'digest' },
      target: {
        router: 'istio',
        host: HOST,
        versionLabel: 'version',
        virtualServices: ['bookinfo/reviews'],
        routes: ['primary'],
        stable: 'v1',
        canary: 'v2',
      },
    };
    const owner = { uid: 'uid-1', name: 'reviews' };
    const { deps } = fakeMesh([delegate, root], []);
    await expect(createIstioRouter(deps).setTraffic(request, owner)).rejects.toThrow(
      'http route "all" of VirtualService bookinfo/shop, which delegates to it, has a mirror that would end',
    );
    const { routes: _, ...weightOnly } = request;
    await createIstioRouter(deps).setTraffic(weightOnly, owner);
    const alone = fakeMesh([delegate], []);
    await createIstioRouter(alone.deps).setTraffic(request, owner);
    expect(alone.requests).toHaveLength(1);
  });
});
