import { expect, it } from 'vitest';
import { recordOf } from '../../src/rollout/index.ts';
import { World } from '../../src/simulation/world.ts';
import { check, SECOND } from './check.ts';

const WORDY = 'x'.repeat(40);
const gates = Array.from({ length: 20 }, (_, index) => ({
  name: `gate-${index}-${WORDY}`,
  prometheus: { query: `sum(rate(orders_total{shop="${WORDY}"}[1m]))` },
  threshold: { min: 1 },
  failureLimit: 0,
}));
const steps = Array.from({ length: 50 }, (_, index) => ({
  name: `step-${index}-${WORDY}`,
  setWeight: 2 * index + 1,
  pause: { duration: '10s' },
}));

/** etcd takes 1.5 MiB for all of an object; ConfigMaps of evidence are bounded by their own test. */
const MOST_BYTES = 256 * 1024;

it('R5, R37: with 50 steps, 20 gates that fail, a full history and wordy people the status stays small', () => {
  let mostBytes = 0;
  let mostRecordBytes = 0;
  const world = new World({
    spec: { version: 'v1', strategy: { canary: { steps } }, analysis: { interval: '5s', gates } },
    truth: { query: () => 5 },
    onDecision: (rollout, observation, decision, nowMs) => {
      mostBytes = Math.max(mostBytes, JSON.stringify(decision.status).length);
      const record = recordOf({ controller: '1.0.0', rollout, observation, decision, nowMs, isDone: true });
      mostRecordBytes = Math.max(mostRecordBytes, record === undefined ? 0 : JSON.stringify(record).length);
    },
  });
  world.run(SECOND).setPods('v2', 3);
  world.commit({ version: 'v2' });
  for (let turn = 0; turn < 26; turn++) {
    world.run(15 * SECOND);
    world.commit({ analysis: { interval: `${5 + (turn % 2)}s`, gates } });
    world.ask({ verb: 'resume', by: 'b'.repeat(3_000), reason: 'r'.repeat(30_000), id: `${turn}` });
  }
  world.ask({ verb: 'pause', by: 'b'.repeat(3_000), reason: 'r'.repeat(30_000) });
  world.run(15 * SECOND);
  expect(world.status?.history?.length).toBe(20);
  world.truth = { ...world.truth, query: () => 0 };
  check(world.run(60 * SECOND), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
  expect(mostBytes).toBeLessThan(MOST_BYTES);
  expect(mostRecordBytes).toBeLessThan(4 * MOST_BYTES);
});
