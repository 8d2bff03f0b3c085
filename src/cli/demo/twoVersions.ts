import { colours } from '../terminal/colours.ts';
import { type Telling, until } from './until.ts';
import { mark, weightsText } from './words.ts';
import type { Setup } from './world.ts';

const STORY_WITHIN_MS = 90_000;

export const TWO_VERSIONS: Setup = {
  rollout: 'forecast.yaml',
  author: { name: 'Alice', email: 'alice@example.com' },
};

/** A good version is promoted, a bad one goes back; whether both ended as they should. */
export const tellTwoVersions = async (telling: Telling): Promise<boolean> => {
  const { view, world, signal } = telling;
  await until(telling, STORY_WITHIN_MS, status => status.phase === 'Healthy' && status.stableVersion === 'v1');
  const before = await world.traffic();

  view.say(`\n${colours.bold('A good version.')} forecast v2 is committed: 0 -> 50 -> 100, each step on evidence.`);
  await world.commit('v2');
  const good = await until(telling, STORY_WITHIN_MS, status => status.stableVersion === 'v2' || status.phase === 'RolledBack');
  const goodWeights = await world.weights();
  const afterGood = await world.traffic();

  view.say(`\n${colours.bold('A bad version.')} forecast v3 answers every third request with an error; it is committed.`);
  await world.breakVersion('v3', 0.33);
  await world.commit('v3');
  const bad = await until(telling, STORY_WITHIN_MS, status => status.phase === 'RolledBack' || status.stableVersion === 'v3');
  const badWeights = await world.weights();
  if (good === undefined || bad === undefined) {
    view.say(signal.aborted ? '\nStopped.' : `\nNot finished within ${STORY_WITHIN_MS / 1000} s.`);
    return false;
  }

  const afterBad = await world.traffic();
  const failedGood = afterGood.failed - before.failed;
  const isGoodRight = good.stableVersion === 'v2' && goodWeights['v2'] === 100 && failedGood === 0;
  const isBadRight = bad.phase === 'RolledBack' && (badWeights['v3'] ?? 0) === 0 && badWeights['v2'] === 100;
  view.say(`\n${colours.bold('Summary')}`);
  view.say(
    `  ${mark(isGoodRight)} v2 ${good.stableVersion === 'v2' ? 'is stable' : `ended ${good.phase}`}, weights ${weightsText(goodWeights)}; ${afterGood.requests - before.requests} requests meanwhile, ${failedGood} failed`,
  );
  view.say(
    `  ${mark(isBadRight)} v3 ended ${bad.phase}, weights ${weightsText(badWeights)}; ${afterBad.requests - afterGood.requests} requests meanwhile, ${afterBad.failed - afterGood.failed} failed before all traffic was back`,
  );
  view.say(`    why: ${bad.message}`);
  view.say('\n  Next: the tour, where you commit and approve: npm run tour');
  return isGoodRight && isBadRight;
};
