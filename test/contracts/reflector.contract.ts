import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { withoutManagedFields } from '../../src/adapters/kubernetes/cache.ts';
import { createKubeClient } from '../../src/adapters/kubernetes/client.ts';
import type { KubeObject, Resource } from '../../src/adapters/kubernetes/resources.ts';
import type { Fate } from './apiProxy.ts';
import { type Cell, type CellOptions, NOTES, openCell, type Place } from './reflectorCell.ts';

/** What is waited for comes at once, or on a busy machine later. */
const PATIENT = { timeout: 60_000, interval: 20 };

const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };

const DEFINITIONS: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const NOTE_DEFINITION: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${NOTES.plural}.${NOTES.group}` },
  spec: {
    group: NOTES.group,
    scope: 'Namespaced',
    names: { plural: NOTES.plural, singular: 'note', kind: 'Note', listKind: 'NoteList' },
    versions: [{ name: NOTES.version, served: true, storage: true, schema: { openAPIV3Schema } }],
  },
};

const TOO_OLD = {
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  reason: 'Expired',
  code: 410,
  message: 'too old resource version',
};
const refused410: Fate = { code: 410, body: JSON.stringify(TOO_OLD) };
const told410 = `${JSON.stringify({ type: 'ERROR', object: TOO_OLD })}\n`;

/** What is no watch event, each in a way of its own. */
const GARBAGE: readonly (readonly [what: string, text: string])[] = [
  ['a web page', '<html><body>Please log in</body></html>\n'],
  ['JSON that is no object', '[1, 2]\n'],
  ['an event without an object', '{"type":"ADDED"}\n'],
  ['an object without metadata', '{"type":"MODIFIED","object":{"data":{}}}\n'],
  ['a bookmark of nothing', '{"type":"BOOKMARK","object":{}}\n'],
  ['bytes that are no text', '\u0000\u0001\ufffd\n'],
];

/** Silence of a server that is to be noticed. */
const SILENCE_MS = 2_000;

/** So many watches take at least the back-off between them: the first delay, doubled each time, and a random half less. */
const STORM_FIRST_DELAY_MS = 200;
const STORM_WATCHES = 5;
const STORM_LEAST_MS = (STORM_FIRST_DELAY_MS * (2 ** (STORM_WATCHES - 1) - 1)) / 2;
const MOST_WATCHES = 8;

const CHAOS_MS = 2_000;
const CHAOS_MOST_PER_SECOND = 125;

export type ReflectorServer = {
  /** Path of a kubeconfig of a cluster admin. */
  readonly kubeconfigPath: string;
  /** Makes the server forget its history, where it can be told to. */
  readonly forget?: () => void;
};

/** What a reflector and its cache must stand, whatever server of the Kubernetes API is behind them. */
export function reflectorContract(name: string, connect: () => Promise<ReflectorServer>): void {
  describe(`reflector contract: ${name}`, () => {
    let server: ReflectorServer;
    let place: Place;
    const cells: Cell[] = [];

    const open = async (options?: CellOptions): Promise<Cell> => {
      const cell = await openCell(place, options);
      cells.push(cell);
      return cell;
    };
    const openSynced = async (options?: CellOptions): Promise<Cell> => {
      const cell = await open(options);
      await cell.make('first');
      cell.informer.start();
      await cell.informer.synced;
      return cell;
    };
    /** The next requests of a kind, one fate each; what comes after them passes. */
    const befall = (cell: Cell, kind: 'list' | 'watch', ...fates: readonly Fate[]): void => {
      const left = [...fates];
      cell.proxy.fateOf = request => (request.kind === kind ? (left.shift() ?? 'passed') : 'passed');
    };

    beforeAll(async () => {
      server = await connect();
      const { kubeconfigPath } = server;
      const admin = createKubeClient({ kubeconfigPath });
      const namespace = `reflector-${randomBytes(4).toString('hex')}`;
      await admin.create(DEFINITIONS, NOTE_DEFINITION);
      await admin.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      await vi.waitFor(() => admin.list(NOTES, { namespace }), PATIENT);
      place = { kubeconfigPath, admin, namespace, folder: await mkdtemp(join(tmpdir(), 'sluice-reflector-')) };
    });

    // tests run side by side, so each one leaves its cell to the end
    afterAll(async () => {
      await Promise.all(cells.map(cell => cell.close()));
      await place.admin.delete(DEFINITIONS, { name: NOTE_DEFINITION.metadata.name ?? '' });
      await place.admin.delete(NAMESPACES, { name: place.namespace });
      place.admin.close();
      await rm(place.folder, { recursive: true, force: true });
    });

    describe.concurrent('lists', () => {
      it('reads many objects page by page, and misses none that changes between two pages', async () => {
        const cell = await open({ timing: { pageSize: 20 } });
        const names = Array.from({ length: 90 }, (_, index) => `object-${String(index).padStart(3, '0')}`);
        for (let from = 0; from < names.length; from += 15) {
          await Promise.all(names.slice(from, from + 15).map(name => cell.make(name)));
        }
        let changes: Promise<unknown> | undefined;
        cell.proxy.fateOf = ({ query }) => {
          if (query.has('continue'))
            changes ??= Promise.all([
              cell.remove('object-001'),
              cell.change('object-002', 'new'),
              cell.remove('object-080'),
              cell.make('object-000a'),
              cell.make('object-085a'),
            ]);
          return 'passed';
        };
        cell.informer.start();
        await cell.informer.synced;
        await changes;
        await cell.agrees();
        expect(cell.asked('list').map(({ query }) => query.get('limit'))).toEqual(Array(5).fill('20'));
        expect(cell.asked('list').map(({ query }) => query.has('continue'))).toEqual([false, true, true, true, true]);
        expect(cell.contradictions).toEqual([]);
      });

      it('begins again when the rest of a list has expired, and shows no half', async () => {
        const cell = await open({ timing: { pageSize: 2 } });
        for (const name of ['a', 'b', 'c', 'd', 'e']) await cell.make(name);
        let expired = 0;
        cell.proxy.fateOf = ({ query }) => {
          if (!query.has('continue') || expired === 2) return 'passed';
          expired += 1;
          expect(cell.told).toEqual([]);
          return refused410;
        };
        cell.informer.start();
        await cell.informer.synced;
        await cell.agrees();
        expect(cell.told).toHaveLength(5);
        expect(cell.asked('list')).toHaveLength(2 + 2 + 3);
      });

      it.each<[string, Fate]>([
        ['is never answered', 'silence'],
        ['breaks', 'broken'],
        ['is answered with 500', { code: 500, body: 'away' }],
        ['is answered with a web page', { code: 200, body: GARBAGE[0]?.[1] ?? '' }],
        ['is answered with no list', { code: 200, body: '{"kind":"Status"}' }],
      ])('asks again when a list %s', async (_, fate) => {
        const cell = await open(fate === 'silence' ? { requestTimeoutMs: SILENCE_MS } : {});
        await cell.make('a');
        befall(cell, 'list', fate, fate);
        cell.informer.start();
        await cell.informer.synced;
        await cell.agrees();
        expect(cell.asked('list')).toHaveLength(3);
      });
    });

    describe.concurrent('watches', () => {
      it('goes on after a watch that ended from the last bookmark, without a list', async () => {
        const cell = await openSynced({ timing: { watchSeconds: [5, 5] } });
        const other = await open();
        const { metadata } = await other.make('of-nobody-here');
        await vi.waitFor(() => expect(cell.asked('watch').length).toBeGreaterThan(1), PATIENT);
        const from = cell.asked('watch')[1]?.query.get('resourceVersion') ?? '0';
        expect(BigInt(from)).toBeGreaterThanOrEqual(BigInt(metadata.resourceVersion ?? 0));
        await cell.make('second');
        await cell.agrees();
        expect(cell.asked('list')).toHaveLength(1);
        expect(cell.contradictions).toEqual([]);
      });

      it('shows additions, changes, deletions and a name that is taken again', async () => {
        const cell = await openSynced();
        await cell.make('a', '1');
        await cell.change('a', '2');
        await cell.remove('a');
        await cell.make('a', '3');
        await cell.remove('first');
        await cell.agrees();
        await vi.waitFor(
          () => expect(cell.told).toEqual(['set first', 'set a', 'set a', 'delete a', 'set a', 'delete first']),
          PATIENT,
        );
        expect(cell.asked('list')).toHaveLength(1);
        expect(cell.asked('watch')).toHaveLength(1);
        expect(cell.contradictions).toEqual([]);
      });

      it.each<[string, Fate]>([
        ['as a status', refused410],
        ['in the stream', { says: told410, ending: 'end' }],
        ['in a stream that stays open', { says: told410, ending: 'silence' }],
      ])('lists anew when its version is too old, told %s', async (_, fate) => {
        const cell = await openSynced();
        befall(cell, 'watch', fate, fate);
        for (const watch of cell.proxy.watches) watch.break();
        await cell.remove('first');
        await cell.make('second');
        await cell.agrees();
        await vi.waitFor(() => expect(cell.asked('list').length).toBe(3), PATIENT);
        expect(cell.contradictions).toEqual([]);
      });

      it('lists anew when it is told in the middle of a stream', async () => {
        const cell = await openSynced();
        await cell.make('a');
        await cell.agrees();
        for (const watch of cell.proxy.watches) {
          watch.mute();
          await cell.remove('first');
          watch.say(told410);
        }
        await cell.agrees();
        expect(cell.asked('list')).toHaveLength(2);
        expect(cell.contradictions).toEqual([]);
      });

      it('lists anew when the server has not come to its version yet, as one that was set back to a backup', async () => {
        const cell = await openSynced({ timing: { inactivityMs: 500 } });
        befall(cell, 'watch', { fromVersion: '99999999' });
        for (const watch of cell.proxy.watches) watch.break();
        await cell.remove('first');
        await cell.make('second');
        await cell.agrees();
        expect(cell.asked('list').length).toBeGreaterThan(1);
        expect(cell.contradictions).toEqual([]);
      });

      it('leaves a half-open watch, and learns what it did not hear', async () => {
        const cell = await openSynced({ timing: { inactivityMs: 500 } });
        for (const watch of cell.proxy.watches) watch.mute();
        await cell.make('unheard');
        await cell.remove('first');
        await cell.agrees();
        expect(cell.contradictions).toEqual([]);
      });

      it('leaves a watch that is never answered', async () => {
        const cell = await openSynced({ requestTimeoutMs: SILENCE_MS });
        befall(cell, 'watch', 'silence');
        for (const watch of cell.proxy.watches) watch.break();
        await cell.make('unheard');
        await cell.agrees();
        expect(cell.asked('list')).toHaveLength(1);
      });

      it.each<[string, Fate]>([
        ['end at once', { says: '', ending: 'end' }],
        ['break at once', { says: '', ending: 'break' }],
        ['are refused', { code: 503, body: 'away' }],
        ['say 410 again and again', { says: told410, ending: 'end' }],
      ])('does not storm the server when watches %s', async (_, fate) => {
        const timing = { firstDelayMs: STORM_FIRST_DELAY_MS, longestDelayMs: 10_000, livedMs: 60_000 };
        const cell = await open({ timing });
        await cell.make('a');
        cell.proxy.fateOf = request => (request.kind === 'watch' ? fate : 'passed');
        const fromMs = performance.now();
        cell.informer.start();
        await vi.waitFor(() => expect(cell.asked('watch').length).toBeGreaterThanOrEqual(STORM_WATCHES), PATIENT);
        expect(performance.now() - fromMs).toBeGreaterThanOrEqual(STORM_LEAST_MS);
        cell.proxy.fateOf = () => 'passed';
        await cell.make('b');
        await cell.agrees();
        expect(cell.contradictions).toEqual([]);
      });

      it.each(GARBAGE)('gets over %s in the stream', async (_, text) => {
        const cell = await openSynced();
        const [watch] = cell.proxy.watches;
        watch?.say(text);
        await cell.make('after');
        await cell.agrees();
        watch?.end();
        await cell.make('later');
        await cell.agrees();
        expect(cell.contradictions).toEqual([]);
        expect(cell.asked('watch').length).toBeLessThan(MOST_WATCHES);
      });

      it('gets over half a line', async () => {
        const cell = await openSynced();
        const [watch] = cell.proxy.watches;
        watch?.mute();
        await cell.make('after');
        watch?.say('{"type":"ADDED","object":{"metadata":{"name":"ha');
        watch?.end();
        await cell.agrees();
        expect(cell.informer.list()).toHaveLength(2);
        expect(cell.contradictions).toEqual([]);
      });
    });

    describe.concurrent('handlers', () => {
      it('that throw keep no other object away, from lists nor from watches', async () => {
        const cell = await open({
          transform: object => {
            if (object.metadata.name?.endsWith('untransformable')) throw new Error('cannot transform it');
            return withoutManagedFields(object);
          },
          onChange: after => {
            if (after?.metadata.name?.endsWith('unbearable')) throw new Error('cannot bear it');
          },
        });
        for (const name of ['a', 'b-unbearable', 'c-untransformable', 'd']) await cell.make(name);
        cell.informer.start();
        await cell.informer.synced;
        const names = () => cell.informer.list().map(({ metadata }) => metadata.name?.replace(/^[^-]*-/, ''));
        expect(names()).toEqual(['a', 'b-unbearable', 'd']);
        for (const name of ['e-untransformable', 'f-unbearable', 'g']) await cell.make(name);
        await vi.waitFor(() => expect(names()).toEqual(['a', 'b-unbearable', 'd', 'f-unbearable', 'g']), PATIENT);
        expect(cell.log.filter(({ level }) => level === 'error')).toHaveLength(4);
        expect(cell.asked('list')).toHaveLength(1);
        expect(cell.asked('watch')).toHaveLength(1);
      });
    });

    describe.concurrent('stop', () => {
      it.each<[string, 'list' | 'watch', Fate]>([
        ['a watch is open', 'watch', 'passed'],
        ['a list is awaited', 'list', 'silence'],
        ['a watch is awaited', 'watch', 'silence'],
        ['it waits to try again', 'list', { code: 500, body: '' }],
      ])('ends everything while %s', async (_, kind, fate) => {
        const cell = await open({ timing: { firstDelayMs: 60_000, longestDelayMs: 60_000 } });
        cell.proxy.fateOf = request => (request.kind === kind ? fate : 'passed');
        cell.informer.start();
        await vi.waitFor(() => expect(cell.asked(kind)).toHaveLength(1), PATIENT);
        if (fate === 'passed') await cell.informer.synced;
        await cell.informer.stop();
        const count = cell.proxy.asked.length;
        cell.proxy.fateOf = () => 'passed';
        const other = await openSynced();
        await other.make('seen-by-others');
        await other.agrees();
        expect(cell.proxy.asked).toHaveLength(count);
        expect(cell.informer.list()).toEqual([]);
        expect(cell.log.filter(({ level }) => level === 'error')).toEqual([]);
        await vi.waitFor(() => expect(cell.proxy.watches.size).toBe(0), PATIENT);
      });
    });

    // alone: it is the history of all
    it('lists anew when the server itself has forgotten the version', async () => {
      const cell = await openSynced();
      await cell.make('second');
      await cell.agrees();
      server.forget?.();
      befall(cell, 'watch', { fromVersion: '1' });
      for (const watch of cell.proxy.watches) watch.break();
      await cell.remove('first');
      await cell.agrees();
      await vi.waitFor(() => expect(cell.asked('list').length).toBe(2), PATIENT);
      expect(cell.contradictions).toEqual([]);
    });

    it.concurrent.each([1, 2, 3])('holds what the server holds after all of it at once (seed %i)', async seed => {
      const random = randomFrom(seed);
      const pick = <T>(...choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
      const timing = { pageSize: 3, inactivityMs: 300, firstDelayMs: 20, longestDelayMs: 200, livedMs: 400 };
      const cell = await openSynced({ timing });
      cell.proxy.fateOf = ({ kind }) => {
        if (random() < 0.5) return 'passed';
        const failure = pick<Fate>('broken', { code: 500, body: '' }, refused410);
        return kind === 'list'
          ? failure
          : pick<Fate>(failure, { says: told410, ending: 'end' }, { says: '{"ty', ending: 'break' });
      };
      const trouble = setInterval(() => {
        for (const watch of cell.proxy.watches)
          pick(
            () => watch.mute(),
            watch.break,
            watch.end,
            () => watch.say(told410),
          )();
      }, 150);
      const fromMs = performance.now();
      const endMs = fromMs + CHAOS_MS;
      const alive = new Set(['first']);
      for (let turn = 0; performance.now() < endMs; turn += 1) {
        const name = `object-${Math.floor(random() * 12)}`;
        if (!alive.has(name)) {
          await cell.make(name, `${turn}`);
          alive.add(name);
        } else if (random() < 0.5) await cell.change(name, `${turn}`);
        else {
          await cell.remove(name);
          alive.delete(name);
        }
      }
      clearInterval(trouble);
      expect(cell.proxy.asked.length).toBeLessThan((CHAOS_MOST_PER_SECOND * (performance.now() - fromMs)) / 1_000);
      cell.proxy.fateOf = () => 'passed';
      await cell.make('last');
      await cell.agrees();
      expect(cell.contradictions).toEqual([]);
    });
  });
}

/** Numbers that look random and are the same for the same seed: 0 <= x < 1. */
const randomFrom = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};
