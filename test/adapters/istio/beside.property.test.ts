import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOfOwn, ownIn } from '../../../src/adapters/istio/own.ts';
import { positionOf, recordOf } from '../../../src/adapters/istio/position.ts';
import { type Fields, fieldsOf, listOf, type MeshObject } from '../../../src/adapters/istio/resource.ts';
import { RouteRefusedError, type TrafficEdit } from '../../../src/adapters/istio/trafficEdit.ts';
import type { Routes } from '../../../src/rollout/index.ts';
import { apply, changesOf, edit, HOST, httpOf } from './edits.ts';
import { position } from './samples.ts';

const STEERED = ['primary', 'second'];

const ownHeaders = fc.constantFrom(
  {},
  { headers: { request: { set: { a: 'b' } } } },
  { headers: { response: { add: { via: 'x' }, remove: ['y'] } } },
  { headers: { response: { add: { 'Set-Cookie': 'mine=1' } } } },
);
const destination = fc
  .record({
    host: fc.constantFrom('reviews', 'reviews', HOST, 'legacy'),
    subset: fc.constantFrom({ subset: 'v1' }, { subset: 'v1' }, { subset: 'v2' }, { subset: 'v3' }, {}),
    weight: fc.constantFrom({}, { weight: 0 }, { weight: 20 }, { weight: 100 }),
    headers: ownHeaders,
  })
  .map(({ host, subset, weight, headers }) => ({ destination: { host, ...subset }, ...weight, ...headers }));
const match = fc.constantFrom(
  {},
  { match: [{ uri: { prefix: '/' } }] },
  { match: [{ uri: { exact: '/a' } }, { headers: { cookie: { prefix: 'x' } } }] },
  { match: [{ headers: { 'end-user': { regex: 'a.*' } } }] },
);
const mirrors = fc.constantFrom(
  {},
  {},
  { mirror: { host: 'shadow' }, mirrorPercentage: { value: 3 } },
  { mirrors: [{ destination: { host: 'shadow' } }] },
  {
    mirrors: [{ destination: { host: 'reviews', subset: 'v3' } }, { destination: { host: 'shadow' }, percentage: { value: 1 } }],
  },
);
const route = (name: string) =>
  fc
    .record({ match, mirrors, headers: ownHeaders, route: fc.array(destination, { minLength: 1, maxLength: 3 }) })
    .map(({ match: on, mirrors: to, headers, route: destinations }) => ({
      name,
      ...on,
      ...to,
      ...headers,
      route: destinations,
      'x-new': { a: [1] },
    }));
const stranger = fc.constantFrom(
  { name: 'moved', redirect: { uri: '/' } },
  { name: 'sluice-other-primary', match: [{ port: 1 }], route: [{ destination: { host: 'reviews', subset: 'v2' } }] },
  { match: [{ port: 2 }], route: [{ destination: { host: 'legacy' } }] },
);

const virtualService: fc.Arbitrary<MeshObject> = fc
  .tuple(fc.array(stranger, { maxLength: 2 }), route('primary'), fc.array(stranger, { maxLength: 1 }), route('second'))
  .map(([first, primary, between, second]) => ({
    metadata: { namespace: 'bookinfo', name: 'reviews', resourceVersion: '7', annotations: { owner: 'a' } },
    spec: { hosts: ['reviews'], http: [...first, primary, ...between, second], 'x-new': 1 },
  }));

const headerRoutes = fc.array(
  fc.constantFrom(
    { match: [{ headers: { 'end-user': { exact: 'jason' } } }] },
    { match: [{ uri: { prefix: '/a' } }, { method: { exact: 'PUT' } }] },
  ),
  { minLength: 1, maxLength: 2 },
);
/** Percentages that users' own entries do not have. */
const mirror = fc.constantFrom({ percentage: 37 }, { percentage: 41 });
const sticky = fc.constantFrom({ cookie: 'ours', drawnAt: [] }, { cookie: 'ours', ttlMs: 60_000, drawnAt: [1, 7] });
const traffic = fc.record({
  weight: fc.constantFrom(0, 0, 10, 50, 99, 100),
  beside: fc.oneof(
    fc.constant({}),
    fc.record({ headerRoutes }),
    fc.record({ mirror }),
    fc.record({ sticky }),
    fc.record({ headerRoutes, sticky }),
    fc.record({ headerRoutes, mirror }),
  ),
});

/** What somebody else does between two writes: nothing, another order, the old file again, or the annotations gone. */
const disturbance = fc.oneof(
  fc.constant('none' as const),
  fc.constant('none' as const),
  fc.array(fc.nat(9), { minLength: 9, maxLength: 9 }),
  fc.constant('without ours' as const),
  fc.constant('without annotations' as const),
);
type Disturbance = typeof disturbance extends fc.Arbitrary<infer T> ? T : never;

const isOurs = ({ name }: Fields): boolean => String(name).startsWith('sluice-reviews-');

const disturb = (object: MeshObject, how: Disturbance): MeshObject => {
  const http = httpOf(object);
  const withHttp = (list: readonly Fields[]): MeshObject => ({ ...object, spec: { ...fieldsOf(object.spec), http: list } });
  if (how === 'none') return object;
  if (how === 'without ours') return withHttp(http.filter(route => !isOurs(route)));
  if (how === 'without annotations') return { ...object, metadata: { ...object.metadata, annotations: {} } };
  const ranked = http.map((route, index) => ({ route, rank: how[index % how.length] ?? 0 }));
  return withHttp(ranked.sort((a, b) => a.rank - b.rank).map(({ route }) => route));
};

/** Ours stand directly before the steered route that they are named after. */
const standBefore = (object: MeshObject): void => {
  const names = httpOf(object).map(({ name }) => String(name));
  for (const [index, name] of names.entries()) {
    if (!name.startsWith('sluice-reviews-')) continue;
    const next = names.slice(index).find(other => !other.startsWith('sluice-reviews-')) ?? '';
    expect(STEERED).toContain(next);
    expect(name.startsWith(`sluice-reviews-${next}`)).toBe(true);
  }
};

const write = (weight: number, beside: Routes, seq: number): TrafficEdit =>
  edit(weight, { routes: STEERED, mirrored: 'v2', beside, position: { ...position(seq), weight, routes: 'digest' } });

/** The spec without anything that a write of ours may change. */
const foreign = (object: MeshObject): unknown => {
  const others = httpOf(object).filter(route => !isOurs(route));
  const http = others.map(fields => (STEERED.includes(String(fields['name'])) ? steered(fields) : fields));
  return { ...fieldsOf(object.spec), http };
};

const steered = ({ mirrors: copies, ...fields }: Fields): Fields => {
  const own = listOf(copies).filter(entry => ![37, 41].includes(Number(fieldsOf(fieldsOf(entry)['percentage'])['value'])));
  const entries = listOf(fields['route']).map(fieldsOf);
  const others = entries.filter(entry => {
    const { host, subset } = fieldsOf(entry['destination']);
    return host === 'legacy' || subset === 'v3';
  });
  return { ...fields, ...(own.length === 0 ? {} : { mirrors: own }), route: others };
};

/** What stands beside weights in the destinations of ours. */
const carried = (object: MeshObject): unknown =>
  httpOf(object).map(({ route: entries }) =>
    listOf(entries).map(entry => {
      const { weight: _, destination: to, ...rest } = fieldsOf(entry);
      return [fieldsOf(to)['host'], rest];
    }),
  );

const isAsWritten = (object: MeshObject, change: TrafficEdit): boolean => {
  const digest = digestOfOwn(ownIn(object, change));
  return digest === recordOf(object, 'uid-1')?.written && positionOf(object, 'uid-1')?.seq === change.position.seq;
};

describe('writes of any traffic to any VirtualService', () => {
  it('R27, R28: change nothing else, are known again, are the same when repeated, and leave nothing behind', () => {
    let written = 0;
    fc.assert(
      fc.property(
        virtualService,
        fc.array(fc.tuple(traffic, disturbance), { minLength: 1, maxLength: 5 }),
        (object, sequence) => {
          let now = object;
          for (const [turn, [{ weight, beside }, how]] of sequence.entries()) {
            now = disturb(now, how);
            const before = now;
            const change = write(weight, beside, turn + 1);
            try {
              now = apply(now, change);
            } catch (error) {
              expect(error).toBeInstanceOf(RouteRefusedError);
              continue;
            }
            written += 1;
            expect(foreign(now)).toEqual(foreign(before));
            standBefore(now);
            expect(isAsWritten(now, change)).toBe(true);
            expect(changesOf(now, change)).toEqual([]);
          }
          const safe = apply(now, edit(0, { routes: STEERED, mirrored: 'v2' }));
          expect(foreign(safe)).toEqual(foreign(now));
          expect(httpOf(safe).some(isOurs)).toBe(false);
          if (sequence.every(([, how]) => !Array.isArray(how))) expect(foreign(safe)).toEqual(foreign(object));
          expect(digestOfOwn(ownIn(safe, edit(0, { routes: STEERED })))).toBeUndefined();
          expect(JSON.stringify(carried(safe))).not.toContain('ours=');
        },
      ),
      { numRuns: 60 },
    );
    expect(written).toBeGreaterThan(40);
  });
});
