import { beforeAll, describe, expect, inject, it } from 'vitest';
import { openBed } from './bed/bed.ts';
import type { Cut, RequestName } from './cuttingProxy.ts';
import { installSluice } from './installed.ts';
import { PLOTS, type Plot } from './plots.ts';
import { describeCut, isLeftToChance, type Played, playAll } from './stage.ts';
import { deviation, type Timeline } from './timeline.ts';

const bed = openBed(inject('bedDirectory'));
const POINTS = 3;
const ALL_MS = 600_000;

type Name = keyof typeof PLOTS;
const NAMES = Object.keys(PLOTS) as Name[];

/** What each story comes to when nothing is cut. */
const EXPECTED: Readonly<Record<Name, Partial<Timeline>>> = {
  'a bad version is put back by a gate': {
    weights: ['v1:100', 'v1:50 v2:50', 'v1:100'],
    ...{ phase: 'RolledBack', reason: 'GateFailed', stableVersion: 'v1', history: ['adopted', 'started', 'rolledBack'] },
  },
  'pods are lost and come back': {
    weights: ['v1:100', 'v1:90 v2:10', 'v1:100', 'v1:90 v2:10', 'v2:100'],
    ...{ phase: 'Healthy', reason: 'Promoted', stableVersion: 'v2' },
    history: ['adopted', 'started', 'stepPromoted', 'promoted'],
  },
  'pods are lost for good': {
    weights: ['v1:100', 'v1:90 v2:10', 'v1:100'],
    ...{ phase: 'RolledBack', reason: 'PodsLost', stableVersion: 'v1', history: ['adopted', 'started', 'rolledBack'] },
  },
  'a newer version comes in progress': {
    weights: ['v1:100', 'v1:50 v2:50', 'v1:100', 'v1:50 v3:50', 'v3:100'],
    ...{ phase: 'Healthy', reason: 'Promoted', stableVersion: 'v3' },
    history: ['adopted', 'started', 'superseded', 'started', 'promoted'],
  },
  'the version is set back in progress': {
    weights: ['v1:100', 'v1:50 v2:50', 'v1:100'],
    ...{ phase: 'Healthy', stableVersion: 'v1' },
  },
  'a person aborts': {
    weights: ['v1:100', 'v1:50 v2:50', 'v1:100'],
    ...{ phase: 'RolledBack', reason: 'Aborted', stableVersion: 'v1', history: ['adopted', 'started', 'rolledBack'] },
  },
  'somebody raises the weight': {
    weights: ['v1:100', 'v1:50 v2:50', 'v1:20 v2:80', 'v1:50 v2:50', 'v2:100'],
    ...{ phase: 'Healthy', reason: 'Promoted', stableVersion: 'v2' },
    history: ['adopted', 'started', 'stepPromoted', 'promoted'],
  },
  'the Rollout is deleted at 50 %': {
    weights: ['v1:100', 'v1:50 v2:50', 'v1:100'],
  },
  'steps are edited in progress': {
    weights: ['v1:100', 'v1:50 v2:50', 'v1:25 v2:75', 'v2:100'],
    ...{ phase: 'Healthy', reason: 'Promoted', stableVersion: 'v2', history: ['adopted', 'started', 'edited', 'promoted'] },
  },
};

/** Of a run without a cut: what must be the same wherever the controller is killed. */
const held = ({ weights, beside, history, phase, reason, stableVersion, ...timeline }: Timeline): Partial<Timeline> => ({
  ...{ weights, beside, history, reason, stableVersion, finalizer: timeline.finalizer },
  // a Rollout that is deleted goes as soon as its traffic is back, whichever phase was told last
  ...(reason === 'Deleted' ? {} : { phase }),
  ...{ unexplained: [], shortened: [] },
  // Pods that come back, and edits, begin a step anew
  ...(timeline.startedAgain.length === 0 ? { startedAgain: [] } : {}),
});

/** Numbers from 0 to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Points after the adoption: how a process starts is the same in all stories. */
function pointsOf(requests: readonly RequestName[], random: () => number): readonly Cut[] {
  const started = requests.findIndex(({ what, nth }) => what === 'PATCH rollouts/status' && nth === 1);
  const left = requests.slice(started + 1);
  return Array.from({ length: POINTS }, () => {
    const [request] = left.splice(Math.floor(random() * left.length), 1);
    if (request === undefined) throw new Error(`a story of fewer than ${POINTS} requests`);
    return { ...request, when: request.what.startsWith('GET ') || random() < 0.5 ? 'before' : 'after' } as const;
  });
}

describe.runIf(bed.has('envoy', 'prometheus', 'git'))('a controller that is killed somewhere', () => {
  const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 1_000_000);
  const undisturbed = new Map<Name, Played>();

  beforeAll(async () => {
    console.info(`seededCrashes: SLUICE_SEED=${seed}`);
    await installSluice(bed);
    const results = await playAll(
      bed,
      NAMES.map(name => ({ plot: PLOTS[name] satisfies Plot })),
    );
    for (const [index, name] of NAMES.entries()) {
      const played = results[index];
      if (!played || played instanceof Error) throw new Error(`${name}: ${played?.message}`);
      undisturbed.set(name, played);
    }
  }, ALL_MS);

  it('plays all stories as expected when nothing is cut', () => {
    for (const name of NAMES) {
      const timeline = undisturbed.get(name)?.timeline;
      expect({ name, ...timeline }).toMatchObject({ name, ...EXPECTED[name], unexplained: [], shortened: [] });
    }
  });

  it(
    'R3, R4: goes the same way in nine stories, whatever request it is killed at',
    async () => {
      const random = randomFrom(seed);
      const plays = [...undisturbed].flatMap(([name, { requests, timeline }]) =>
        pointsOf(requests, random).map(cut => ({ name, plot: PLOTS[name], cut, requests, expected: held(timeline) })),
      );
      const results = await playAll(bed, plays);
      const wrong = plays.flatMap(({ name, cut, requests, expected }, index): readonly object[] => {
        const result = results[index];
        const at = `${name}, killed ${describeCut(cut)}`;
        if (!result || result instanceof Error) return [{ at, error: result?.message }];
        const missed = result.isCut || isLeftToChance(cut, requests) ? {} : { isCut: false };
        const found = { ...deviation(result.timeline, expected), ...missed };
        return Object.keys(found).length > 0 ? [{ at, ...found }] : [];
      });
      expect({ seed, wrong }).toEqual({ seed, wrong: [] });
    },
    ALL_MS,
  );
});
