import { describe, expect, it } from 'vitest';
import type { RolloutStatus } from '../../../src/rollout/index.ts';
import type { OutageMode } from '../../../src/sandbox/outage.ts';
import { until } from '../../sandbox/client.ts';
import { workloadOf } from '../app.ts';
import type { App } from '../world.ts';
import { type Cell, type Figures, firstStep, told, toldAtLast, weightWrites, withCell } from './cell.ts';

type Row = { readonly mode: OutageMode; readonly words: RegExp; readonly hasLease: boolean };

const MODES: readonly Row[] = [
  {
    // a write that hangs for half the life of a lease may never be answered as the leader's
    mode: 'hang',
    words: /patching virtualservices fails\/forecast: https:\/\/127\.0\.0\.1:\d+ does not answer: no answer within 5 s/,
    hasLease: false,
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
/** Five watches, and the writes of four Rollouts, with back-off that begins with 100 ms and doubles. */
const MOST_AT_ONCE = 80;
const MOST_PER_SECOND = 8;
/** A lease lasts ten seconds. */
const LOST_AFTER_MS = 10_500;

const isStable = ({ stableVersion }: { stableVersion?: string }): boolean => stableVersion === 'v2';

const arrivals = ({ world }: Cell, { namespace }: App, version: string): number =>
  world.sandbox.control.stats().workloads[workloadOf(namespace, version)]?.requests ?? 0;

const momentOf = async (app: App, action: string): Promise<number> =>
  Date.parse((await app.status())?.history?.find(entry => entry.action === action)?.at ?? '');

/** Both versions of an application at 50 % go on getting requests. */
const expectStillSplit = async (cell: Cell): Promise<void> => {
  for (const app of [cell.rests, cell.moves, cell.fails])
    for (const version of ['v1', 'v2']) {
      const before = arrivals(cell, app, version);
      await until(() => arrivals(cell, app, version) > before || undefined, `requests of ${version} in ${app.namespace}`);
    }
};

/** As many as back-off allows in the time that the outage has lasted. */
const expectFewRequests = async (cell: Cell, before: Figures): Promise<void> => {
  const during = await cell.figures();
  const asked = during.count('sluice_kube_requests_total') - before.count('sluice_kube_requests_total');
  expect(asked).toBeLessThan(MOST_AT_ONCE + (MOST_PER_SECOND * (during.atMs - before.atMs)) / 1_000);
};

const isLeading = async (cell: Cell): Promise<boolean> => (await cell.figures()).count('sluice_leader') === 1;

/** A write of the version that fails was tried, and is told so. */
const failed = (cell: Cell, words: RegExp): Promise<unknown> =>
  cell.logged(({ msg, reason }) => msg === 'write failed' && words.test(String(reason)));

/** The same, or the lease was lost before its gate had enough to fail on. */
const failedOrLost = async (cell: Cell, words: RegExp): Promise<void> => {
  const told = failed(cell, words);
  const lost = until(async () => !(await isLeading(cell)) || undefined, 'the lease to be lost', 240_000);
  await Promise.race([told, lost]);
  // whichever comes second has nobody who waits for it
  told.catch(() => {});
  lost.catch(() => {});
};

describe('while the API server is away', () => {
  it.concurrent.each(MODES)('R3, R4, R23: $mode, in every phase, with a lease: $hasLease', ({ mode, words, hasLease }) =>
    withCell({ hasLease }, async cell => {
      const { starts, rests, moves, fails, idles } = cell;
      const idleBefore = await idles.status();
      const before = await cell.figures();
      await cell.begin('api', mode, 'errors');
      await (hasLease ? failedOrLost(cell, words) : failed(cell, words));
      await cell.lasts();
      await expectStillSplit(cell);
      expect(arrivals(cell, starts, 'v2')).toBe(0);
      await expectFewRequests(cell, before);

      await cell.end();
      const isBack = ({ phase }: RolloutStatus): boolean => phase === 'RollingBack' || phase === 'RolledBack';
      const back = await fails.reaches(isBack, 'the way back');
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
    }),
  );

  it.concurrent('R3, R4, R23, R31: refuse, in every phase, for longer than the lease: it leads again, and each Rollout goes on where it was', () =>
    withCell({ hasLease: true, leastMs: LOST_AFTER_MS }, async cell => {
      const { starts, rests, moves, fails, idles } = cell;
      const leads = () => isLeading(cell);
      const idleBefore = await idles.status();
      await until(async () => (await leads()) || undefined, 'it to lead');
      const before = await cell.figures();
      await cell.begin('api', 'refuse', 'errors');
      await failedOrLost(cell, REFUSED);
      await cell.lasts();
      await until(async () => !(await leads()) || undefined, 'the lease to be lost');
      await expectFewRequests(cell, before);
      await expectStillSplit(cell);
      expect(arrivals(cell, starts, 'v2')).toBe(0);
      await cell.end();
      await until(async () => (await leads()) || undefined, 'it to lead again');
      const back = await fails.reaches(({ traffic }) => traffic?.weight === 0, 'the way back');
      expect(back.reason).toBe('GateFailed');
      await Promise.all([starts, rests, moves].map(app => app.reaches(isStable, 'v2 to be stable')));
      await fails.reaches(({ phase }) => phase === 'RolledBack', 'the end of the way back');
      for (const app of [starts, rests, moves]) expect(app.load.stats().failed).toBe(0);
      for (const app of [starts, rests, moves, fails]) expect(await weightWrites(cell, app)).toBe(2);
      for (const app of [starts, rests, moves]) expect(await toldAtLast(app, 'Promoted')).toBe(1);
      expect(await idles.status()).toEqual(idleBefore);
    }));

  it.concurrent('R4: slow: everything goes on, only later', () =>
    withCell({}, async cell => {
      const { starts, rests, moves, fails } = cell;
      await cell.begin('api', 'slow', 'errors');
      await fails.reaches(({ traffic }) => traffic?.weight === 0, 'the way back');
      await cell.end();
      await Promise.all([starts, rests, moves].map(app => app.reaches(isStable, 'v2 to be stable')));
      for (const app of [starts, rests, moves]) {
        expect(app.load.stats().failed).toBe(0);
        expect(await weightWrites(cell, app)).toBe(2);
      }
    }));

  it.concurrent('R4: watches that lose their history again and again: no step is repeated or shortened', () =>
    withCell({}, async cell => {
      const pauses = [
        { app: cell.rests, pauseMs: cell.pace.rests },
        { app: cell.moves, pauseMs: cell.pace.moves },
      ];
      const startedAt = await Promise.all(pauses.map(({ app }) => firstStep(app)));
      const compacting = setInterval(() => cell.world.sandbox.control.compact(), 300);
      try {
        await Promise.all(pauses.map(({ app }) => app.reaches(isStable, 'v2 to be stable')));
      } finally {
        clearInterval(compacting);
      }
      for (const [i, { app, pauseMs }] of pauses.entries()) {
        expect((await momentOf(app, 'promoted')) - (startedAt[i] ?? 0)).toBeGreaterThanOrEqual(pauseMs);
        expect(await weightWrites(cell, app)).toBe(2);
        expect(app.load.stats().failed).toBe(0);
      }
    }));
});
