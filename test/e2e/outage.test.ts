import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OutageMode } from '../../src/sandbox/outage.ts';
import { openWorld, type World } from './world.ts';

const NAMED = 'success-rate: reading traffic of forecast.outage.svc.cluster.local: Prometheus "default" at ';

/** One step for each; how Prometheus misbehaves in the middle of it, and the words for it. */
const OUTAGES: readonly { readonly mode: OutageMode; readonly weight: number; readonly words: RegExp }[] = [
  { mode: 'refuse', weight: 20, words: /refused the connection/ },
  { mode: 'hang', weight: 40, words: /1 ?s|1000 ms/ },
  { mode: 'error500', weight: 60, words: /500/ },
  { mode: 'nonsense', weight: 80, words: /JSON|html/i },
];

const AFTER_PAUSE_MS = 2_500;
const steps = OUTAGES.map(({ weight }) => ({ setWeight: weight, pause: { duration: '1500ms' } }));

describe('a provider that goes away in the middle of a step', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.controller();
  });
  afterAll(() => world.close());

  it('R16: nothing moves, the message names it, people are told once, and it goes on by itself afterwards', async () => {
    const app = await world.app('outage', { rate: 60 });
    await app.roll('v2', { strategy: { canary: { steps } } });
    for (const [i, { mode, weight, words }] of OUTAGES.entries()) {
      const entered = await app.reaches(({ step }) => step?.index === i + 1, `step ${i + 1}`);
      await world.sandbox.control.setOutage('prometheus', mode);
      const told = await app.reaches(({ reason }) => reason === 'ProviderError', `ProviderError (${mode})`);
      expect(told.message).toContain(NAMED);
      expect(told.message).toMatch(words);
      const overMs = Date.parse(entered.step?.startedAt ?? '') + AFTER_PAUSE_MS;
      const still = await app.reaches(() => Date.now() > overMs, 'the pause to be over for a while');
      expect(still).toMatchObject({ phase: 'Progressing', reason: 'ProviderError', step: { index: i + 1 } });
      expect(await app.weights()).toEqual({ v1: 100 - weight, v2: weight });
      await world.sandbox.control.setOutage('prometheus', 'ok');
    }
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(app.load.stats().failed).toBe(0);
    expect((await app.events()).filter(({ reason }) => reason === 'ProviderError')).toHaveLength(OUTAGES.length);
  }, 60_000);
});
