import { readFile } from 'node:fs/promises';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';

type Part = {
  textContent: string;
  value: string;
  hidden: boolean;
  disabled: boolean;
  click: () => Promise<void>;
  append(): void;
  replaceChildren(): void;
  addEventListener(event: string, listener: () => Promise<void>): void;
};

const createPart = (): Part => {
  const part: Part = {
    textContent: '',
    value: '',
    hidden: false,
    disabled: false,
    click: async () => {},
    append: () => {},
    replaceChildren: () => {},
    addEventListener: (_, listener) => {
      part.click = listener;
    },
  };
  return part;
};

const QUESTION = { revision: '7c1f09d2', step: 2, weight: 50, approval: { required: 1, approvers: ['user:alice'] }, given: [] };
type Question = typeof QUESTION;

/** The script of the page, as a browser would run it; `refresh` is the timer that looks again. */
const openPage = async () => {
  const parts: Record<string, Part> = {};
  const world = {
    question: QUESTION as Question | undefined,
    isConfirmed: true,
    confirmed: [] as string[],
    sent: [] as object[],
    answer: async (): Promise<Response> => Response.json({}),
    refresh: async (): Promise<void> => {},
  };
  const partOf = (id: string): Part => {
    parts[id] ??= createPart();
    return parts[id];
  };
  const code = await readFile(new URL('../../src/dashboard/rollout.js', import.meta.url), 'utf8');
  const surroundings = {
    document: { getElementById: partOf, createElement: createPart, title: '' },
    location: { pathname: '/rollouts/weather/forecast' },
    sessionStorage: { getItem: () => 'token' },
    setTimeout: (work: () => Promise<void>) => {
      world.refresh = work;
    },
    confirm: (text: string) => {
      world.confirmed.push(text);
      return world.isConfirmed;
    },
    fetch: async (_: string, { method, body }: { method?: string; body?: string }) => {
      if (method !== 'POST') return Response.json({ status: { phase: 'Paused' }, question: world.question });
      world.sent.push(JSON.parse(body ?? ''));
      return await world.answer();
    },
  };
  await runInNewContext(`(async () => {${code}})()`, surroundings);
  return { world, part: partOf, outcome: () => partOf('outcome').textContent };
};

describe('the buttons of the page', () => {
  it.each(['approve', 'reject'])(
    'R19: %s answers what is shown, once it is confirmed, and says what happened',
    async decision => {
      const { world, part, outcome } = await openPage();
      part('comment').value = 'looks good';
      await part(decision).click();
      const what = `${decision} step 2 at 50% of weather/forecast, revision 7c1f09d2`;
      expect(world.confirmed).toEqual([`Really ${what}?`]);
      expect(world.sent).toEqual([{ decision, revision: '7c1f09d2', step: 2, comment: 'looks good' }]);
      expect([outcome(), part('comment').value]).toEqual([`Recorded: ${what}.`, '']);
    },
  );

  it('send nothing that is not confirmed', async () => {
    const { world, part, outcome } = await openPage();
    world.isConfirmed = false;
    await part('reject').click();
    expect([world.sent, outcome()]).toEqual([[], 'Nothing was sent.']);
  });

  it('R19: answer the question that was shown at the click, and wait for what became of it', async () => {
    const { world, part } = await openPage();
    let reply = (_: Response): void => {};
    world.answer = () =>
      new Promise(resolve => {
        reply = resolve;
      });
    const clicked = part('approve').click();
    world.question = { ...QUESTION, step: 3 };
    await world.refresh();
    expect([part('approve').disabled, part('reject').disabled]).toEqual([true, true]);
    reply(Response.json({ detail: 'people are asked about step 3 now' }, { status: 409 }));
    await clicked;
    expect(world.sent).toEqual([{ decision: 'approve', revision: '7c1f09d2', step: 2 }]);
    expect(part('outcome').textContent).toContain('Not recorded: approve step 2');
    expect(part('outcome').textContent).toContain('409: people are asked about step 3 now');
    expect(part('approve').disabled).toBe(false);
  });

  it('say so when nothing is asked any more', async () => {
    const { world, part, outcome } = await openPage();
    world.question = undefined;
    await world.refresh();
    await part('approve').click();
    expect([part('question').hidden, world.sent, outcome()]).toEqual([true, [], 'Nothing is asked any more; nothing was sent.']);
  });

  it('do not say that something was recorded when nothing answers', async () => {
    const { world, part, outcome } = await openPage();
    part('comment').value = 'kept';
    world.answer = () => Promise.reject(new Error('refused'));
    await part('approve').click();
    expect(outcome()).toMatch(/^Sluice does not answer; it is not known/);
    expect(part('comment').value).toBe('kept');
  });
});
