import { describe, expect, it } from 'vitest';
import type { OutageMode } from '../../../src/sandbox/outage.ts';
import { type Cell, told, weightWrites, withCell } from './cell.ts';

type Away = { readonly mode: OutageMode; readonly words: RegExp };
/** `next`: how it is away after that. */
type Row = Away & { readonly next?: Away };

const MODES: readonly Row[] = [
  { mode: 'refuse', words: /admission webhook .*istio.*connection refused/ },
  { mode: 'hang', words: /admission webhook .*istiod/ },
  {
    mode: 'error500',
    words: /admission webhook .*istio.*an error on the server/,
    next: { mode: 'nonsense', words: /admission webhook .*istio.*json parse error/ },
  },
];
/** Rollouts that write meanwhile. */
const WRITING = 4;
/** Back-off begins with 100 ms and doubles. */
const mostTries = (lastedMs: number): number => Math.ceil(Math.log2(lastedMs / 100)) + 1;
const GROWTH_BYTES = 60 * 1024 * 1024;

const isStable = ({ stableVersion }: { stableVersion?: string }): boolean => stableVersion === 'v2';

const PATCH = ['verb="patch"', 'networking.istio.io', 'code="5'] as const;

const expectGoodEnd = async (cell: Cell): Promise<void> => {
  await Promise.all([cell.starts, cell.rests, cell.moves].map(app => app.reaches(isStable, 'v2 to be stable')));
  await cell.fails.reaches(({ phase }) => phase === 'RolledBack', 'the end of the way back');
  for (const app of [cell.starts, cell.rests, cell.moves]) {
    expect(app.load.stats().failed).toBe(0);
    expect(await weightWrites(cell, app)).toBe(2);
  }
  expect(await weightWrites(cell, cell.fails)).toBe(2);
};

describe('while the webhook of istiod is away', () => {
  it.concurrent.each(MODES)('R16, R23: $mode, in every phase', ({ mode, words, next }) =>
    withCell({}, async cell => {
      const { starts, rests, moves, fails, idles } = cell;
      const idleBefore = await idles.status();
      const before = await cell.figures();
      await cell.begin('istiod', mode, 'errors');
      const isTold = ({ message }: { message: string }): boolean => words.test(message);
      const back = await fails.reaches(status => status.phase === 'RollingBack' && isTold(status), 'the way back');
      expect(back).toMatchObject({ reason: 'GateFailed', traffic: { weight: 0 } });
      await Promise.all([starts, rests, moves].map(app => app.reaches(isTold, 'the words')));
      // others, whose writes need no webhook, are served meanwhile
      await idles.ask({ id: 'p1', verb: 'promote', by: 'ada' });
      await idles.reaches(({ lastRequest }) => lastRequest?.id === 'p1', 'the answer');
      if (next !== undefined) {
        await cell.world.sandbox.control.setOutage('istiod', next.mode);
        await fails.reaches(({ message }) => next.words.test(message), 'the next words');
      }
      await cell.lasts();
      for (const app of [rests, moves, fails]) expect(await app.weights()).toEqual({ v1: 50, v2: 50 });
      expect(await starts.weights()).toMatchObject({ v1: 100 });
      const during = await cell.figures();
      const mostWrites = WRITING * mostTries(during.atMs - before.atMs);
      expect(during.count('sluice_kube_requests_total', ...PATCH)).toBeLessThanOrEqual(mostWrites);
      await cell.end();
      await expectGoodEnd(cell);
      for (const app of [starts, rests, moves]) expect(await told(app, 'WaitingForMesh')).toBe(1);
      // that it goes back is told with what holds it; then that it has
      expect(await told(fails, 'WaitingForMesh')).toBe(0);
      expect(await told(fails, 'GateFailed')).toBe(2);
      const idle = await idles.status();
      expect(idle?.phase).toBe('Healthy');
      // the cell asks it to promote, which is refused and said
      expect(idle?.history?.filter(({ action }) => action !== 'refused')).toEqual(idleBefore?.history);
      expect((await cell.figures()).residentBytes - before.residentBytes).toBeLessThan(GROWTH_BYTES);
    }),
  );

  it.concurrent('R16, R23: slow: everything goes on, only later', () =>
    withCell({}, async cell => {
      await cell.begin('istiod', 'slow', 'errors');
      await cell.fails.reaches(({ phase }) => phase === 'RolledBack', 'the end of the way back');
      await expectGoodEnd(cell);
      for (const app of cell.all) expect(await told(app, 'WaitingForMesh')).toBe(0);
    }));
});
