import { expect } from 'vitest';
import { until } from '../../sandbox/client.ts';
import { rolloutObject, rolloutsOf } from '../objects.ts';
import { nowS, press, signedAnswer } from '../requests.ts';
import { aboutOf, buttonOf, isAsking } from '../scene.ts';
import { sendWire } from '../wire.ts';
import { type Stage, type StoryGroup, stageOf, stillWaits } from './story.ts';

const ALICE_OR_CAROL = { approvers: ['slack:U0ALICE', 'user:carol@example.com'] };
const TWO_OF_THREE = {
  approvers: ['user:alice@example.com', 'slack:U0CAROL', 'group:release', 'webhook:change-board'],
  required: 2,
};

export const REPEATS: StoryGroup = {
  group: 'repeated answers',
  stories: [
    {
      name: 'a double click counts once',
      asked: TWO_OF_THREE,
      run: async stage => {
        const codes = (await Promise.all([1, 2, 3].map(() => stage.press('U0ALICE')))).map(({ code }) => code);
        expect(codes).toEqual([200, 200, 200]);
        expect(await stage.told('U0ALICE')).toContain('has answered already');
        await stillWaits(stage, ['alice approved']);
      },
    },
    {
      name: 'a signed answer that is sent again counts once',
      asked: TWO_OF_THREE,
      run: async stage => {
        const wire = signedAnswer(stage.about);
        const codes = (await Promise.all([1, 2, 3].map(() => sendWire(stage.world.hooks(), wire)))).map(({ code }) => code);
        expect(codes.sort()).toEqual([200, 409, 409]);
        expect((await sendWire(stage.world.hooks(), wire)).code).toBe(409);
        expect((await stage.sign()).code).toBe(409);
        await stillWaits(stage, ['webhook:change-board approved']);
      },
    },
    {
      name: 'one token used twice counts once',
      asked: TWO_OF_THREE,
      run: async stage => {
        const codes = (await Promise.all([1, 2].map(() => stage.say('token-of-alice')))).map(({ code }) => code);
        expect(codes.sort()).toEqual([200, 409]);
        await stillWaits(stage, ['alice approved']);
      },
    },
    {
      name: 'one person through two channels counts once',
      asked: TWO_OF_THREE,
      run: async stage => {
        expect((await stage.say('token-of-alice')).code).toBe(200);
        await stage.press('U0ALICE');
        expect(await stage.told('U0ALICE')).toContain('alice has answered already');
        await stillWaits(stage, ['alice approved']);
      },
    },
    {
      name: 'one person as a member of a group and by name counts once',
      asked: { approvers: ['group:release', 'user:bob@example.com', 'slack:U0BOB'], required: 2 },
      run: async stage => {
        await stage.press('U0BOB');
        await stage.reaches(({ approvals }) => approvals?.length === 1, 'the first answer');
        expect((await stage.say('token-of-bob')).code).toBe(409);
        await stillWaits(stage, ['bob approved']);
      },
    },
  ],
};

export const RACES: StoryGroup = {
  group: 'answers at once',
  stories: [
    {
      name: 'of two people at once one counts when one is enough, and the other one is told',
      asked: ALICE_OR_CAROL,
      run: async stage => {
        const [slack, token] = await Promise.all([stage.press('U0ALICE'), stage.say('token-of-carol')]);
        expect(slack.code).toBe(200);
        await stage.reaches(({ phase }) => phase === 'Progressing', 'goes on');
        const answers = await stage.answers();
        expect(answers).toHaveLength(1);
        if (answers[0] === 'carol approved') {
          expect(token.code).toBe(200);
          expect(await stage.told('U0ALICE')).toMatch(/approved already|nobody/);
        } else expect([token.code, answers[0]]).toEqual([409, 'alice approved']);
      },
    },
    {
      name: 'of an approval and a rejection at once the rejection stands',
      asked: ALICE_OR_CAROL,
      run: async stage => {
        const [rejected] = await Promise.all([
          stage.say('token-of-carol', { body: { decision: 'reject' } }),
          stage.press('U0ALICE'),
        ]);
        const {
          phase,
          traffic,
          approvals = [],
        } = await stage.reaches(status => status.phase === 'RolledBack' || status.phase === 'Progressing', 'an end of it');
        // whichever comes first decides; what was told is what became of it
        expect(rejected.code === 200).toBe(approvals.some(({ decision }) => decision === 'rejected'));
        if (rejected.code === 200) expect([phase, traffic?.weight]).toEqual(['RolledBack', 0]);
      },
    },
    {
      name: 'a hundred presses at once of people who may not, among one of who may',
      asked: TWO_OF_THREE,
      run: async stage => {
        const crowd = Array.from({ length: 100 }, (_, index) => stage.press(`U0EVE${index}`));
        const [alice] = await Promise.all([stage.press('U0ALICE'), ...crowd]);
        expect(alice?.code).toBe(200);
        await stage.reaches(({ approvals }) => approvals?.length === 1, 'the one that counts');
        await stillWaits(stage, ['alice approved']);
      },
    },
  ],
};

export const REVERSALS: StoryGroup = {
  group: 'changes of mind',
  stories: [
    {
      name: 'no approval after a rejection',
      asked: ALICE_OR_CAROL,
      run: async stage => {
        const pressed = press(buttonOf(stage.world, stage.place));
        expect((await stage.say('token-of-carol', { body: { decision: 'reject', comment: 'no' } })).code).toBe(200);
        const { traffic } = await stage.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
        expect(traffic?.weight).toBe(0);
        const before = await stage.world.state();
        expect((await stage.say('token-of-carol')).code).toBe(409);
        await sendWire(stage.world.hooks(), pressed);
        expect(await stage.told('U0ALICE')).toMatch(/nobody is asked/);
        expect(await stage.world.state()).toEqual(before);
      },
    },
    {
      name: 'a rejection by somebody who has approved counts, and goes back',
      asked: TWO_OF_THREE,
      run: async stage => {
        expect((await stage.say('token-of-alice')).code).toBe(200);
        expect((await stage.say('token-of-alice', { body: { decision: 'reject' } })).code).toBe(200);
        const { traffic } = await stage.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
        expect(traffic?.weight).toBe(0);
      },
    },
    {
      name: 'no rejection by somebody who may not answer',
      asked: TWO_OF_THREE,
      run: async stage => {
        expect((await stage.say('token-of-eve', { body: { decision: 'reject' } })).code).toBe(403);
        expect(
          (await stage.sign({ hook: 'second-board', secret: 'secret-of-the-second-board', body: { decision: 'reject' } })).code,
        ).toBe(403);
        await stage.press('U0EVE', { decision: 'reject' });
        expect(await stage.told('U0EVE')).toContain('is none of');
        await stillWaits(stage, []);
      },
    },
  ],
};

/** People are asked anew a second later at the earliest: channels tell the time to the second. */
const nextSecond = async (): Promise<void> => {
  const now = nowS();
  await until(() => nowS() > now || undefined, 'the next second');
};

const specChanged = (stage: Stage, spec: object): Promise<unknown> =>
  stage.world.api.patch(`${rolloutsOf(stage.place.namespace)}/${stage.place.name}`, 'merge', { spec });

const askedAnew = async (stage: Stage): Promise<Stage> => {
  const before = (await stage.world.status(stage.place)).step?.askedAt;
  const question = stage.world.slack.posted();
  await nextSecond();
  await specChanged(stage, { strategy: { canary: { steps: [{ setWeight: 30, approval: ALICE_OR_CAROL }] } } });
  const status = await stage.reaches(
    ({ phase, step }) => phase === 'AwaitingApproval' && step?.askedAt !== before,
    'people are asked anew',
  );
  await until(() => stage.world.slack.posted() > question || undefined, 'the new question in Slack');
  return stageOf(stage.world, stage.place, aboutOf(stage.place, status));
};

export const OLD_ANSWERS: StoryGroup = {
  group: 'old answers',
  stories: [
    {
      name: 'an answer from before people were asked anew',
      asked: { ...TWO_OF_THREE, required: 2 },
      run: async stage => {
        const signed = signedAnswer(stage.about);
        const pressed = press(buttonOf(stage.world, stage.place));
        expect((await sendWire(stage.world.hooks(), signed)).code).toBe(200);
        const anew = await askedAnew(stage);
        expect((await sendWire(stage.world.hooks(), signed)).code).toBe(409);
        await sendWire(stage.world.hooks(), pressed);
        expect(await anew.told('U0ALICE')).toMatch(/nobody is asked|newest/);
        expect((await stage.world.status(stage.place)).phase).toBe('AwaitingApproval');
        expect((await stage.world.status(stage.place)).approvals ?? []).toEqual([]);
      },
    },
    {
      name: 'an approver who was taken out of the spec meanwhile',
      asked: TWO_OF_THREE,
      run: async stage => {
        expect((await stage.say('token-of-bob')).code).toBe(200);
        const anew = await askedAnew(stage);
        expect((await anew.say('token-of-bob')).code).toBe(403);
        expect((await anew.sign()).code).toBe(403);
        expect((await stage.world.status(stage.place)).approvals ?? []).toEqual([]);
      },
    },
    {
      name: 'answers to an attempt that has ended, after retry',
      asked: TWO_OF_THREE,
      run: async stage => {
        const pressed = press(buttonOf(stage.world, stage.place));
        expect((await stage.say('token-of-alice', { body: { decision: 'reject' } })).code).toBe(200);
        const before = await stage.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
        await stage.world.api.patch(`${rolloutsOf(stage.place.namespace)}/${stage.place.name}`, 'merge', {
          metadata: { annotations: { 'sluice.dev/request': '{"id":"again","verb":"retry"}' } },
        });
        const after = await stage.reaches(status => isAsking(status) && status.revision !== before.revision, 'the next attempt');
        const next = stageOf(stage.world, stage.place, aboutOf(stage.place, after));
        expect((await stage.sign()).code).toBe(409);
        expect((await stage.say('token-of-bob')).code).toBe(409);
        await sendWire(stage.world.hooks(), pressed);
        expect(await next.told('U0ALICE')).toMatch(/nobody is asked|newest/);
        await stillWaits(next, []);
      },
    },
    {
      name: 'the button of a Rollout that was deleted and made anew under the same name',
      asked: TWO_OF_THREE,
      run: async stage => {
        const { world, place } = stage;
        const pressed = press(buttonOf(world, place));
        const signed = signedAnswer(stage.about);
        await nextSecond();
        await world.api.remove(`${rolloutsOf(place.namespace)}/${place.name}`);
        await until(
          async () => (await world.api.get(`${rolloutsOf(place.namespace)}/${place.name}`)).code === 404 || undefined,
          'its end',
        );
        await world.api.post(rolloutsOf(place.namespace), rolloutObject(place.namespace, place.name, TWO_OF_THREE));
        const anew = stageOf(world, place, aboutOf(place, await stage.reaches(isAsking, 'waits again')));
        await sendWire(world.hooks(), pressed);
        expect(await anew.told('U0ALICE')).toMatch(/nobody is asked/);
        expect((await sendWire(world.hooks(), signed)).code).toBe(409);
        await stillWaits(anew, []);
      },
    },
    {
      name: 'an answer to a step that was approved, after traffic has moved',
      asked: ALICE_OR_CAROL,
      run: async stage => {
        const pressed = press(buttonOf(stage.world, stage.place, 'reject'));
        expect((await stage.say('token-of-carol')).code).toBe(200);
        await stage.reaches(({ traffic }) => traffic?.weight === 20, 'the first weight');
        expect((await stage.say('token-of-alice', { body: { decision: 'reject' } })).code).toBe(409);
        await sendWire(stage.world.hooks(), pressed);
        expect(await stage.told('U0ALICE')).toMatch(/nobody is asked/);
        expect((await stage.world.status(stage.place)).traffic?.weight).toBe(20);
      },
    },
  ],
};

const written = (authors: unknown): object => ({
  labels: { 'sluice.dev/source': 'fleet' },
  annotations: {
    'sluice.dev/commit': 'main@sha1:0123abcd',
    'sluice.dev/authors': typeof authors === 'string' ? authors : JSON.stringify(authors),
  },
});
const ALICE_AND_EVE = { approvers: ['slack:U0ALICE', 'user:alice@example.com', 'user:eve@example.com', 'webhook:change-board'] };

const excludes = (name: string, authors: unknown, asked = ALICE_AND_EVE): StoryGroup['stories'][number] => ({
  name,
  asked,
  metadata: written(authors),
  run: async stage => {
    expect((await stage.say('token-of-alice')).code).toBe(403);
    await stage.press('U0ALICE');
    expect(await stage.told('U0ALICE')).toMatch(/author/);
    await stillWaits(stage, []);
  },
});

export const AUTHORS: StoryGroup = {
  group: 'authors',
  stories: [
    excludes('the author by the name in people', ['alice']),
    excludes('the author by address', ['alice@example.com']),
    excludes('the author by another address', ['Alice Writes', 'alice.writes@example.org']),
    excludes('the author in other letters', ['ALICE.WRITES@EXAMPLE.ORG']),
    excludes('one of several authors', ['bob@example.com', 'Bob', 'carol@example.com', 'alice@example.com']),
    excludes('a list of authors that somebody has made unreadable', '{"alice":'),
    excludes('a list of authors that is something else', { alice: true }),
    {
      name: 'the author who is in no list of people, by the user name',
      asked: ALICE_AND_EVE,
      metadata: written(['Eve', 'Eve@Example.com']),
      run: async stage => {
        expect((await stage.say('token-of-eve')).code).toBe(403);
        await stillWaits(stage, []);
      },
    },
    {
      name: 'the author where authors are allowed, which counts',
      asked: { ...ALICE_AND_EVE, allowAuthor: true },
      metadata: written(['alice@example.com']),
      run: async stage => {
        expect((await stage.say('token-of-alice')).code).toBe(200);
        expect(await stage.answers()).toEqual(['alice approved']);
      },
    },
  ],
};
