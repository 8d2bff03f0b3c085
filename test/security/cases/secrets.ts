import { expect } from 'vitest';
import { signedAnswer } from '../requests.ts';
import { sendWire } from '../wire.ts';
import { SECRETS } from '../world.ts';
import { type Stage, type StoryGroup, stillWaits } from './story.ts';

const ASKED = { approvers: ['slack:U0ALICE', 'webhook:change-board'], required: 2 };

/** With another secret for a while. */
const meanwhile = async (
  { world }: Stage,
  name: 'board' | 'signing' | 'push',
  content: string,
  then: () => Promise<void>,
): Promise<void> => {
  await world.writeSecret(name, content);
  try {
    await then();
  } finally {
    await world.writeSecret(name, SECRETS[name]);
  }
};

const codes = async (answers: readonly Promise<{ readonly code: number }>[]): Promise<readonly number[]> =>
  (await Promise.all(answers)).map(({ code }) => code);

export const ROTATION: StoryGroup = {
  group: 'secrets that change',
  stories: [
    {
      name: 'the old secret of a webhook verifies nothing once there is a new one',
      asked: ASKED,
      run: stage =>
        meanwhile(stage, 'board', 'another-secret', async () => {
          expect((await stage.sign()).code).toBe(401);
          await stillWaits(stage, []);
          expect((await stage.sign({ secret: 'another-secret' })).code).toBe(200);
          await stillWaits(stage, ['webhook:change-board approved']);
        }),
    },
    {
      name: 'the old secret of Slack verifies nothing once there is a new one',
      asked: ASKED,
      run: stage =>
        meanwhile(stage, 'signing', 'another-secret', async () => {
          expect((await stage.press('U0ALICE')).code).toBe(401);
          // the ids of buttons are made with the secret, so those of before are worth nothing any more
          expect((await stage.press('U0ALICE', { secret: 'another-secret' })).code).toBe(200);
          expect(await stage.told('U0ALICE')).toMatch(/nobody is asked|earlier signing secret/);
          await stillWaits(stage, []);
        }),
    },
    ...['', ' ', '\n'].map(content => ({
      name: `a secret file that holds ${JSON.stringify(content)} verifies nothing`,
      asked: ASKED,
      run: (stage: Stage) =>
        meanwhile(stage, 'board', content, () =>
          meanwhile(stage, 'signing', content, async () => {
            const secrets = ['', content, SECRETS.board];
            expect(await codes(secrets.map(secret => stage.sign({ secret })))).toEqual(secrets.map(() => 503));
            const refused = await codes(['', content, SECRETS.signing].map(secret => stage.press('U0ALICE', { secret })));
            expect(refused.filter(code => code !== 401 && code !== 503)).toEqual([]);
            await stillWaits(stage, []);
          }),
        ),
    })),
  ],
};

const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

/** So many failures are enough for every limit. */
const MANY = 60;

export const LIMITS: StoryGroup = {
  group: 'limits per address',
  stories: [
    {
      name: 'whoever fails too often is not even looked at, and nobody else is kept out',
      asked: ASKED,
      run: async stage => {
        const guess = (address: string) => stage.sign({ secret: 'guess', ...from(address) });
        const guesses = await codes(Array.from({ length: MANY }, () => guess('203.0.113.7')));
        expect(new Set(guesses)).toEqual(new Set([401, 429]));
        expect((await guess('203.0.113.8')).code).toBe(401);
        expect((await stage.sign(from('203.0.113.8'))).code).toBe(200);
        await stillWaits(stage, ['webhook:change-board approved']);
      },
    },
    {
      name: 'tokens cannot be guessed for long',
      asked: ASKED,
      run: async stage => {
        const guesses = await codes(Array.from({ length: MANY }, (_, index) => stage.say(`guess-${index}`, from('203.0.113.9'))));
        expect(new Set(guesses)).toEqual(new Set([401, 429]));
        await stillWaits(stage, []);
      },
    },
    {
      name: 'what somebody writes into X-Forwarded-For before the proxy does is not believed',
      asked: ASKED,
      run: async stage => {
        const guess = (index: number) => stage.sign({ secret: 'guess', ...from(`198.51.100.${index}, 203.0.113.10`) });
        expect(await codes(Array.from({ length: MANY }, (_, index) => guess(index)))).toContain(429);
        const twice = (index: number) =>
          stage.sign({ secret: 'guess', headers: { 'x-forwarded-for': [`198.51.100.${index}`, '203.0.113.11'] } });
        expect(await codes(Array.from({ length: MANY }, (_, index) => twice(index)))).toContain(429);
        await stillWaits(stage, []);
      },
    },
    {
      name: 'nobody is taken for another process of Sluice by a header',
      asked: ASKED,
      run: async stage => {
        const forged = { headers: { 'sluice-forwarded': '1', 'x-forwarded-for': '203.0.113.12' } };
        expect((await stage.sign({ secret: 'guess', ...forged })).code).toBe(401);
        expect((await stage.press('U0ALICE', { secret: 'guess', ...forged })).code).toBe(401);
        expect((await stage.say('token-of-nobody', forged)).code).toBe(401);
        const wire = signedAnswer(stage.about, forged);
        expect(
          (
            await sendWire(stage.world.hooks(), {
              ...wire,
              headers: wire.headers.filter(([name]) => name !== 'webhook-signature'),
            })
          ).code,
        ).toBe(401);
        await stillWaits(stage, []);
      },
    },
  ],
};
