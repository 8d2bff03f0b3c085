import type { ApprovalAnswer, ApprovalSpec, RolloutSpec } from '../../src/rollout/index.ts';
import type { World, WorldOptions } from '../../src/simulation/world.ts';
import { restingWorld, SECOND, specOf } from './check.ts';
import { watchLaws } from './laws.ts';

export const ALICE = 'user:alice@example.com';
export const BOB = 'slack:U024BE7LH';
export const CAROL = 'group:release';

/** 20 for 10 s, then an approval, then 50 for 10 s, then 100. */
export const asking = (approval: Partial<ApprovalSpec> = {}, change: Partial<RolloutSpec> = {}): RolloutSpec =>
  specOf(
    [
      { setWeight: 20, pause: { duration: '10s' } },
      { setWeight: 50, pause: { duration: '10s' }, approval: { approvers: [ALICE, BOB, CAROL], ...approval } },
    ],
    change,
  );

export const answerOf = (world: World, change: Partial<ApprovalAnswer> = {}): ApprovalAnswer => ({
  revision: world.status?.revision ?? '',
  step: 2,
  decision: 'approved',
  by: 'alice',
  identities: [ALICE],
  via: 'http',
  at: new Date(world.nowMs).toISOString(),
  ...change,
});
export const answer = (world: World, change: Partial<ApprovalAnswer> = {}): World => {
  world.answers.push(answerOf(world, change));
  return world;
};
export const bob: Partial<ApprovalAnswer> = { by: 'bob', identities: [BOB], via: 'slack' };

/** v2 has done its time at 20 %, and people were asked about 50 %. */
export const asked = (spec: RolloutSpec = asking(), options: Partial<WorldOptions> = {}): World => {
  const world = restingWorld({ spec, onDecision: watchLaws(), ...options });
  world.setPods('v2', 3);
  world.commit({ version: 'v2' });
  return world.run(30 * SECOND);
};
