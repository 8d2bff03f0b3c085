import type { Message } from '../../controller/channel-ports.ts';
import {
  type Approval,
  type GateStatus,
  type MessageKind,
  messageFacts,
  type PlanApproval,
  type RolloutStatus,
} from '../../rollout/index.ts';

/** A message to try a template with. */
export type SampleMessage = { readonly sample: 'usual' | 'hostile' | 'bare'; readonly message: Message };

/**
 * Messages of a kind as they may come: a usual one, one in which every text that people can choose tries to be more than
 * text, and one that says the least that there is.
 */
export const sampleMessages = (kind: MessageKind): readonly SampleMessage[] => [
  { sample: 'usual', message: usual(kind) },
  { sample: 'hostile', message: hostile(kind) },
  { sample: 'bare', message: bare(kind) },
];

/** What a status says of a sample, and what people are told when it is stored. */
type Told = Pick<Message, 'reason' | 'type' | 'message'> & {
  readonly status: Pick<RolloutStatus, 'phase'> & Partial<RolloutStatus>;
  readonly ask?: string;
};

const AT = '2026-11-21T14:03:10.412Z';
const UID = '5f0c2a9e-6a55-4c38-9e34-0d3a1c1a9b11';
const REVISION = '7c1f09d2';

const PASSES: GateStatus = {
  name: 'success-rate',
  source: 'prometheus/default',
  verdict: 'Pass',
  value: 99.8,
  samples: 1_204,
  message: 'success-rate 99.8 % >= 99 % on 1,204 requests',
};
const FAILS: GateStatus = {
  ...PASSES,
  verdict: 'Fail',
  value: 52.1,
  samples: 96,
  message: 'success-rate 52.1 % < 99 % on 96 requests; evidence 1e+12, limit 400',
};
const NO_DATA: GateStatus = { ...PASSES, verdict: 'NoData', samples: 0, message: 'no requests of v2 since 13:53:10Z' };
const NO_ANSWER: GateStatus = {
  ...PASSES,
  verdict: 'Error',
  message: 'running the query: Prometheus "default" failed with HTTP 503',
};
const APPROVAL: PlanApproval = {
  when: 'before',
  required: 2,
  approvers: ['slack:U024BE7LH', 'group:release'],
  timeoutMs: 14_400_000,
  onTimeout: 'rollback',
  allowAuthor: false,
};
const BY_ALICE: Approval = {
  revision: REVISION,
  step: 2,
  decision: 'approved',
  by: 'alice',
  via: 'slack',
  at: '2026-11-21T14:03:05.000Z',
};

const IN_STEP = {
  phase: 'Progressing',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  revision: REVISION,
  step: { index: 1, count: 3, startedAt: '2026-11-21T13:53:10.000Z' },
  traffic: { weight: 20 },
  target: {
    router: 'istio',
    host: 'forecast.weather.svc.cluster.local',
    versionLabel: 'version',
    virtualServices: ['weather/forecast'],
    routes: [],
    stable: 'v1',
    canary: 'v2',
  },
  plan: {
    steps: [
      { weight: 20, pauseMs: 600_000 },
      { weight: 50, pauseMs: 600_000, approval: APPROVAL },
      { weight: 80, pauseMs: 600_000 },
    ],
    gates: [],
    intervalMs: 15_000,
    initialDelayMs: 0,
    settleMs: 2_000,
  },
} as const satisfies Told['status'];
const BACK = {
  phase: 'RolledBack',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  revision: REVISION,
  traffic: { weight: 0 },
} as const;
const HEALTHY = { phase: 'Healthy', stableVersion: 'v2', revision: REVISION, traffic: { weight: 100 } } as const;

const TOLD: Readonly<Record<MessageKind, Told>> = {
  started: {
    reason: 'Started',
    type: 'Normal',
    message: 'v1 -> v2 in 3 steps; step 1/3 at 20% follows when the subset is known to the mesh',
    status: { ...IN_STEP, step: { index: 0, count: 3 }, traffic: { weight: 0 } },
  },
  step: {
    reason: 'StepEntered',
    type: 'Normal',
    message: 'step 1/3 at 20%: next step at 14:08:10Z if every gate passes',
    status: { ...IN_STEP, waitingFor: { what: 'pause', until: '2026-11-21T14:08:10.000Z' }, gates: [PASSES] },
  },
  waiting: {
    reason: 'WaitingForCapacity',
    type: 'Warning',
    message: 'step 1/3 at 20%: 1 of 3 pods of v2 are ready; goes on when 3 are',
    status: IN_STEP,
  },
  approval: {
    reason: 'WaitingForApproval',
    type: 'Normal',
    message: 'step 1/3 at 20%: step 2 at 50% needs the approval of 2 of slack:U024BE7LH, group:release (alice so far)',
    ask: 'Half of all users for forecast?',
    status: {
      ...IN_STEP,
      phase: 'AwaitingApproval',
      step: { ...IN_STEP.step, askedAt: '2026-11-21T14:03:00.000Z' },
      waitingFor: { what: 'approval', until: '2026-11-21T18:03:00.000Z' },
      gates: [PASSES],
      approvals: [BY_ALICE],
    },
  },
  paused: {
    reason: 'PausedByPerson',
    type: 'Normal',
    message: 'step 1/3 at 20%: paused by bob: release of the shop; resume to go on',
    status: { ...IN_STEP, phase: 'Paused', pause: { by: 'bob', reason: 'release of the shop', since: AT } },
  },
  noData: {
    reason: 'NoData',
    type: 'Warning',
    message: 'step 1/3 at 20%: success-rate has had no requests for 10m; goes on by itself when there are some',
    status: { ...IN_STEP, gates: [NO_DATA] },
  },
  providerDown: {
    reason: 'ProviderError',
    type: 'Warning',
    message: 'step 1/3 at 20%: prometheus/default does not answer; goes on by itself when it does',
    status: { ...IN_STEP, gates: [NO_ANSWER] },
  },
  drift: {
    reason: 'Drift',
    type: 'Warning',
    message: 'step 1/3 at 20%: kubectl-edit set v2 to 10%; held until somebody resumes',
    status: IN_STEP,
  },
  rolledBack: {
    reason: 'GateFailed',
    type: 'Warning',
    message: 'all traffic on v1: success-rate 52.1 % < 99 % on 96 requests (obeyed: v2 got 0 of 40 requests since)',
    status: { ...BACK, gates: [FAILS] },
  },
  promoted: {
    reason: 'Promoted',
    type: 'Normal',
    message: 'v2 is stable',
    status: {
      ...HEALTHY,
      approvals: [BY_ALICE],
      previous: { version: 'v1', until: '2026-11-21T15:03:10.000Z' },
      history: [
        { at: '2026-11-21T13:32:10.000Z', to: 'v2', action: 'started', reason: 'Started', message: 'v1 -> v2' },
        { at: '2026-11-21T14:03:10.000Z', to: 'v2', action: 'promoted', reason: 'Promoted', message: 'v2 is stable' },
      ],
    },
  },
  retired: { reason: 'Retired', type: 'Normal', message: 'v2 is stable; v1 was scaled to zero', status: HEALTHY },
  other: {
    reason: 'SourceProblem',
    type: 'Warning',
    message: 'rollouts/forecast.yaml:12:15: setWeight is 120, expected 0 to 100; what was applied before goes on',
    status: IN_STEP,
  },
};

/** As the outbox makes it of a status. */
const usual = (kind: MessageKind): Message => {
  const { reason, type, message, status: said, ask } = TOLD[kind];
  const status = { ...said, reason, message } as RolloutStatus;
  const { phase, stableVersion = '', canaryVersion = stableVersion, step, traffic } = status;
  return {
    id: `${UID}-forecast-${kind}`,
    at: AT,
    namespace: 'weather',
    name: 'forecast',
    uid: UID,
    type,
    reason,
    message,
    phase,
    version: canaryVersion,
    stable: stableVersion,
    ...(step === undefined ? {} : { step: step.index, steps: step.count }),
    revision: REVISION,
    weight: traffic?.weight ?? 0,
    facts: messageFacts({ namespace: 'weather', name: 'forecast', status }, { reason, message }),
    links: [
      { title: 'dashboard', url: 'https://sluice.example.com/rollouts/weather/forecast' },
      { title: 'success-rate in Prometheus', url: 'https://prometheus.example.com/graph?g0.expr=up%7Bapp%3D%22a%22%7D&g0.tab=0' },
    ],
    ...(ask === undefined ? {} : { ask }),
  };
};

/** What somebody may write into a commit, a comment, a reason or the name of a pod. */
const HOSTILE = [
  '</b><script>alert(1)</script>',
  '<!channel> <!here|x> <@U024BE7LH> <#C024BE7LH> <https://evil.example.com|approve>',
  '@here @channel #general https://evil.example.com www.evil.example.com',
  '``` *bold* _it_ ~no~ `code` :white_check_mark:',
  '{{constructor}} {{{this}}} {{> partial}}',
  'line one\r\nApproved by alice\u2028\u0007\u001b[31m\u202egnihtemos',
  '&lt;!channel&gt; | > quote',
].join(' ');

const hostile = (kind: MessageKind): Message => {
  const message = usual(kind);
  const { facts, ask } = message;
  const { question } = facts;
  return {
    ...message,
    message: `${message.message}: ${HOSTILE}`,
    facts: {
      ...facts,
      title: `${facts.title} ${HOSTILE}`,
      why: [HOSTILE, ...facts.why],
      todo: [HOSTILE, ...facts.todo],
      gates: facts.gates.map(gate => ({ ...gate, name: HOSTILE, message: HOSTILE })),
      ...(question === undefined ? {} : { question: { ...question, given: [HOSTILE] } }),
    },
    links: [
      { title: HOSTILE, url: 'https://sluice.example.com/?q=<!channel>|x&y=1' },
      { title: 'not an address', url: 'javascript:alert(1)' },
    ],
    ...(ask === undefined ? {} : { ask: HOSTILE }),
  };
};

/** As of a Rollout without a status, or a thing that was told long ago. */
const bare = (kind: MessageKind): Message => {
  const { id, at, namespace, name, uid, type, reason, message, facts } = usual(kind);
  return {
    ...{ id, at, namespace, name, uid, type, reason, message },
    facts: { kind, title: facts.title, why: [], todo: [], gates: [] },
    links: [],
  };
};
