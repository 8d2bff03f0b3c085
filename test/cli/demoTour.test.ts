import { PassThrough } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { describe, expect, it } from 'vitest';
import { readKeys } from '../../src/cli/demo/keys.ts';
import { nextOf } from '../../src/cli/demo/tourWords.ts';
import type { Phase, RolloutStatus } from '../../src/rollout/index.ts';

const PAGE = 'http://127.0.0.1:8080/rollouts/weather/forecast';
type More = { readonly stableVersion?: string; readonly canaryVersion?: string; readonly revision?: string };

const at = (phase: Phase, more: More = {}): RolloutStatus => ({
  phase,
  reason: 'Adopted',
  message: '',
  stableVersion: 'v2',
  revision: 'be02c9fe',
  attempt: 2,
  ...more,
});
const next = (status: RolloutStatus): string => (nextOf(status, PAGE)?.lines ?? []).join('\n');

describe('what the tour proposes', () => {
  it.each([
    ['v1', 'press 2'],
    ['v2', 'press 3'],
    ['v3', 'press q'],
  ])('when %s is stable: %s', (stableVersion, words) => {
    expect(next(at('Healthy', { stableVersion }))).toContain(words);
  });

  it('when people are asked: both ways to agree', () => {
    const words = next(at('AwaitingApproval', { canaryVersion: 'v3' }));
    expect(words).toContain(PAGE);
    expect(words).toContain('sluice approve forecast');
  });

  it('after a rollback: the cause, its evidence by name, and another try', () => {
    const words = next(at('RolledBack', { canaryVersion: 'v3' }));
    expect(words).toContain(PAGE);
    expect(words).toContain('kubectl get configmap forecast-evidence-2 -o yaml | sluice replay -');
    expect(words).toContain('sluice retry forecast');
  });

  it('says the same once for an attempt, and again for the next', () => {
    const idOf = (revision: string) => nextOf(at('RolledBack', { canaryVersion: 'v3', revision }), PAGE)?.id;
    expect(idOf('a')).toBe(idOf('a'));
    expect(idOf('a')).not.toBe(idOf('b'));
  });

  it.each(['Pending', 'Progressing', 'Paused', 'RollingBack', 'Invalid'] as const)('is quiet while it is %s', phase => {
    expect(next(at(phase, { canaryVersion: 'v3' }))).toBe('');
  });
});

describe('keys', () => {
  /** A stream that may be a terminal, with what was read from it. */
  const open = (isTTY: boolean) => {
    const raw: boolean[] = [];
    const setRawMode = (isRaw: boolean) => raw.push(isRaw);
    const stream = Object.assign(new PassThrough(), { isTTY, setRawMode });
    const pressed: string[] = [];
    let stops = 0;
    const keys = readKeys(stream as unknown as ReadStream, {
      key: key => pressed.push(key),
      stop: () => {
        stops += 1;
      },
    });
    return { stream, keys, raw, pressed, stops: () => stops };
  };

  it('come one by one, without line ends', () => {
    const { stream, pressed } = open(false);
    stream.write('23\n');
    stream.write('q');
    expect(pressed).toEqual(['2', '3', 'q']);
  });

  it('Ctrl-C is one of them in a terminal that gives keys at once, and stops', () => {
    const { stream, pressed, stops } = open(true);
    stream.write('\u0003');
    expect([pressed, stops()]).toEqual([[], 1]);
  });

  it('the terminal is as it was afterwards, and nothing is read any more', () => {
    const { stream, keys, raw, pressed } = open(true);
    keys.close();
    stream.write('2');
    expect(raw).toEqual([true, false]);
    expect(pressed).toEqual([]);
  });

  it('what is no terminal has no mode', () => {
    const { keys, raw } = open(false);
    keys.close();
    expect(raw).toEqual([]);
  });
});
