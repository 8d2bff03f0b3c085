import type { Message } from '../../controller/channel-ports.ts';
import type { Channel } from './channel.ts';
import type { MessageValues } from './messageNames.ts';

/** More lines of one kind do not help anybody. */
const MOST_ITEMS = 8;
/** Of a line of a list, and of what is a few words: one long text must not take the place of all others. */
const MOST_IN_ITEM = 300;
const MOST_IN_TITLE = 100;

/** What a message says, made harmless for the channel; what it does not say is empty. */
export const messageValues = (message: Message, channel: Channel): MessageValues => {
  const { facts, links, ask } = message;
  const { question } = facts;
  const { text } = channel;
  const optional = (value: string | number | undefined): string => (value === undefined ? '' : text(String(value)));
  return {
    kind: text(facts.kind),
    title: text(facts.title, MOST_IN_ITEM),
    reason: text(message.reason),
    type: text(message.type),
    message: text(message.message),
    phase: optional(message.phase),
    rollout: text(`${message.namespace}/${message.name}`),
    namespace: text(message.namespace),
    name: text(message.name),
    version: optional(message.version),
    stable: optional(message.stable),
    revision: optional(message.revision),
    step: optional(message.step),
    steps: optional(message.steps),
    weight: optional(message.weight),
    at: text(message.at),
    until: facts.until === undefined ? '' : text(momentAfter(message.at, facts.until)),
    why: facts.why.slice(0, MOST_ITEMS).map(line => text(line, MOST_IN_ITEM)),
    todo: facts.todo.slice(0, MOST_ITEMS).map(line => todoOf(line, channel)),
    gates: facts.gates.slice(0, MOST_ITEMS).map(({ name, verdict, source, message }) => {
      return {
        name: text(name, MOST_IN_TITLE),
        verdict: text(verdict),
        source: text(source),
        message: text(message, MOST_IN_ITEM),
      };
    }),
    links: links
      .map(({ title, url }) => ({ title: text(title, MOST_IN_TITLE), url: channel.url(url) }))
      .filter(({ url }) => url !== '')
      .slice(0, MOST_ITEMS),
    ask: optional(ask),
    askedStep: optional(question?.step),
    askedWeight: optional(question?.weight),
    required: optional(question?.approval.required),
    approvers: optional(question?.approval.approvers.join(', ')),
    given: optional(question?.given.join(', ')),
  };
};

/** `to approve: sluice approve forecast`: the words, and the command to paste. */
const todoOf = (line: string, { text, command }: Channel): MessageValues['todo'][number] => {
  const [, words = line, pasted = ''] = /^(.*?:) ((?:sluice|kubectl) .*)$/s.exec(line) ?? [];
  return { text: text(words, MOST_IN_ITEM), command: command(pasted) };
};

/** To the second, with the date when it is on another day. */
const momentAfter = (at: string, until: string): string => {
  const untilMs = Date.parse(until);
  if (Number.isNaN(untilMs)) return until;
  const [day = '', time = ''] = new Date(untilMs).toISOString().split('T');
  const clock = `${time.slice(0, 8)}Z`;
  return at.startsWith(day) ? clock : `${day} ${clock}`;
};
