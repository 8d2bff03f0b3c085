import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RouteWeights } from '../../src/rollout/index.ts';
import { driftOf, splitWeights, weightPercent } from '../../src/rollout/mesh/weights.ts';

const weights = (versions: Record<string, number>, foreign = 0): RouteWeights => ({ versions, foreign });

describe('weightPercent', () => {
  const cases: [string, RouteWeights, number | undefined][] = [
    ['all on stable', weights({ v1: 100 }), 0],
    ['all on the new version', weights({ v1: 0, v2: 100 }), 100],
    ['weights are relative', weights({ v1: 30, v2: 30 }), 50],
    ['foreign hosts and versions do not count', weights({ v1: 60, v2: 20, v3: 10 }, 10), 25],
    ['unpinned traffic belongs to neither', weights({ '*': 50, v1: 40, v2: 10 }), 20],
    ['nothing of ours', weights({ '*': 100 }), undefined],
    ['no destination at all', weights({}), undefined],
    ['names of built-in members are ordinary names', weights({ constructor: 1 }), undefined],
  ];
  it.each(cases)('%s', (_name, observed, expected) => {
    expect(weightPercent(observed, 'v1', 'v2')).toBe(expected);
  });

  it('R7: pinning to one version has no new version', () => {
    expect(weightPercent(weights({ v1: 100 }), 'v1', 'v1')).toBe(0);
  });
});

describe('splitWeights', () => {
  const cases: [number, number, number, number][] = [
    [100, 50, 50, 50],
    [80, 50, 40, 40],
    [7, 50, 4, 3],
    [1, 99, 1, 0],
    [3, 100, 0, 3],
    [100, 0, 100, 0],
  ];
  it.each(cases)('R28: %i shared at %i %% is %i / %i', (ours, percent, stable, canary) => {
    expect(splitWeights(ours, percent)).toEqual({ stable, canary });
  });

  it('R28: keeps the sum and never favours the new version', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.integer({ min: 0, max: 100 }), (ours, percent) => {
        const { stable, canary } = splitWeights(ours, percent);
        expect(stable + canary).toBe(ours);
        expect(Number.isInteger(canary) && canary >= 0 && stable >= 0).toBe(true);
        expect(canary * 100).toBeLessThanOrEqual(ours * percent);
      }),
    );
  });
});

describe('driftOf', () => {
  const cases: [string, RouteWeights, number, ReturnType<typeof driftOf>][] = [
    ['as written', weights({ v1: 50, v2: 50 }), 50, 'none'],
    ['other numbers for the same share', weights({ v1: 30, v2: 30 }), 50, 'none'],
    ['no destination for the new version yet', weights({ v1: 100 }), 0, 'none'],
    ['somebody raised it', weights({ v1: 40, v2: 60 }), 50, 'up'],
    ['somebody gave the new version something', weights({ v1: 99, v2: 1 }), 0, 'up'],
    ['somebody lowered it', weights({ v1: 60, v2: 40 }), 50, 'down'],
    ['somebody rounded where nothing needs rounding', weights({ v1: 2, v2: 1 }), 50, 'down'],
    ['the share of what foreign destinations leave', weights({ v1: 40, v2: 40 }, 20), 50, 'none'],
    ['a foreign version is foreign too', weights({ v1: 40, v2: 40, v3: 20 }), 50, 'none'],
    ['rounding that foreign weight forces', weights({ v1: 4, v2: 3 }, 93), 50, 'none'],
    ['rounded the other way', weights({ v1: 3, v2: 4 }, 93), 50, 'up'],
    ['more than rounding', weights({ v1: 5, v2: 2 }, 93), 50, 'down'],
    ['too little to share', weights({ v1: 1, v2: 0 }, 99), 50, 'none'],
    ['foreign destinations changed among themselves', weights({ v1: 20, v2: 20, v3: 1 }, 59), 50, 'none'],
    ['the route lost its subsets', weights({ '*': 100 }), 5, 'up'],
    ['the route lost its subsets before anything was raised', weights({ '*': 100 }), 0, 'up'],
    ['the route lost its subsets at the end', weights({ '*': 100 }), 100, 'down'],
    ['some of the traffic is not pinned', weights({ v1: 90, '*': 10 }), 5, 'up'],
    ['so little is not pinned that it cannot be more', weights({ v1: 95, '*': 5 }), 50, 'down'],
    ['foreign destinations have everything', weights({ v1: 0, v2: 0 }, 100), 50, 'nothing to share'],
    ['foreign destinations have everything, and nothing is wanted', weights({ v3: 100 }), 0, 'nothing to share'],
    ['weights that proxies refuse', weights({ v1: 0, v2: 0 }), 0, 'up'],
    ['weights that proxies refuse, at the end', weights({ v1: 0, v2: 0 }), 100, 'down'],
  ];
  it.each(cases)('R26: %s', (_name, observed, percent, expected) => {
    expect(driftOf(observed, 'v1', 'v2', percent)).toBe(expected);
  });

  it('R7: a route pinned to the only version is as it should be', () => {
    expect(driftOf(weights({ v1: 100 }), 'v1', 'v1', 0)).toBe('none');
    expect(driftOf(weights({ '*': 100 }), 'v1', 'v1', 0)).toBe('up');
  });

  const percent = fc.integer({ min: 0, max: 100 });

  it('R28: what we write is never drift', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.nat(1000), fc.nat(1000), percent, (ours, hosts, v3, p) => {
        const { stable, canary } = splitWeights(hosts + v3 > 0 ? ours : 100, p);
        expect(driftOf(weights({ v1: stable, v2: canary, v3 }, hosts), 'v1', 'v2', p)).toBe('none');
      }),
    );
  });

  it('R28: common factors are no drift while nothing is foreign', () => {
    fc.assert(
      fc.property(percent, fc.integer({ min: 1, max: 1000 }), (p, factor) => {
        expect(driftOf(weights({ v1: (100 - p) * factor, v2: p * factor }), 'v1', 'v2', p)).toBe('none');
      }),
    );
  });

  it('R26: a share above the intended one is always seen', () => {
    const weight = fc.nat(1000);
    fc.assert(
      fc.property(weight, weight, weight, fc.nat(99), (stable, canary, foreign, p) => {
        fc.pre(canary * 100 > (stable + canary) * p);
        expect(driftOf(weights({ v1: stable, v2: canary }, foreign), 'v1', 'v2', p)).toBe('up');
      }),
    );
  });
});
