import { describe, expect, it } from 'vitest';
import { type StoredRollout, SystemError } from '../../src/controller/ports.ts';
import { createRequestDesk, type RequestDeskOptions } from '../../src/controller/requests.ts';
import type { Wish } from '../../src/controller/view-ports.ts';
import { asked } from '../rollout/asked.ts';
import { SECOND } from '../rollout/check.ts';

const KEY = 'weather/forecast';
const PAUSE: Wish = { key: KEY, verb: 'pause', by: 'alice@example.com', reason: 'lunch' };

/** A desk over a rollout in progress; `round` is one of the controller, which takes the annotation away as it does. */
const open = (more: Partial<RequestDeskOptions> = {}) => {
  const world = asked();
  const requests: string[] = [];
  const refusals: SystemError[] = [];
  const callbacks: ((key: string) => void)[] = [];
  let rollout: StoredRollout | undefined = { ...world.rollout(), resourceVersion: '1', creationTimestamp: '' };
  const set = (next: StoredRollout | undefined): void => {
    rollout = next;
    for (const callback of callbacks) callback(KEY);
  };
  let ids = 0;
  const desk = createRequestDesk({
    store: { get: key => (key === KEY ? rollout : undefined), onChange: callback => void callbacks.push(callback) },
    writer: {
      put: async (found, request) => {
        const refusal = refusals.shift();
        if (refusal !== undefined) throw refusal;
        requests.push(request);
        set({ ...found, request });
      },
    },
    clock: { now: () => world.nowMs },
    newId: () => {
      ids += 1;
      return `id-${ids}`;
    },
    ...more,
  });
  return {
    desk,
    world,
    requests,
    refusals,
    set,
    rollout: () => rollout ?? expect.unreachable('a rollout'),
    /** What stands in the annotation is acted on, and its outcome stored. */
    round: (): void => {
      const { request } = rollout ?? expect.unreachable('a rollout');
      if (request !== undefined) world.ask(JSON.parse(request));
      world.run(2 * SECOND);
      set({ ...world.rollout(), resourceVersion: '2', creationTimestamp: '' });
    },
    written: async (count = 1): Promise<void> => await expect.poll(() => requests.length).toBe(count),
  };
};

const conflict = () => new SystemError('kubernetes', 'patching', 'conflict', 'it has changed');

describe('a request by the HTTP API', () => {
  it('R22: is written with who asks and an id of its own, and ends when the status that knows it is stored', async () => {
    const { desk, requests, world, round, written } = open();
    const outcome = desk.ask(PAUSE);
    await written();
    expect(JSON.parse(requests[0] ?? '')).toEqual({
      id: 'id-1',
      verb: 'pause',
      by: 'alice@example.com',
      reason: 'lunch',
      at: new Date(world.nowMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    });
    round();
    expect(await outcome).toEqual({ kind: 'done', outcome: 'accepted: paused' });
    expect(world.status?.pause?.by).toBe('alice@example.com');
  });

  it('R11, R22: about a step that has begun anew since, as after an edit, is not written', async () => {
    const { desk, requests, rollout } = open();
    const { revision = '', step } = rollout().status ?? {};
    const promote = { ...PAUSE, verb: 'promote', revision, step: step?.index ?? 0 } as const;
    expect(await desk.ask({ ...promote, startedAt: '2020-01-01T00:00:00Z' })).toEqual({
      kind: 'refused',
      reason: `is about a step that began at 2020-01-01T00:00:00Z, and step ${step?.index} began at ${step?.startedAt}`,
    });
    expect(requests).toEqual([]);
    void desk.ask({ ...promote, ...(step?.startedAt === undefined ? {} : { startedAt: step.startedAt }) });
    await expect.poll(() => requests.length).toBe(1);
    expect(JSON.parse(requests[0] ?? '')).not.toHaveProperty('startedAt');
  });

  it('R22: that the rules would refuse now is not written', async () => {
    const { desk, requests, set, rollout } = open();
    expect(await desk.ask({ ...PAUSE, verb: 'promote', revision: 'another', step: 1 })).toEqual({
      kind: 'refused',
      reason: expect.stringMatching(/^names revision another, but \w+ is in progress$/),
    });
    expect(await desk.ask({ ...PAUSE, verb: 'retry' })).toMatchObject({ kind: 'refused' });
    const { status: _, ...unseen } = rollout();
    set(unseen);
    expect(await desk.ask(PAUSE)).toMatchObject({ kind: 'refused', reason: 'Sluice has not looked at this Rollout yet' });
    expect(await desk.ask({ ...PAUSE, key: 'weather/none' })).toEqual({ kind: 'unknown' });
    expect(requests).toEqual([]);
  });

  it('R22: refused by the round that acted on it says why', async () => {
    const { desk, set, rollout, written } = open();
    const outcome = desk.ask(PAUSE);
    await written();
    const { status } = rollout();
    if (status === undefined) expect.unreachable('a status');
    const lastRequest = { id: 'id-1', verb: 'pause', outcome: 'refused: traffic is going back already', at: '' };
    set({ ...rollout(), status: { ...status, lastRequest } });
    expect(await outcome).toEqual({ kind: 'refused', reason: 'traffic is going back already' });
  });

  it('R22: waits for the request of somebody else, and never takes its place', async () => {
    const { desk, set, rollout, requests, round } = open({ occupiedMs: 50 });
    const standing = JSON.stringify({ id: 'other', verb: 'pause', by: 'bob', at: '2026-11-21T14:00:00Z' });
    set({ ...rollout(), request: standing });
    expect(await desk.ask(PAUSE)).toEqual({
      kind: 'refused',
      reason: 'the request pause of bob, made at 2026-11-21T14:00:00Z, has not been acted on yet',
    });
    set({ ...rollout(), request: '{"verb":' });
    expect(await desk.ask(PAUSE)).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(/^a request that is not JSON/),
    });
    expect(requests).toEqual([]);
    const patient = desk.ask({ ...PAUSE, verb: 'abort' });
    const { request: _, ...free } = rollout();
    set(free);
    await expect.poll(() => requests.length).toBe(1);
    round();
    expect(await patient).toMatchObject({ kind: 'done' });
  });

  it('R22: two at once are carried out one after the other', async () => {
    const { desk, requests, written, round } = open();
    const [pause, again] = [desk.ask(PAUSE), desk.ask({ ...PAUSE, by: 'bob' })];
    await written();
    round();
    expect(await pause).toMatchObject({ kind: 'done' });
    await written(2);
    round();
    expect(await again).toMatchObject({ kind: 'done' });
    expect(requests.map(text => JSON.parse(text).by)).toEqual(['alice@example.com', 'bob']);
  });

  it('R22: is decided anew when the Rollout has changed meanwhile, and never forced upon another one', async () => {
    const { desk, refusals, set, rollout, written, round } = open();
    refusals.push(conflict());
    const again = desk.ask(PAUSE);
    set({ ...rollout(), resourceVersion: '2' });
    await written();
    round();
    expect(await again).toMatchObject({ kind: 'done' });
    refusals.push(conflict());
    const other = desk.ask({ ...PAUSE, verb: 'resume' });
    set({ ...rollout(), uid: 'another' });
    expect(await other).toEqual({ kind: 'unknown' });
  });

  it('R31: that cannot be written, or that nobody acts on, is not known to be carried out', async () => {
    const { desk, refusals } = open({ timeoutMs: 30 });
    refusals.push(new SystemError('sluice', 'writing', 'refused', 'the lease is held by another process'));
    expect(await desk.ask(PAUSE)).toEqual({ kind: 'notStored', reason: 'writing: the lease is held by another process' });
    refusals.push(new SystemError('kubernetes', 'patching', 'notFound', 'gone'));
    expect(await desk.ask(PAUSE)).toEqual({ kind: 'unknown' });
    expect(await desk.ask(PAUSE)).toEqual({
      kind: 'notStored',
      reason: 'nobody has acted on it within 0.03 s; the request stands in the Rollout',
    });
  });

  it('whoever waits hears of it when the process ends', async () => {
    const { desk, written } = open();
    const outcome = desk.ask(PAUSE);
    await written();
    await desk.drain(10);
    expect(await outcome).toEqual({ kind: 'notStored', reason: 'this process ends; the request stands in the Rollout' });
  });
});
