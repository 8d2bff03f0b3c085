import { describe, expect, it } from 'vitest';
import { checkMesh, createMeshChecker } from '../../../../src/adapters/istio/meshCheck/checker.ts';
import { OPTIONAL_KINDS, type OptionalKind } from '../../../../src/adapters/istio/meshCheck/world.ts';
import type { KubeObject } from '../../../../src/adapters/kubernetes/resources.ts';
import { found, meshWorld, objectsOf, rolloutWith, TARGET, worldWith } from './fixtures.ts';

const codes = (...given: Parameters<typeof found>): readonly string[] => found(...given).map(({ code }) => code);
const ALL_KINDS = Object.keys(OPTIONAL_KINDS) as readonly OptionalKind[];

/** Two objects: one for the gateway, one for the mesh. */
const TWO = { virtualServices: ['weather/forecast', 'weather/edge'], routes: ['primary'] };
const edge = (spec: string): string => `
---
kind: VirtualService
metadata: {name: edge}
spec: {${spec}, http: [{name: primary, route: [{destination: {host: forecast, subset: v1}}]}]}`;

const DOUBTFUL = `
kind: Service
metadata: {name: forecast, deletionTimestamp: now}
---
kind: VirtualService
metadata: {name: forecast}
spec:
  hosts: [forecast]
  gateways: [public, elsewhere/public]
  http: [{name: primary, route: [{destination: {host: forecast, subset: v1}, weight: 50}, {destination: {host: far.away}, weight: 50}]}]`;

describe('what the mesh check may not conclude', () => {
  it('R13: says nothing of kinds that the cluster lacks, or that may not be listed', () => {
    expect(codes(DOUBTFUL)).toEqual(['MissingHost', 'NoEntrance', 'OtherDestinationMissing']);
    expect(codes(DOUBTFUL, { without: ALL_KINDS })).toEqual([]);
    expect(codes(DOUBTFUL, { without: ['ServiceEntry'] })).toEqual(['NoEntrance']);
  });

  it('R13: says nothing of namespaces that are not watched', () => {
    expect(codes(DOUBTFUL, { namespaces: ['weather'] })).toEqual(['GatewayWithoutHost']);
  });

  it('R13: says nothing of spans when the mesh-wide Telemetry cannot be seen', () => {
    const gates = [{ name: 'p99', source: { kind: 'zipkin', provider: 'default', percentile: 99 } }] as never;
    const rollout = rolloutWith({ gates });
    expect(codes('', { rollout })).toEqual(['TracingOff']);
    expect(codes('', { rollout, namespaces: ['weather'] })).toEqual([]);
  });

  it('R13: an object of an attempt that is gone, and one that no longer routes to the host, are for others to tell', () => {
    expect(codes('', { target: { virtualServices: ['weather/forecast', 'weather/gone'] } })).toEqual([]);
    expect(codes('', { target: { virtualServices: [], destinationRule: 'weather/gone' } })).toEqual([]);
  });
});

describe('several objects', () => {
  it('R13, R29: what shuts one of two is a warning', () => {
    const shut = edge('hosts: [shop.example.com], gateways: [public]');
    expect(codes(shut, { target: TWO })).toEqual(['GatewayWithoutHost']);
    expect(codes(shut, { target: { ...TWO, virtualServices: ['weather/edge'] } })).toEqual(['NoEntrance']);
  });

  it('R13, R29: two steered objects for one host are no conflict, as their weights are the same', () => {
    const twin = edge('hosts: [forecast]').replace('edge}', "edge, creationTimestamp: '2026-01-01T00:00:00Z'}");
    expect(codes(twin, { target: TWO })).toEqual([]);
    expect(codes(twin)).toEqual(['ConflictingVirtualServices']);
  });

  it('R13, R29: one that is hidden by an older object is a warning while the other one is not', () => {
    const more = `${edge('hosts: [shop.example.com]')}
---
kind: VirtualService
metadata: {name: older, creationTimestamp: '2026-01-01T00:00:00Z'}
spec: {hosts: [forecast], http: [{route: [{destination: {host: forecast, subset: v1}}]}]}`;
    expect(codes(more, { target: TWO })).toEqual(['DuplicateVirtualService']);
    expect(codes(more)).toEqual(['ConflictingVirtualServices']);
  });

  it('R13, R29: a route that nothing reaches is a warning while the other object has one that is reached', () => {
    const hidden = `
---
kind: VirtualService
metadata: {name: edge}
spec:
  hosts: [shop.example.com]
  http: [{route: [{destination: {host: forecast}}]}, {name: primary, route: [{destination: {host: forecast, subset: v1}}]}]`;
    expect(codes(hidden, { target: TWO })).toEqual(['IneffectiveMatch']);
    expect(codes(hidden, { target: { ...TWO, virtualServices: ['weather/edge'] } })).toEqual(['UnreachableRoute']);
  });
});

/** A cluster with so many applications as the sound one. */
const crowd = (applications: number): readonly KubeObject[] =>
  Array.from({ length: applications }, (_, index) => `a${index}`).flatMap(namespace =>
    worldWith('').map(object => ({
      ...object,
      metadata: { ...object.metadata, ...(object.kind === 'Namespace' ? { name: namespace } : { namespace }) },
    })),
  );

describe('how often it works', () => {
  it('R5: looks again only when something has changed', () => {
    let asked = 0;
    let version = 1;
    const world = meshWorld(worldWith(''));
    const counted = {
      ...world,
      list: (kind: OptionalKind) => {
        asked += 1;
        return world.list(kind);
      },
    };
    const checker = createMeshChecker(counted, () => version);
    const rollout = rolloutWith();
    const first = checker.check(rollout, TARGET);
    const once = asked;
    expect(once).toBeGreaterThan(0);
    expect(checker.check(rollout, TARGET)).toBe(first);
    expect(asked).toBe(once);
    version += 1;
    checker.check(rollout, TARGET);
    expect(asked).toBe(2 * once);
    checker.check(rollout, { ...TARGET, canary: 'v3' });
    expect(asked).toBe(3 * once);
  });

  it('R5: takes a small part of a look, also in a cluster of a thousand objects of each kind', () => {
    const more = objectsOf('kind: Gateway\nmetadata: {name: public}\nspec: {servers: [{hosts: ["*"]}]}');
    const world = meshWorld([...crowd(1_000), ...worldWith(''), ...more]);
    const rollout = rolloutWith();
    expect(checkMesh(world, rollout, TARGET)).toEqual([]);
    const rounds = 20;
    const startMs = process.cpuUsage();
    for (let round = 0; round < rounds; round += 1) checkMesh(world, rollout, TARGET);
    const { user, system } = process.cpuUsage(startMs);
    // About half a millisecond where it was measured; the limit catches only work that grows with the square of the objects.
    expect((user + system) / 1_000 / rounds).toBeLessThan(50);
  });
});
