import { type EvidenceRecord, type Observation, type Rollout, recordedSeqOf, recordOf } from '../../src/rollout/index.ts';
import { OBJECT, START_MS, type World, type WorldOptions } from '../../src/simulation/world.ts';
import { HALF, MINUTE, SECOND, SUCCESS_RATE, specOf, worldInProgress } from '../rollout/check.ts';

/** One decision of a world, with what it was made from. */
export type Decided = {
  readonly rollout: Rollout;
  readonly observation: Observation;
  readonly decision: EvidenceRecord['decision'];
  readonly nowMs: number;
};

type Story = (options: Partial<WorldOptions>) => World;

const failing = (from: number) => (version: string, ms: number) => (version === 'v2' && ms > START_MS + from ? 0.2 : 0);
const THREE = specOf([
  { setWeight: 20, pause: { duration: '20s' } },
  { setWeight: 50, pause: {} },
]);

/** What happens to rollouts, one world each. */
export const STORIES: Readonly<Record<string, Story>> = {
  promoted: options => worldInProgress(options).run(2 * MINUTE),
  gateFailed: options => worldInProgress({ truth: { errors: failing(10 * SECOND) }, ...options }).run(MINUTE),
  podsLost: options => {
    const world = worldInProgress(options);
    world.setPods('v2', 0);
    return world.run(MINUTE);
  },
  podsBack: options => {
    const world = worldInProgress(options);
    world.setPods('v2', 0);
    world.run(5 * SECOND).setPods('v2', 3);
    return world.run(2 * MINUTE);
  },
  aborted: options => {
    const world = worldInProgress(options);
    world.ask({ verb: 'abort', by: 'alice', reason: 'it smells' });
    return world.run(MINUTE);
  },
  byHand: options => {
    const world = worldInProgress({ spec: THREE, ...options }).run(MINUTE);
    world.ask({ verb: 'pause', by: 'alice' });
    world.run(10 * SECOND).ask({ verb: 'resume', by: 'alice' });
    const { revision, step } = world.run(10 * SECOND).status ?? {};
    world.ask({ verb: 'promote', by: 'bob', revision, step: step?.index });
    return world.run(MINUTE);
  },
  providerAway: options =>
    worldInProgress({
      truth: { down: (_, ms) => ms > START_MS + 12 * SECOND && ms < START_MS + MINUTE },
      ...options,
    }).run(2 * MINUTE),
  drift: options => {
    const world = worldInProgress(options);
    world.edit(OBJECT, { v1: 10, v2: 90 });
    world.run(5 * SECOND).edit(OBJECT, { v1: 90, v2: 10 });
    world.run(5 * SECOND).ask({ verb: 'resume' });
    return world.run(2 * MINUTE);
  },
  approved: options => {
    const approval = { approvers: ['user:alice@example.com', 'slack:U024BE7LH'], required: 2 };
    const steps = [
      { setWeight: 20, pause: { duration: '10s' } },
      { setWeight: 50, approval },
    ];
    const world = worldInProgress({ spec: specOf(steps), ...options }).run(MINUTE);
    for (const [by, identity, via] of [
      ['alice', 'user:alice@example.com', 'http'],
      ['bob', 'slack:U024BE7LH', 'slack'],
    ] as const) {
      const at = new Date(world.nowMs).toISOString();
      const answer = { revision: world.status?.revision ?? '', step: 2, decision: 'approved', at } as const;
      world.answers.push({ ...answer, by, via, identities: [identity] });
      world.run(5 * SECOND);
    }
    return world.run(MINUTE);
  },
  gatePaused: options => {
    const query = { prometheus: { query: 'x', window: '5s' }, threshold: { min: 1 } };
    const orders = { name: 'orders', ...query, onFailure: 'pause' } as const;
    const spec = specOf(HALF, { analysis: { interval: '5s', gates: [SUCCESS_RATE, orders] } });
    const world = worldInProgress({ spec, truth: { query: () => 0 }, ...options }).run(MINUTE);
    world.ask({ verb: 'abort' });
    return world.run(MINUTE);
  },
  edited: options => {
    const world = worldInProgress(options);
    world.commit({ strategy: { canary: { steps: [{ setWeight: 80, pause: { duration: '10s' } }] } } });
    return world.run(2 * MINUTE);
  },
  superseded: options => {
    const world = worldInProgress(options);
    world.setPods('v3', 2);
    world.commit({ version: 'v3' });
    return world.run(2 * MINUTE);
  },
};

/** All decisions of a story, in their order. */
export const decisionsOf = (name: string): readonly Decided[] => {
  const known = told.get(name);
  if (known !== undefined) return known;
  const story = STORIES[name];
  if (story === undefined) throw new Error(`there is no story ${name}`);
  const decided: Decided[] = [];
  story({ onDecision: (rollout, observation, decision, nowMs) => decided.push({ rollout, observation, decision, nowMs }) });
  told.set(name, decided);
  return decided;
};

const told = new Map<string, readonly Decided[]>();

/** The records of a story, as a controller in which every write succeeds would keep them. */
export const recordsOf = (name: string): readonly EvidenceRecord[] => {
  let recordedSeq: number | undefined;
  return decisionsOf(name).flatMap(decided => {
    const record = recordOf({ controller: '0.1.0', isDone: true, recordedSeq, ...decided });
    recordedSeq = recordedSeqOf(decided.decision) ?? recordedSeq;
    return record ?? [];
  });
};
