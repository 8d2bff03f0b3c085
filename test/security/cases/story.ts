import { expect } from 'vitest';
import { openQuestion, type RolloutStatus } from '../../../src/rollout/index.ts';
import { until } from '../../sandbox/client.ts';
import type { Asked } from '../objects.ts';
import { type About, type ApiAnswer, apiAnswer, type Press, press, type SignedAnswer, signedAnswer } from '../requests.ts';
import { buttonOf } from '../scene.ts';
import { sendWire, type WireAnswer } from '../wire.ts';
import type { Place, SecurityWorld } from '../world.ts';

/** What several people do one after the other, or at once, with a Rollout of their own. */
export type Story = {
  readonly name: string;
  readonly asked: Asked;
  /** More of its metadata. */
  readonly metadata?: object;
  readonly run: (stage: Stage) => Promise<void>;
};

export type StoryGroup = { readonly group: string; readonly stories: readonly Story[] };

/** A Rollout that waits for people, and all ways to answer it. */
export type Stage = {
  readonly world: SecurityWorld;
  readonly place: Place;
  readonly about: About;
  readonly press: (user: string, change?: Press & { readonly decision?: 'approve' | 'reject' }) => Promise<WireAnswer>;
  readonly sign: (change?: SignedAnswer) => Promise<WireAnswer>;
  readonly say: (token: string, change?: ApiAnswer) => Promise<WireAnswer>;
  /** Who has answered, as `alice approved`. */
  readonly answers: () => Promise<readonly string[]>;
  readonly reaches: (fits: (status: RolloutStatus) => boolean, what: string) => Promise<RolloutStatus>;
  /** What this person was told alone since the stage was set, once there is something. */
  readonly told: (user: string) => Promise<string>;
};

export const stageOf = (world: SecurityWorld, place: Place, about: About): Stage => {
  const heard = world.slack.calls.length;
  const button = (decision?: 'approve' | 'reject') => buttonOf(world, place, decision);
  const reaches: Stage['reaches'] = (fits, what) => world.reaches(place, fits, what);
  return {
    world,
    place,
    about,
    press: (user, { decision, ...change } = {}) => sendWire(world.hooks(), press(button(decision), { user, ...change })),
    sign: change => sendWire(world.hooks(), signedAnswer(about, change)),
    say: (token, change) => sendWire(world.server(), apiAnswer(about, { token, ...change })),
    answers: async () => ((await world.status(place)).approvals ?? []).map(({ by, decision }) => `${by} ${decision}`),
    reaches,
    told: user =>
      until(
        () =>
          world.slack.calls.slice(heard).find(({ method, body }) => method === 'chat.postEphemeral' && body.user === user)?.body
            .text,
        `a word to ${user}`,
        5_000,
      ),
  };
};

/** It waits as before, and only these people have answered. */
export const stillWaits = async ({ world, place, answers }: Stage, expected: readonly string[]): Promise<void> => {
  const status = await world.status(place);
  expect(status.phase).toBe('AwaitingApproval');
  expect(openQuestion(status)?.step).toBe(1);
  expect(await answers()).toEqual(expected);
  expect(status.traffic?.weight ?? 0).toBe(0);
};
