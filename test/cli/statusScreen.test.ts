import { Terminal as Xterm } from '@xterm/headless';
import { describe, expect, it } from 'vitest';
import { createScreen } from '../../src/cli/status/screen.ts';
import { ageText, countdownText } from '../../src/cli/terminal/age.ts';
import { createTerminal } from '../../src/cli/terminal/terminal.ts';
import { cut, type Line, widthOf, wrap } from '../../src/cli/terminal/text.ts';

const lines = (...texts: readonly string[]): readonly Line[] => texts.map(text => [{ text }]);

/** A real terminal, to see what a person sees. */
const openXterm = (cols: number, rows: number) => {
  const xterm = new Xterm({ cols, rows, convertEol: true, allowProposedApi: true });
  let written = Promise.resolve();
  const screen = createScreen({ columns: () => xterm.cols, rows: () => xterm.rows }, text => {
    written = written.then(() => new Promise<void>(resolve => xterm.write(text, resolve)));
  });
  const shown = async (): Promise<readonly string[]> => {
    await written;
    const { active } = xterm.buffer;
    const all = Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true) ?? '');
    return all.slice(0, all.findLastIndex(text => text !== '') + 1);
  };
  return { xterm, screen, shown };
};

describe('a part of a terminal that is drawn anew', () => {
  it('takes the place of what was there, also when it has fewer lines', async () => {
    const { screen, shown } = openXterm(40, 10);
    screen.draw(lines('step 1', 'gates: 3', 'pods: 2'));
    screen.draw(lines('step 2', 'gates'));
    expect(await shown()).toEqual(['step 2', 'gates']);
    screen.end();
    expect(await shown()).toEqual(['step 2', 'gates']);
  });

  it('writes nothing when nothing has changed', async () => {
    let count = 0;
    const screen = createScreen({ columns: () => 40, rows: () => 10 }, () => {
      count += 1;
    });
    screen.draw(lines('a'));
    screen.draw(lines('a'));
    expect(count).toBe(1);
  });

  it('is still one after the window became narrower, and lines were broken', async () => {
    const { xterm, screen, shown } = openXterm(40, 10);
    screen.draw(lines('x'.repeat(35), 'second'));
    await shown();
    xterm.resize(20, 10);
    screen.draw(lines('x'.repeat(18), 'second'));
    expect((await shown()).filter(text => text === 'second')).toHaveLength(1);
  });

  it('never scrolls: what is too high is left out, and a line says so', async () => {
    const { screen, shown } = openXterm(30, 6);
    const many = Array.from({ length: 9 }, (_, index) => `line ${index}`);
    screen.draw(lines(...many));
    screen.draw(lines(...many.map(text => `${text} again`)));
    const seen = await shown();
    expect(seen[0]).toBe('line 0 again');
    expect(seen).toHaveLength(5);
    expect(seen.at(-1)).toContain('5 more lines');
  });
});

describe('a terminal', () => {
  const stream = (isTTY: boolean, columns?: number) => ({ isTTY, columns, rows: 24 }) as unknown as NodeJS.WriteStream;

  it.each([
    [{ LANG: 'C' }, true],
    [{}, true],
    [{ LANG: 'en_US.UTF-8' }, false],
    [{ LC_ALL: 'C', LANG: 'en_US.UTF-8' }, true],
    [{ LC_ALL: '', LC_CTYPE: 'C.utf8' }, false],
  ])('%o: plain ASCII %s', (env, isAscii) => {
    expect(createTerminal(env, stream(true)).isAscii).toBe(isAscii);
  });

  it('is as wide as it says, else as COLUMNS says; a pipe has no end', () => {
    expect(createTerminal({ COLUMNS: '50' }, stream(true, 100)).columns()).toBe(100);
    expect(createTerminal({ COLUMNS: '50' }, stream(true)).columns()).toBe(50);
    expect(createTerminal({ COLUMNS: '3' }, stream(true)).columns()).toBe(20);
    expect(createTerminal({}, stream(false)).columns()).toBe(Number.POSITIVE_INFINITY);
  });

  it('that cannot move its cursor is not drawn on', () => {
    expect(createTerminal({ TERM: 'dumb' }, stream(true)).isLive).toBe(false);
    expect(createTerminal({}, stream(false)).isLive).toBe(false);
    expect(createTerminal({ TERM: 'xterm' }, stream(true)).isLive).toBe(true);
  });
});

describe('text', () => {
  it('is as wide as a terminal shows it', () => {
    expect([widthOf('abc'), widthOf('天気'), widthOf('e\u0301'), widthOf('🚀')]).toEqual([3, 4, 1, 2]);
  });

  it('is cut with an ellipsis, never in the middle of a wide character', () => {
    expect([cut('forecast', 8, '…'), cut('forecast', 6, '…'), cut('天気予報', 6, '…'), cut('abc', 2, '...')]).toEqual([
      'forecast',
      'forec…',
      '天気…',
      '..',
    ]);
  });

  it('is broken at spaces', () => {
    expect(wrap('step 1/2 at 50%: next step', 10)).toEqual(['step 1/2', 'at 50%:', 'next step']);
  });

  it.each([
    [14_000, '14s', '14s'],
    [119_000, '119s', '1m59s'],
    [312_000, '5m12s', '5m12s'],
    [1_260_000, '21m', '21m0s'],
    [11_220_000, '3h7m', '3h7m'],
    [93_600_000, '26h', '1d2h'],
    [450_000_000, '5d5h', '5d5h'],
    [0, '0s', '0s'],
  ])('%i ms: ago as kubectl says it, to come to the second', (ms, ago, left) => {
    expect([ageText(ms), countdownText(ms)]).toEqual([ago, left]);
  });
});
