import { describe, expect, it } from 'vitest';
import type { OutageMode } from '../../../src/sandbox/outage.ts';
import { type Cell, told, weightWrites, withCell } from './cell.ts';

type Row = { readonly mode: OutageMode; readonly words: RegExp; readonly timeout?: string };

/** A connection that is open when the outage begins may break first. */
const MODES: readonly Row[] = [
  { mode: 'refuse', words: /refused the connection|broke the connection/ },
  { mode: 'hang', words: /no answer within 4 s/, timeout: '4s' },
  { mode: 'error500', words: /HTTP 500|broke the connection/ },
  { mode: 'nonsense', words: /HTML|broke the connection/ },
];

const GROWTH_BYTES = 60 * 1024 * 1024;
/** Measurements of the four Rollouts that have a step, once a second: two gates, and the share after the way back. */
const MOST_PER_SECOND = 10;
/** Those that were asked when the outage began, and are asked while the figures are read. */
const MOST_AT_ONCE = 15;

const SERVERS = [
  { server: 'prometheus', title: 'Prometheus "default" at ', other: 'slow' },
  { server: 'zipkin', title: 'Zipkin "default" at ', other: 'errors' },
] as const;

const isStable = ({ stableVersion }: { stableVersion?: string }): boolean => stableVersion === 'v2';

const expectHeld = async (cell: Cell, title: string, words: RegExp): Promise<void> => {
  for (const app of [cell.rests, cell.moves]) {
    const status = await app.reaches(({ reason, message }) => reason === 'ProviderError' && words.test(message), 'the news');
    expect(status).toMatchObject({ phase: 'Progressing', step: { index: 1 } });
    expect(status.message).toContain(title);
    expect(status.message).toContain('goes on by itself');
    expect(await app.weights()).toEqual({ v1: 50, v2: 50 });
  }
};

describe.each(SERVERS)('while $server is away', ({ server, title, other }) => {
  it.concurrent.each(MODES)('R15, R16, R23: $mode, in every phase', ({ mode, words, ...options }) =>
    withCell(options, async cell => {
      const idleBefore = await cell.idles.status();
      const before = await cell.figures();
      await cell.begin(server, mode, other);
      const back = await cell.fails.reaches(({ traffic }) => traffic?.weight === 0, 'the way back');
      expect(back.reason).toBe('GateFailed');
      expect(await cell.fails.weights()).toMatchObject({ v2: 0 });
      await cell.lasts();

      await expectHeld(cell, title, words);
      const waiting = await cell.starts.reaches(({ reason }) => reason === 'ProviderError', 'the news');
      expect(waiting.message).toContain(title);
      expect(await cell.starts.weights()).toMatchObject(server === 'prometheus' ? { v1: 100 } : { v1: 50 });
      const during = await cell.figures();
      const asked = (figures: typeof during) => figures.count('sluice_provider_requests_total', `provider="${server}/`);
      const seconds = (during.atMs - before.atMs) / 1_000;
      expect(asked(during) - asked(before)).toBeLessThan(MOST_AT_ONCE + MOST_PER_SECOND * seconds);

      await cell.end();
      await Promise.all([cell.starts, cell.rests, cell.moves].map(app => app.reaches(isStable, 'v2 to be stable')));
      await cell.fails.reaches(({ phase }) => phase === 'RolledBack', 'the end of the way back');
      for (const app of [cell.starts, cell.rests, cell.moves]) {
        expect(app.load.stats().failed).toBe(0);
        expect(await told(app, 'ProviderError')).toBe(1);
        expect(await weightWrites(cell, app)).toBe(2);
      }
      expect(await weightWrites(cell, cell.fails)).toBe(2);
      expect(await cell.idles.status()).toEqual(idleBefore);
      expect(await told(cell.idles, 'ProviderError')).toBe(0);
      expect((await cell.figures()).residentBytes - before.residentBytes).toBeLessThan(GROWTH_BYTES);
    }),
  );

  it.concurrent('R16: slow, but in time: everything goes on, and nobody is told', () =>
    withCell({}, async cell => {
      await cell.begin(server, 'slow', other);
      const back = await cell.fails.reaches(({ traffic }) => traffic?.weight === 0, 'the way back');
      expect(back.reason).toBe('GateFailed');
      await Promise.all([cell.rests, cell.moves].map(app => app.reaches(isStable, 'v2 to be stable')));
      await cell.end();
      await cell.starts.reaches(isStable, 'v2 to be stable');
      for (const app of cell.all) expect(await told(app, 'ProviderError')).toBe(0);
      for (const app of [cell.starts, cell.rests, cell.moves]) expect(app.load.stats().failed).toBe(0);
    }));
});
