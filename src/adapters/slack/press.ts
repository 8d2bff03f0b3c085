import { type HookRequest, Refused } from '../../controller/channel-ports.ts';
import { ACTIONS } from './blocks.ts';
import { fieldOf, textOf } from './field.ts';

/** Somebody has pressed one of our buttons, as Slack tells it. */
export type Press = {
  /** `U024BE7LH`. */
  readonly user: string;
  /** Workspace that the person belongs to. */
  readonly userTeam: string;
  readonly team: string;
  readonly app: string;
  readonly channel: string;
  /** Time stamp of the message with the button. */
  readonly ts: string;
  readonly threadTs?: string;
  /** The message as Slack has it. */
  readonly text: string;
  readonly blocks: readonly object[];
  /** What is written on the button. */
  readonly decision: 'approved' | 'rejected';
  /** What the button carries. */
  readonly id: string;
};

/** Slack's own messages are a few levels deep. */
const MOST_DEPTH = 32;
const ID = /^[A-Za-z0-9]{1,64}$/;
const PERSON = /^[UW][A-Z0-9]{2,63}$/;
const TIME_STAMP = /^\d{1,16}\.\d{1,10}$/;
const BUTTON_ID = /^[A-Za-z0-9_-]{43}$/;

/** Reads the form that Slack sends for a press; throws Refused when it is not exactly that. */
export const readPress = ({ body }: HookRequest): Press => {
  const payload = parse(formField(body, 'payload'));
  if (fieldOf(payload, 'type') !== 'block_actions') throw bad('expected a payload of type block_actions');
  const [message, container] = [fieldOf(payload, 'message'), fieldOf(payload, 'container')];
  const channel = matching(fieldOf(payload, 'channel'), 'id', ID);
  const ts = matching(message, 'ts', TIME_STAMP);
  if (textOf(container, 'message_ts') !== ts || textOf(container, 'channel_id') !== channel)
    throw bad('expected container and message to be the same');
  const user = fieldOf(payload, 'user');
  const team = matching(fieldOf(payload, 'team'), 'id', ID);
  const threadTs = textOf(message, 'thread_ts');
  return {
    user: matching(user, 'id', PERSON),
    userTeam: fieldOf(user, 'team_id') === undefined ? team : matching(user, 'team_id', ID),
    team,
    app: matching(payload, 'api_app_id', ID),
    channel,
    ts,
    ...(threadTs !== undefined && TIME_STAMP.test(threadTs) ? { threadTs } : {}),
    text: textOf(message, 'text') ?? '',
    blocks: blocksOf(message),
    ...readAction(payload),
  };
};

const blocksOf = (message: unknown): readonly object[] => {
  const blocks = fieldOf(message, 'blocks');
  return Array.isArray(blocks) ? blocks.filter((block: unknown) => typeof block === 'object' && block !== null) : [];
};

const readAction = (payload: unknown): Pick<Press, 'decision' | 'id'> => {
  const actions = fieldOf(payload, 'actions');
  if (!Array.isArray(actions) || actions.length !== 1) throw bad('expected exactly one action');
  const action: unknown = actions[0];
  const name = fieldOf(action, 'action_id');
  const decision = name === ACTIONS.approved ? 'approved' : name === ACTIONS.rejected ? 'rejected' : undefined;
  if (decision === undefined || fieldOf(action, 'type') !== 'button') throw bad('expected one of our buttons');
  return { decision, id: matching(action, 'value', BUTTON_ID) };
};

const formField = (body: Buffer, name: string): string => {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw bad('expected UTF-8');
  }
  const form = new URLSearchParams(text);
  const [value, ...more] = form.getAll(name);
  if (value === undefined || more.length > 0 || form.size !== 1) throw bad(`expected a form with one field, ${name}`);
  return value;
};

const parse = (text: string): unknown => {
  if (depthOf(text) > MOST_DEPTH) throw bad(`expected JSON of at most ${MOST_DEPTH} levels`);
  try {
    return JSON.parse(text);
  } catch {
    throw bad('expected JSON in the field payload');
  }
};

/** Levels of a JSON text, before anything is made of it. */
const depthOf = (text: string): number => {
  let [depth, deepest, isText] = [0, 0, false];
  for (let index = 0; index < text.length; index += 1) {
    const sign = text[index];
    if (isText && sign === '\\') index += 1;
    else if (sign === '"') isText = !isText;
    else if (!isText && (sign === '{' || sign === '[')) depth += 1;
    else if (!isText && (sign === '}' || sign === ']')) depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
};

const matching = (from: unknown, name: string, pattern: RegExp): string => {
  const text = textOf(from, name);
  if (text === undefined || !pattern.test(text)) throw bad(`expected ${name} as Slack writes it`);
  return text;
};

const bad = (message: string): Refused => new Refused(400, message);
