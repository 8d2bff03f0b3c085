import { describe, expect, it } from 'vitest';
import { timelineText } from '../../src/simulation/scenario/narration.ts';
import { watchLaws } from '../rollout/laws.ts';
import { play, stories } from './files.ts';
import { watchFitting } from './fitting.ts';

/** `sluice simulate --scenario FILE --update` writes the golden text anew; read the difference before it is committed. */
describe('scenarios', () => {
  it.each(stories().map(story => [story.title, story] as const))('%s', (_, story) => {
    const [laws, fitting] = [watchLaws(), watchFitting()];
    const { entries } = play(story, {
      onDecision: (...decided) => {
        laws(...decided);
        fitting(...decided);
      },
    });
    expect(timelineText(entries)).toBe(story.scenario.timeline);
  });
});
