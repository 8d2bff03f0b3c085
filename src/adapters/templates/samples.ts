import type { Message } from '../../controller/channel-ports.ts';
import type { GateStatus, MessageFacts, MessageKind, OpenQuestion } from '../../rollout/index.ts';

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

type Told = Pick<Message, 'reason' | 'type' | 'message' | 'phase'> & Partial<Pick<Message, 'weight' | 'step' | 'ask'>> & Said;
type Said = Pick<MessageFacts, 'title'> & Partial<Pick<MessageFacts, 'why' | 'todo' | 'until' | 'question' | 'gates'>>;

const ABORT = `kubectl -n weather annotate --overwrite sro forecast 'sluice.dev/request={"verb":"abort"}'`;
const BACK = `to go back at once: ${ABORT}`;
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
const QUESTION: OpenQuestion = {
  revision: '7c1f09d2',
  step: 2,
  askedAt: '2026-11-21T14:03:00.000Z',
  approval: {
    when: 'before',
    required: 2,
    approvers: ['slack:U024BE7LH', 'group:release'],
    timeoutMs: 14_400_000,
    onTimeout: 'rollback',
    allowAuthor: false,
  },
  weight: 50,
  given: ['alice'],
};

const TOLD: Readonly<Record<MessageKind, Told>> = {
  started: {
    reason: 'Started',
    type: 'Normal',
    phase: 'Progressing',
    title: 'started',
    message: 'v1 -> v2 in 3 steps; step 1/3 at 20% follows when the subset is known to the mesh',
    weight: 0,
    todo: [BACK],
  },
  step: {
    reason: 'StepEntered',
    type: 'Normal',
    phase: 'Progressing',
    title: 'step entered',
    message: 'step 1/3 at 20%: next step at 14:08:10Z if every gate passes',
    until: '2026-11-21T14:08:10.000Z',
    gates: [PASSES],
    why: [PASSES.message],
    todo: [BACK],
  },
  waiting: {
    reason: 'WaitingForCapacity',
    type: 'Warning',
    phase: 'Progressing',
    title: 'waits for more pods',
    message: 'step 1/3 at 20%: 1 of 3 pods of v2 are ready; goes on when 3 are',
    todo: ['scale the new version up, or set spec.capacity to warn', BACK],
  },
  approval: {
    reason: 'WaitingForApproval',
    type: 'Normal',
    phase: 'AwaitingApproval',
    title: 'waits for approval',
    message: 'step 1/3 at 20%: step 2 at 50% needs the approval of 2 of slack:U024BE7LH, group:release (alice so far)',
    ask: 'Half of all users for forecast?',
    until: '2026-11-21T18:03:00.000Z',
    question: QUESTION,
    gates: [PASSES],
    why: [PASSES.message],
    todo: [
      'to approve: sluice approve forecast -n weather --step 2',
      'to reject: sluice reject forecast -n weather --step 2',
      BACK,
    ],
  },
  paused: {
    reason: 'PausedByPerson',
    type: 'Normal',
    phase: 'Paused',
    title: 'paused',
    message: 'step 1/3 at 20%: paused by bob: release of the shop; resume to go on',
    todo: [`to go on: kubectl -n weather annotate --overwrite sro forecast 'sluice.dev/request={"verb":"resume"}'`, BACK],
  },
  noData: {
    reason: 'NoData',
    type: 'Warning',
    phase: 'Progressing',
    title: 'no data',
    message: 'step 1/3 at 20%: success-rate has had no requests for 10m; goes on by itself when there are some',
    gates: [{ ...PASSES, verdict: 'NoData', samples: 0, message: 'no requests of v2 since 13:53:10Z' }],
    why: ['no requests of v2 since 13:53:10Z'],
    todo: ['find out why there are none: no requests, no sidecar, sampling too low', BACK],
  },
  providerDown: {
    reason: 'ProviderError',
    type: 'Warning',
    phase: 'Progressing',
    title: 'a provider does not answer',
    message: 'step 1/3 at 20%: prometheus/default does not answer; goes on by itself when it does',
    gates: [{ ...PASSES, verdict: 'Error', message: 'running the query: Prometheus "default" failed with HTTP 503' }],
    why: ['running the query: Prometheus "default" failed with HTTP 503'],
    todo: ['mend the provider; it goes on by itself when it answers', BACK],
  },
  drift: {
    reason: 'Drift',
    type: 'Warning',
    phase: 'Progressing',
    title: 'somebody changed the weights',
    message: 'step 1/3 at 20%: kubectl-edit set v2 to 10%; held until somebody resumes',
    todo: ['find out who writes the weights; the message names the field manager', BACK],
  },
  rolledBack: {
    reason: 'GateFailed',
    type: 'Warning',
    phase: 'RolledBack',
    title: 'rolled back: a gate failed',
    message: 'all traffic on v1: success-rate 52.1 % < 99 % on 96 requests (obeyed: v2 got 0 of 40 requests since)',
    weight: 0,
    gates: [FAILS],
    why: ['evidence 1e+12, limit 400', '48 x 503 UH, pod forecast-v2-6d4b75-x2x2x: 46 of 50 failed'],
    todo: ['mend it and commit another version'],
  },
  promoted: {
    reason: 'Promoted',
    type: 'Normal',
    phase: 'Healthy',
    title: 'promoted',
    message: 'v2 is stable',
    weight: 100,
    why: ['took 31m, since 2026-11-21T13:32:10Z', 'step 2 was approved by alice via slack'],
    todo: ['to go back: commit v1; until 2026-11-21T15:03:10Z that is one step'],
  },
  retired: {
    reason: 'Retired',
    type: 'Normal',
    phase: 'Healthy',
    title: 'the old version is retired',
    message: 'v2 is stable; v1 was scaled to zero',
    weight: 100,
  },
  other: {
    reason: 'RequestRefused',
    type: 'Warning',
    phase: 'Progressing',
    title: 'a request was refused',
    message: 'request promote refused: names step 1, but step 2 is in progress',
    todo: [BACK],
  },
};

const AT = '2026-11-21T14:03:10.412Z';
const UID = '5f0c2a9e-6a55-4c38-9e34-0d3a1c1a9b11';

const usual = (kind: MessageKind): Message => {
  const { reason, type, message, phase, weight = 20, ask, ...said } = TOLD[kind];
  return {
    id: `${UID}-forecast-${kind}`,
    at: AT,
    namespace: 'weather',
    name: 'forecast',
    uid: UID,
    type,
    reason,
    message,
    ...(phase === undefined ? {} : { phase }),
    version: 'v2',
    stable: phase === 'Healthy' ? 'v2' : 'v1',
    ...(phase === 'Healthy' || phase === 'RolledBack' ? {} : { step: 1, steps: 3 }),
    revision: '7c1f09d2',
    weight,
    facts: { kind, why: [], todo: [], gates: [], ...said },
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
