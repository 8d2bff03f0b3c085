import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { OutageMode } from '../../../src/sandbox/outage.ts';
import { workloadOf } from '../app.ts';
import type { App } from '../world.ts';
import { type Cell, openCell, told, toldAtLast, weightWrites } from './cell.ts';

type Row = { readonly mode: OutageMode; readonly words: RegExp; readonly hasLease: boolean };

const MODES: readonly Row[] = [
  {
    mode: 'hang',
    words: /patching virtualservices fails\/forecast: https:\/\/127\.0\.0\.1:\d+ does not answer: no answer within 5 s/,
    hasLease: true,
  },
  { mode: 'error500', words: /patching virtualservices fails\/forecast: the API server answered 500/, hasLease: true },
  {
    mode: 'nonsense',
    words: /patching virtualservices fails\/forecast: expected a JSON object from the API server/,
    hasLease: false,
  },
];

const REFUSED = /patching virtualservices fails\/forecast: https:\/\/127\.0\.0\.1:\d+ does not answer: .*ECONNREFUSED/;
const GROWTH_BYTES = 60 * 1024 * 1024;
/** Outages last about four seconds; back-off begins with 100 ms and doubles. */
const BACK_WITHIN_MS = 10_000;
/** Five watches, and the writes of four Rollouts, with back-off. */
const MOST_REQUESTS = 120;
/** A lease lasts ten seconds. */
const LOST_AFTER_MS = 12_000;
const PAUSE_MS = { rests: 5_500, moves: 4_000 };

const isStable = ({ stableVersion }: { stableVersion?: string }): boolean => stableVersion === 'v2';

const arrivals = ({ world }: Cell, { namespace }: App, version: string): number =>
  world.sandbox.control.stats().workloads[workloadOf(namespace, version)]?.requests ?? 0;

const stepStart = async (app: App): Promise<number> => Date.parse((await app.status())?.step?.startedAt ?? '');

const momentOf = async (app: App, action: string): Promise<number> =>
  Date.parse((await app.status())?.history?.find(entry => entry.action === action)?.at ?? '');

/** Both versions of an application at 50 % go on getting requests. */
const expectStillSplit = async (cell: Cell): Promise<void> => {
  const split = [cell.rests, cell.moves, cell.fails];
  const before = split.map(app => arrivals(cell, app, 'v1'));
  await wait(1_000);
  for (const [i, app] of split.entries()) expect(arrivals(cell, app, 'v1')).toBeGreaterThan(before[i] ?? 0);
};

describe('while the API server is away', () => {
  it.concurrent.each(MODES)(
    'R3, R4, R23: $mode, in every phase, with a lease: $hasLease',
    async ({ mode, words, hasLease }) => {
      const cell = await openCell({ hasLease });
      const { starts, rests, moves, fails, idles } = cell;
      try {
        const idleBefore = await idles.status();
        const before = await cell.figures();
        await cell.begin('api', mode, 'errors');
        await cell.logged(({ msg, reason }) => msg === 'write failed' && words.test(String(reason)));
        await cell.lasts();
        await expectStillSplit(cell);
        expect(arrivals(cell, starts, 'v2')).toBe(0);
        const during = await cell.figures();
        const asked = during.count('sluice_kube_requests_total') - before.count('sluice_kube_requests_total');
        expect(asked).toBeLessThan(MOST_REQUESTS);

        await cell.end();
        const back = await fails.reaches(
          ({ phase }) => phase === 'RollingBack' || phase === 'RolledBack',
          'the way back',
          BACK_WITHIN_MS,
        );
        expect(back.reason).toBe('GateFailed');
        await Promise.all([starts, rests, moves].map(app => app.reaches(isStable, 'v2 to be stable')));
        await fails.reaches(({ phase }) => phase === 'RolledBack', 'the end of the way back');
        expect(await fails.weights()).toMatchObject({ v2: 0 });
        for (const app of [starts, rests, moves]) {
          expect(app.load.stats().failed).toBe(0);
          expect(await weightWrites(cell, app)).toBe(2);
          expect(await toldAtLast(app, 'Promoted')).toBe(1);
        }
        expect(await weightWrites(cell, fails)).toBe(2);
        expect(await told(fails, 'GateFailed')).toBeLessThanOrEqual(2);
        expect(await idles.status()).toEqual(idleBefore);
        expect((await cell.figures()).residentBytes - before.residentBytes).toBeLessThan(GROWTH_BYTES);
      } finally {
        await cell.world.close();
      }
    },
    90_000,
  );

  it.concurrent('R3, R4, R23, R31: refuse, in every phase, for longer than the lease: it leads again, and each Rollout goes on where it was', async ({
    expect,
  }) => {
    const cell = await openCell({ hasLease: true, leastMs: LOST_AFTER_MS });
    const { starts, rests, moves, fails, idles } = cell;
    const leads = async () => (await cell.figures()).count('sluice_leader') === 1;
    try {
      const idleBefore = await idles.status();
      await expect.poll(leads).toBe(true);
      const before = await cell.figures();
      await cell.begin('api', 'refuse', 'errors');
      await cell.logged(({ msg, reason }) => msg === 'write failed' && REFUSED.test(String(reason)));
      await cell.lasts();
      expect(await leads()).toBe(false);
      const asked = (await cell.figures()).count('sluice_kube_requests_total') - before.count('sluice_kube_requests_total');
      expect(asked).toBeLessThan(MOST_REQUESTS * 2);
      await expectStillSplit(cell);
      expect(arrivals(cell, starts, 'v2')).toBe(0);
      await cell.end();
      await expect.poll(leads, { timeout: BACK_WITHIN_MS }).toBe(true);
      const back = await fails.reaches(({ traffic }) => traffic?.weight === 0, 'the way back', BACK_WITHIN_MS);
      expect(back.reason).toBe('GateFailed');
      await Promise.all([starts, rests, moves].map(app => app.reaches(isStable, 'v2 to be stable')));
      await fails.reaches(({ phase }) => phase === 'RolledBack', 'the end of the way back');
      for (const app of [starts, rests, moves]) expect(app.load.stats().failed).toBe(0);
      for (const app of [starts, rests, moves, fails]) expect(await weightWrites(cell, app)).toBe(2);
      for (const app of [starts, rests, moves]) expect(await toldAtLast(app, 'Promoted')).toBe(1);
      expect(await idles.status()).toEqual(idleBefore);
    } finally {
      await cell.world.close();
    }
  }, 90_000);

  it.concurrent('R4: slow: everything goes on, only later', async () => {
    const cell = await openCell();
    const { starts, rests, moves, fails } = cell;
    try {
      await cell.begin('api', 'slow', 'errors');
      await fails.reaches(({ traffic }) => traffic?.weight === 0, 'the way back', BACK_WITHIN_MS * 2);
      await cell.end();
      await Promise.all([starts, rests, moves].map(app => app.reaches(isStable, 'v2 to be stable')));
      for (const app of [starts, rests, moves]) {
        expect(app.load.stats().failed).toBe(0);
        expect(await weightWrites(cell, app)).toBe(2);
      }
    } finally {
      await cell.world.close();
    }
  }, 90_000);

  it.concurrent('R4: watches that lose their history again and again: no step is repeated or shortened', async () => {
    const cell = await openCell();
    const { rests, moves } = cell;
    try {
      const startedAt = await Promise.all(
        [rests, moves].map(async app => {
          await app.reaches(({ step }) => step?.index === 1, 'step 1');
          return stepStart(app);
        }),
      );
      const compacting = setInterval(() => cell.world.sandbox.control.compact(), 300);
      try {
        await Promise.all([rests, moves].map(app => app.reaches(isStable, 'v2 to be stable')));
      } finally {
        clearInterval(compacting);
      }
      for (const [i, app] of [rests, moves].entries()) {
        const pauseMs = i === 0 ? PAUSE_MS.rests : PAUSE_MS.moves;
        expect((await momentOf(app, 'promoted')) - (startedAt[i] ?? 0)).toBeGreaterThanOrEqual(pauseMs);
        expect(await weightWrites(cell, app)).toBe(2);
        expect(app.load.stats().failed).toBe(0);
      }
    } finally {
      await cell.world.close();
    }
  }, 90_000);
});
