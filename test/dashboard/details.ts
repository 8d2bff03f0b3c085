import { openQuestion, type RolloutStatus, rolloutView } from '../../src/rollout/index.ts';

export const NOW_MS = Date.parse('2026-11-21T14:00:30Z');

const STATUS: RolloutStatus = {
  phase: 'Progressing',
  reason: 'StepEntered',
  message: 'step 2/3 at 50%',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  revision: '7c1f09d2',
  traffic: { weight: 50 },
  step: { index: 2, count: 3, startedAt: '2026-11-21T14:00:00Z' },
  plan: {
    steps: [20, 50, 100].map(weight => ({ weight, pauseMs: 60_000 })),
    gates: [],
    intervalMs: 15_000,
    initialDelayMs: 0,
    settleMs: 2_000,
  },
};

/** What the API would tell of a Rollout with this status. */
export const detailOf = (change: Partial<RolloutStatus>) => {
  const status = { ...STATUS, ...change };
  const steps = [{ setWeight: 20 }, { setWeight: 50 }, { setWeight: 100 }];
  const rollout = { namespace: 'weather', name: 'forecast', spec: { version: 'v2', strategy: { canary: { steps } } }, status };
  const question = openQuestion(status);
  return {
    ...rollout,
    ...(question === undefined ? {} : { question }),
    view: rolloutView(rollout, NOW_MS),
    may: { update: true, approve: true },
    links: [],
  };
};
