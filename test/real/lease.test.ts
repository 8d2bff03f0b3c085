import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openBed } from './bed/bed.ts';
import { installSluice } from './installed.ts';
import { allowLease, type Rival, startRival, type Write } from './rivals.ts';
import { createFleet, openStory, type Status, type Story } from './story.ts';
import { timelineOf } from './timeline.ts';

const bed = openBed(inject('bedDirectory'));
const PAUSE_MS = 6_000;
const CANARY = { steps: [{ setWeight: 50, pause: { duration: `${PAUSE_MS / 1000}s` } }] };

/** Where the leader is stopped: with nothing to do, or with a write on its way. */
const CASES = [
  { namespace: 'lease-idle', title: 'while a step is due' },
  { namespace: 'lease-raising', title: 'between its check of the lease and the raise', what: 'PATCH virtualservices' },
  { namespace: 'lease-telling', title: 'between its check of the lease and a status', what: 'PATCH rollouts/status' },
] as const;

/** What the API server answers when an object has changed meanwhile: to a resource version, and to a `test` of a patch. */
const CONFLICTS = [409, 422];

interface Pair {
  readonly leader: Rival;
  readonly other: Rival;
  readonly story: Story;
  readonly writes: readonly Write[];
}

describe
  .runIf(bed.has('envoy', 'prometheus', 'git'))
  .concurrent('two controllers, of which the leader is stopped for longer than its lease', () => {
    const pairs: Pair[] = [];

    beforeAll(async () => {
      await installSluice(bed);
    });

    afterAll(async () => {
      await Promise.all(pairs.map(({ story }) => story.close()));
      await Promise.all(pairs.flatMap(({ leader, other }) => [leader.stop(), other.stop()]));
    });

    const openPair = async (namespace: string, index: number): Promise<Pair> => {
      await allowLease(bed, namespace);
      const repository = await bed.createRepository(namespace);
      const push = createFleet(repository);
      await push('README.md', 'Rollouts of two controllers\n');
      const writes: Write[] = [];
      const port = bed.ports.otherController + 1 + 2 * index;
      const place = { namespace, repositoryUrl: repository.url, writes };
      const leader = await startRival(bed, { ...place, name: 'leader', port });
      await bed.until('a leader', () => leader.leads());
      const other = await startRival(bed, { ...place, name: 'other', port: port + 1 });
      const options = { namespace, canary: CANARY, gates: [], versions: ['v1', 'v2', 'v3'], replicas: 1, ratePerSecond: 20 };
      const story = await openStory(bed, push, options);
      const pair = { leader, other, story, writes };
      pairs.push(pair);
      return pair;
    };

    const isStable =
      (version: string) =>
      ({ phase, stableVersion }: Status): boolean =>
        phase === 'Healthy' && stableVersion === version;

    it.each(CASES.map((one, index) => [one.title, one, index] as const))(
      'R4, R31: %s: one writer at each moment',
      async (_title, one, index) => {
        const { leader, other, story, writes } = await openPair(one.namespace, index);
        await story.commit('v2');
        // the raise to 50 % is not the one that is held back
        await story.untilSplit('v1:50 v2:50');
        let release = () => {};
        if ('what' in one) release = await leader.pauseAt(one.what);
        else leader.pause();
        await story.untilSplit('v2:100');
        await story.until('the end', isStable('v2'));
        if ('what' in one) {
          const late = writes.findLastIndex(({ by }) => by === 'leader');
          expect(writes[late]).toEqual({ by: 'leader', what: one.what, code: undefined });
          release();
          await bed.until('the answer to the late write', async () => writes[late]?.code !== undefined);
          expect(CONFLICTS).toContain(writes[late]?.code);
        }
        leader.resume();
        await bed.until('the end of the first term', async () => !(await leader.leads()));
        expect(await other.leads()).toBe(true);
        await story.commit('v3');
        await story.until('the end of the next rollout', isStable('v3'));

        const first = writes.findIndex(({ by }) => by === 'other');
        // what was on its way in the process itself is sent when it wakes, and must be too late as well
        const since = writes.slice(first).filter(({ by, code = 0 }) => by === 'leader' && !CONFLICTS.includes(code));
        expect({ isTakenOver: first > 0, since }).toEqual({ isTakenOver: true, since: [] });
        const { weights, shortened, unexplained, startedAgain, history } = await timelineOf(story, {
          pauseMs: PAUSE_MS,
          foreign: [],
        });
        expect(weights).toEqual(['v1:100', 'v1:50 v2:50', 'v2:100', 'v2:50 v3:50', 'v3:100']);
        expect({ shortened, unexplained, startedAgain }).toEqual({ shortened: [], unexplained: [], startedAgain: [] });
        expect(history).toEqual(['adopted', 'started', 'promoted', 'started', 'promoted']);
        expect((await story.load.stop()).failed).toBe(0);
      },
    );
  });
