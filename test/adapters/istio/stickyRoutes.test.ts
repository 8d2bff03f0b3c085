import { describe, expect, it } from 'vitest';
import { cookieRegex } from '../../../src/adapters/istio/cookie.ts';
import { fieldsOf, listOf, type MeshObject } from '../../../src/adapters/istio/resource.ts';
import type { Sticky } from '../../../src/rollout/index.ts';
import { apply, changesOf, edit, httpOf, namesOf } from './edits.ts';
import { virtualService } from './samples.ts';

const STICKY: Sticky = { cookie: 'sluice-reviews', ttlMs: 3_600_000, drawnAt: [5, 20] };
const sticky = (weight: number, more: Partial<Sticky> = {}) => edit(weight, { beside: { sticky: { ...STICKY, ...more } } });

const OBJECT = virtualService(`
http:
- name: primary
  timeout: 3s
  route:
  - {destination: {host: reviews, subset: v1}, weight: 100, headers: {response: {add: {via: a}, remove: [x-b]}, request: {set: {c: d}}}}
  - {destination: {host: reviews, subset: v2}, weight: 0}`);
const FOREIGN = virtualService(`
http:
- name: primary
  route:
  - {destination: {host: legacy}, weight: 20}
  - {destination: {host: reviews, subset: v1}, weight: 80}`);

/** Each destination of an http route as `subset weight cookie`. */
const shown = (object: MeshObject, name: string): readonly string[] =>
  listOf(httpOf(object).find(route => route['name'] === name)?.['route']).map(entry => {
    const { destination, weight = '-', headers } = fieldsOf(entry);
    const { host, subset = host } = fieldsOf(destination);
    const text = fieldsOf(fieldsOf(fieldsOf(headers)['response'])['add'])['set-cookie'];
    return `${subset} ${weight} ${typeof text === 'string' ? text.split(';')[0] : '-'}`;
  });

describe('stickiness', () => {
  const written = apply(OBJECT, sticky(50));
  const ours = 'sluice-reviews-primary-cookie';

  it('R28: the steered route tells everybody whom they met', () => {
    expect(shown(written, 'primary')).toEqual([
      'v1 50 sluice-reviews=7c1f09d2-stable-50',
      'v2 50 sluice-reviews=7c1f09d2-canary',
    ]);
    const [first] = listOf(httpOf(written).at(-1)?.['route']).map(fieldsOf);
    expect(first?.['headers']).toEqual({
      response: {
        add: { via: 'a', 'set-cookie': 'sluice-reviews=7c1f09d2-stable-50; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax' },
        remove: ['x-b'],
      },
      request: { set: { c: 'd' } },
    });
    const { ttlMs: _, ...session } = STICKY;
    const open = apply(OBJECT, edit(50, { beside: { sticky: session } }));
    expect(JSON.stringify(httpOf(open).at(-1))).toContain('"sluice-reviews=7c1f09d2-canary; Path=/; HttpOnly; SameSite=Lax"');
  });

  it('R28: who comes back meets the same version, and who met stable earlier is drawn once more', () => {
    expect(namesOf(written)).toEqual([`${ours}-canary`, `${ours}-stable`, `${ours}-stable-5`, `${ours}-stable-20`, 'primary']);
    expect(shown(written, `${ours}-canary`)).toEqual(['v2 - -']);
    expect(shown(written, `${ours}-stable`)).toEqual(['v1 - -']);
    const drawn = (v1: number, v2: number) => [
      `v1 ${v1} sluice-reviews=7c1f09d2-stable-50`,
      `v2 ${v2} sluice-reviews=7c1f09d2-canary`,
    ];
    expect(shown(written, `${ours}-stable-5`)).toEqual(drawn(10, 9));
    expect(shown(written, `${ours}-stable-20`)).toEqual(drawn(5, 3));
    expect(httpOf(written)[0]).toMatchObject({ timeout: '3s', match: [{ headers: { cookie: { regex: expect.any(String) } } }] });
  });

  it('R28: foreign destinations keep their share of everybody', () => {
    const shared = apply(FOREIGN, sticky(50));
    expect(shown(shared, 'primary').map(text => text.split(' ').slice(0, 2))).toEqual([
      ['legacy', '20'],
      ['v1', '40'],
      ['v2', '40'],
    ]);
    expect(shown(shared, `${ours}-canary`)).toEqual(['legacy 20 -', 'v2 80 -']);
    expect(shown(shared, `${ours}-stable`)).toEqual(['legacy 20 -', 'v1 80 -']);
    expect(shown(shared, `${ours}-stable-20`)).toEqual([
      'legacy 2 -',
      'v1 5 sluice-reviews=7c1f09d2-stable-50',
      'v2 3 sluice-reviews=7c1f09d2-canary',
    ]);
  });

  it('R28: of people who come back at every step as many see the new version as its weight says', () => {
    const steps = [5, 6, 10, 33, 50, 75, 99];
    /** Share of each side, and what those carry who met stable. */
    let people = new Map([['new', 1]]);
    for (const [turn, weight] of steps.entries()) {
      const object = apply(FOREIGN, sticky(weight, { drawnAt: steps.slice(0, turn) }));
      const next = new Map<string, number>();
      for (const [cookie, share] of people) {
        const name = { new: 'primary', canary: `${ours}-canary` }[cookie] ?? `${ours}-${cookie}`;
        const weights = shown(object, name)
          .map(text => text.split(' '))
          .filter(([to]) => to !== 'legacy');
        const total = weights.reduce((sum, [, text]) => sum + Number(text), 0);
        for (const [to, text] of weights) {
          const met = to === 'v2' ? 'canary' : `stable-${weight}`;
          next.set(met, (next.get(met) ?? 0) + (share * Number(text)) / total);
        }
      }
      people = next;
      expect(100 * (people.get('canary') ?? 0)).toBeCloseTo(weight, 6);
    }
  });

  it('nobody is drawn again who was drawn at this weight or a greater one', () => {
    const names = namesOf(apply(OBJECT, sticky(20, { drawnAt: [5, 20, 50] })));
    expect(names).toEqual([`${ours}-canary`, `${ours}-stable`, `${ours}-stable-5`, 'primary']);
  });

  it('stands behind header routes', () => {
    const both = edit(50, { beside: { sticky: { cookie: 'c', drawnAt: [] }, headerRoutes: [{ match: [{ port: 80 }] }] } });
    expect(namesOf(apply(OBJECT, both))).toEqual(['sluice-reviews-primary', `${ours}-canary`, `${ours}-stable`, 'primary']);
  });

  it('R3: is written once, goes on to the next weight in place, and is taken away to the last field', () => {
    expect(changesOf(written, sticky(50))).toEqual([]);
    const next = apply(written, sticky(80, { drawnAt: [5, 20, 50] }));
    expect(namesOf(next).slice(2)).toEqual([`${ours}-stable-5`, `${ours}-stable-20`, `${ours}-stable-50`, 'primary']);
    expect(changesOf(written, sticky(80, { drawnAt: [5, 20, 50] })).filter(change => !change.startsWith('replace'))).toEqual([
      'add /spec/http/4',
    ]);
    for (const object of [written, next]) expect(apply(object, edit(0)).spec).toEqual(OBJECT.spec);
    const end = apply(next, sticky(100));
    expect(namesOf(end)).toEqual(['primary']);
    expect(shown(end, 'primary')).toEqual(['v1 0 -', 'v2 100 -']);
    expect(JSON.stringify(httpOf(apply(FOREIGN, sticky(0))))).toBe(JSON.stringify(httpOf(FOREIGN)));
  });

  it('R27: is known again without the record', () => {
    const lost = { ...written, metadata: { ...written.metadata, annotations: {} } };
    expect(changesOf(lost, sticky(50))).toEqual([]);
    expect(apply(lost, edit(0)).spec).toEqual(OBJECT.spec);
  });

  it.each([
    ['a destination that adds', '{destination: {host: reviews, subset: v1}, headers: {response: {add: {Set-Cookie: a=b}}}}', ''],
    ['sets', '{destination: {host: reviews, subset: v1}, headers: {response: {set: {set-cookie: a=b}}}}', ''],
    ['removes', '{destination: {host: reviews, subset: v1}}', 'headers: {response: {remove: [Set-Cookie]}},'],
  ])("says that users' own headers are in the way: %s", (what, destination, headers) => {
    const object = virtualService(`http: [{name: primary, ${headers} route: [${destination}]}]`);
    expect(() => apply(object, sticky(50))).toThrow(`${what} set-cookie in responses`);
    expect(apply(object, edit(0)).spec).toEqual(object.spec);
  });

  it("leaves cookies of others' destinations alone", () => {
    const text = `http: [{name: primary, route: [
      {destination: {host: legacy}, weight: 50, headers: {response: {add: {set-cookie: a=b}}}}, {destination: {host: reviews, subset: v1}, weight: 50}]}]`;
    expect(shown(apply(virtualService(text), sticky(50)), 'primary')[0]).toBe('legacy 50 a=b');
  });

  it('says that the steered route looks at cookies itself', () => {
    const object = virtualService(
      'http: [{name: primary, match: [{headers: {cookie: {prefix: user=}}}], route: [{destination: {host: reviews, subset: v1}}]}]',
    );
    expect(() => apply(object, sticky(50))).toThrow(
      /no single match can ask for header cookie .*take the condition on cookie out/,
    );
  });
});

describe('the cookie among others', () => {
  const regex = new RegExp(`^(?:${cookieRegex({ cookie: 'a.b', drawnAt: [] }, 'r-stable-5')})$`);
  it.each(['a.b=r-stable-5', 'x=1; a.b=r-stable-5', 'x=1;a.b=r-stable-5; y=2', 'a.b=r-stable-5 ; y="z"'])('is in %s', header => {
    expect(regex.test(header)).toBe(true);
  });
  it.each(['a.b=r-stable-50', 'xa.b=r-stable-5', 'aXb=r-stable-5', 'x=a.b=r-stable-5', 'a.b=', 'x=1; a.b=r-canary'])(
    'is not in %s',
    header => {
      expect(regex.test(header)).toBe(false);
    },
  );
});
