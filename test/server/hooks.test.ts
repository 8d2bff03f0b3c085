import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type GivenAnswer, Refused } from '../../src/controller/channel-ports.ts';
import { createRigs, detailOf, type Rig, SIGNATURE } from './rig.ts';

const rigs = createRigs();
afterEach(rigs.close);
afterAll(rigs.closeShared);

const send = (
  { hooks }: Pick<Rig, 'hooks'>,
  path: string,
  headers: Record<string, string> = { signature: SIGNATURE },
  body = 'x',
) => fetch(hooks + path, { method: 'POST', headers, body });

const BOARD = '/hooks/approvals/change-board';

describe('hooks that bring answers', () => {
  it('R19: one that waits is told what was recorded', async () => {
    const rig = await rigs.shared();
    const answer = await send(rig, BOARD);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { decision: 'approved', by: 'alice', revision: '7c1f09d2', step: 2 },
    ]);
    expect(rig.given).toMatchObject([{ key: 'weather/forecast', identity: 'webhook:change-board' }]);
    expect(rig.outcomes).toEqual(['webhook/change-board recorded']);
    rig.world.outcome = { kind: 'refused', refusal: { kind: 'stale', reason: 'nobody was asked' } };
    expect((await send(rig, BOARD)).status).toBe(409);
  });

  it('one that does not wait is answered at once, and its person hears of the outcome', async () => {
    const rig = await rigs.shared();
    rig.world.outcome = { kind: 'refused', refusal: { kind: 'notAllowed', reason: 'is none of bob' } };
    const answer = await send(rig, '/hooks/slack');
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    await expect.poll(() => rig.told).toEqual([rig.world.outcome]);
    expect(rig.outcomes).toEqual(['slack notAllowed']);
    expect(rig.log.lines.join()).toContain('"via":"slack","rollout":"weather/forecast","identity":"webhook:change-board"');
  });

  it('what cannot be read is told, too; what cannot be told is logged', async () => {
    const told: unknown[] = [];
    const hook = {
      name: 'slack',
      verify: async () => {},
      read: async (): Promise<GivenAnswer> => Promise.reject(new Refused(400, 'no button of ours')),
      tell: async (_: unknown, outcome: unknown): Promise<void> => {
        told.push(outcome);
        throw new Error('the chat is away');
      },
    };
    const rig = await rigs.start({}, { answerHooks: { '/hooks/slack': hook } });
    expect((await send(rig, '/hooks/slack')).status).toBe(200);
    await expect.poll(() => rig.log.lines.join()).toContain('nobody could be told what became of an answer');
    expect(told).toEqual([new Refused(400, 'no button of ours')]);
    expect(rig.outcomes).toEqual(['slack invalid']);
  });

  it.each(['/hooks/slack', BOARD, '/hooks/git/fleet'])('%s does nothing for who cannot prove who they are', async path => {
    const rig = await rigs.shared();
    for (const headers of [{}, { signature: 'forged' }]) {
      const answer = await send(rig, path, headers);
      expect([answer.status, await detailOf(answer)]).toEqual([401, 'the signature does not hold']);
    }
    expect([rig.given, rig.told, rig.woken]).toEqual([[], [], []]);
    expect(rig.outcomes).toEqual(Array(2).fill(expect.stringMatching(/ unauthenticated$/)));
    expect(rig.log.lines.join()).not.toContain('forged');
  });

  it('a secret that cannot be read: 503, and the log says why', async () => {
    const verify = async (): Promise<void> => Promise.reject(new Error('reading secret /secrets/cab: ENOENT'));
    const hook = { name: 'webhook/cab', verify, read: async (): Promise<GivenAnswer> => Promise.reject(new Error('not asked')) };
    const rig = await rigs.start({}, { answerHooks: { '/hooks/approvals/cab': hook } });
    const answer = await send(rig, '/hooks/approvals/cab');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await answer.text()).not.toContain('/secrets');
  });

  it('405 for other methods, 404 for hooks that there are not, 413 for too much', async () => {
    const rig = await rigs.shared();
    expect((await fetch(`${rig.hooks}/hooks/slack`)).status).toBe(405);
    expect((await fetch(`${rig.hooks}/hooks/slack`, { method: 'PUT', body: 'x' })).status).toBe(405);
    expect((await send(rig, '/hooks/approvals/other')).status).toBe(404);
    expect((await send(rig, '/hooks/git/..%2ffleet')).status).toBe(404);
    expect((await send(rig, BOARD, { signature: SIGNATURE }, 'x'.repeat(256 * 1024 + 1))).status).toBe(413);
    expect(rig.given).toEqual([]);
  });

  it('R35: 50 presses at once are all answered, while nothing is stored', async () => {
    let store = (): void => {};
    const stored = new Promise<void>(resolve => {
      store = resolve;
    });
    const answer = async () => {
      await stored;
      return { kind: 'recorded', by: 'alice' } as const;
    };
    const rig = await rigs.start({}, { answer });
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(rig, '/hooks/slack')));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(rig.told).toEqual([]);
    store();
    await expect.poll(() => rig.told.length).toBe(50);
  });
});

describe('POST /hooks/git/{source}', () => {
  it('R34: wakes the source that was pushed to', async () => {
    const rig = await rigs.shared();
    expect((await send(rig, '/hooks/git/fleet', { signature: SIGNATURE }, 'x'.repeat(1024 * 1024))).status).toBe(202);
    expect((await send(rig, '/hooks/git/fleet', { signature: SIGNATURE }, 'x'.repeat(1024 * 1024 + 1))).status).toBe(413);
    expect(rig.woken).toEqual(['fleet']);
    expect(rig.outcomes).toEqual(['git/fleet woken', 'git/fleet invalid']);
  });
});
