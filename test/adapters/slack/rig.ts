import { createHmac } from 'node:crypto';
import { createSlackClient } from '../../../src/adapters/slack/client.ts';
import { createConversations } from '../../../src/adapters/slack/conversations.ts';
import { createSlackHook } from '../../../src/adapters/slack/hook.ts';
import { createSlackNotifier } from '../../../src/adapters/slack/notifier.ts';
import { createQuestionIds } from '../../../src/adapters/slack/questions.ts';
import type { HookRequest, Message, NotifierMemory, RenderMessage } from '../../../src/controller/channel-ports.ts';
import type { StoredRollout } from '../../../src/controller/ports.ts';
import { type Approval, messageFacts, type PlanApproval, type RolloutStatus } from '../../../src/rollout/index.ts';
import { createLines } from '../kubernetes/quiet.ts';
import { APP, buttonsOf, type FakeSlack, type Kept, TEAM, TOKEN } from './fakeSlack.ts';

export const NOW_MS = Date.parse('2026-11-21T14:00:00Z');
export const SECRET = 'sesame-open';
export const ASKED_AT = '2026-11-21T13:59:30.000Z';

const APPROVAL: PlanApproval = {
  when: 'before',
  required: 2,
  approvers: ['slack:U0ALICE', 'slack:U0BOB'],
  onTimeout: 'hold',
  allowAuthor: false,
};

const status = (next: Partial<RolloutStatus>): RolloutStatus => ({
  phase: 'Progressing',
  reason: 'StepEntered',
  message: 'step 1/2 at 10%: goes on at 14:05:00Z',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  revision: 'r1',
  traffic: { weight: 10 },
  step: { index: 1, count: 2, startedAt: '2026-11-21T13:58:00.000Z' },
  plan: {
    steps: [
      { weight: 10, pauseMs: 0 },
      { weight: 50, pauseMs: 0, approval: APPROVAL },
    ],
    gates: [],
    intervalMs: 15_000,
    initialDelayMs: 0,
    settleMs: 2_000,
  },
  ...next,
});

export const approval = (by: string, more: Partial<Approval> = {}): Approval => ({
  revision: 'r1',
  step: 2,
  decision: 'approved',
  by,
  via: 'slack',
  at: '2026-11-21T13:59:50.000Z',
  ...more,
});

/** Stands for ConfigMaps; outlives a process. */
export const createMemory = () => {
  const texts = new Map<string, string>();
  const saves: string[] = [];
  const memory: NotifierMemory = {
    load: async ({ uid }) => texts.get(uid),
    save: async ({ uid }, text) => {
      texts.set(uid, text);
      saves.push(uid);
    },
  };
  return { memory, texts, saves };
};

/** A Rollout whose status a test sets, seen by one process or several. */
export const createSubject = (name = 'forecast', uid = `uid-${name}`) => {
  let rollout: StoredRollout | undefined = {
    uid,
    namespace: 'weather',
    name,
    generation: 1,
    resourceVersion: '1',
    creationTimestamp: '2026-11-21T12:00:00Z',
    spec: { version: 'v2', strategy: { canary: { steps: [] } } },
    status: status({}),
  };
  let count = 0;
  return {
    name,
    current: () => rollout,
    set: (next: Partial<RolloutStatus>) => {
      if (rollout !== undefined) rollout = { ...rollout, status: status(next) };
    },
    notify: (slack: string) => {
      if (rollout !== undefined) rollout = { ...rollout, spec: { ...rollout.spec, notify: { slack } } };
    },
    remove: () => {
      rollout = undefined;
    },
    /** What people would be told of the status as it is now. */
    message: (more: Partial<Message> = {}): Message => {
      if (rollout?.status === undefined) throw new Error('the Rollout is gone');
      const { namespace, spec } = rollout;
      const { reason, message, phase, revision, step, traffic, canaryVersion } = rollout.status;
      count += 1;
      const told = { reason: more.reason ?? reason, message: more.message ?? message };
      return {
        id: `${uid}-${count}`,
        at: new Date(NOW_MS).toISOString(),
        ...{ namespace, name, uid, type: 'Normal', phase, stable: 'v1', version: canaryVersion ?? 'v2' },
        ...(revision === undefined ? {} : { revision }),
        ...(step === undefined ? {} : { step: step.index, steps: step.count }),
        ...(traffic === undefined ? {} : { weight: traffic.weight }),
        ...told,
        facts: messageFacts(rollout, told),
        links: [],
        ...(spec.notify === undefined ? {} : { notify: spec.notify }),
        ...more,
      };
    },
  };
};

export type Subject = ReturnType<typeof createSubject>;

export const ASKING: Partial<RolloutStatus> = {
  phase: 'AwaitingApproval',
  reason: 'WaitingForApproval',
  message: 'step 2 at 50% needs the approval of 2 of slack:U0ALICE, slack:U0BOB',
  step: { index: 1, count: 2, startedAt: '2026-11-21T13:58:00.000Z', askedAt: ASKED_AT },
};

type ProcessOptions = {
  readonly slack: Pick<FakeSlack, 'apiUrl'>;
  readonly memory: NotifierMemory;
  readonly subjects: readonly Subject[];
  readonly events?: readonly string[];
  readonly secret?: () => string;
  readonly token?: () => string;
  readonly hasButtons?: boolean;
  readonly epoch?: () => number;
  readonly nowMs?: () => number;
  readonly render?: RenderMessage;
};

const plainly: RenderMessage = ({ namespace, name, facts, message }) =>
  `*${namespace}/${name}* ${facts.kind}: ${facts.title}\n${message}`;

/** Sluice's side, as it is composed. */
export const startProcess = (options: ProcessOptions) => {
  const { slack, memory, subjects, events = ['*'], hasButtons = true } = options;
  const { secret = () => SECRET, token = () => TOKEN, epoch = () => 1, nowMs = () => NOW_MS, render = plainly } = options;
  const { lines, logger } = createLines();
  const clock = { now: nowMs };
  const store = {
    keys: () => subjects.flatMap(({ name, current }) => (current() === undefined ? [] : [`weather/${name}`])),
    get: (key: string) => subjects.find(({ name }) => `weather/${name}` === key)?.current(),
  };
  const client = createSlackClient({ apiUrl: slack.apiUrl, token });
  const conversations = createConversations({ memory, key: hasButtons ? secret : token, epoch, logger });
  const ids = createQuestionIds(secret);
  const notifier = createSlackNotifier({
    ...{ client, conversations, render, store, channel: '#deploys', events, clock, logger },
    ...(hasButtons ? { ids } : {}),
  });
  const hook = createSlackHook({ secret, ids, client, conversations, store, channel: '#deploys', clock, logger });
  const { signal } = new AbortController();
  return {
    notifier,
    hook,
    lines,
    tell: (message: Message) => notifier.send(message, signal),
    close: () => notifier.close?.(signal),
  };
};

type Pressing = {
  readonly user?: string;
  readonly label?: 'Approve' | 'Reject';
  readonly secret?: string;
  readonly atMs?: number;
  /** Changes what Slack would have sent. */
  readonly change?: (payload: Record<string, unknown>) => void;
};

/** What Slack sends when somebody presses a button of this message. */
export const pressOf = (message: Kept, pressing: Pressing = {}): HookRequest => {
  const { user = 'U0ALICE', label = 'Approve', change } = pressing;
  const button = buttonsOf(message)[label];
  const payload: Record<string, unknown> = {
    type: 'block_actions',
    user: { id: user, username: 'somebody', team_id: TEAM },
    api_app_id: APP,
    team: { id: TEAM, domain: 'example' },
    container: { type: 'message', message_ts: message.ts, channel_id: message.channel, is_ephemeral: false },
    channel: { id: message.channel, name: 'deploys' },
    message: { type: 'message', ts: message.ts, thread_ts: message.threadTs, text: message.text, blocks: message.blocks },
    response_url: 'http://127.0.0.1:1/never',
    trigger_id: '1.2.3',
    actions: [{ type: 'button', action_id: button?.action, block_id: 'sluice_answer', value: button?.value, action_ts: '1.1' }],
  };
  change?.(payload);
  return signed(`payload=${encodeURIComponent(JSON.stringify(payload))}`, pressing);
};

export const signed = (text: string, { secret = SECRET, atMs = NOW_MS }: Pressing = {}): HookRequest => {
  const body = Buffer.from(text);
  const timestamp = String(Math.floor(atMs / 1000));
  const mac = createHmac('sha256', secret).update(`v0:${timestamp}:${text}`).digest('hex');
  return {
    body,
    headers: {
      'content-type': ['application/x-www-form-urlencoded'],
      'x-slack-signature': [`v0=${mac}`],
      'x-slack-request-timestamp': [timestamp],
    },
  };
};
