import Handlebars from 'handlebars';
import type { Message, RenderMessage } from '../../controller/channel-ports.ts';
import type { Logger } from '../../controller/ports.ts';
import type { MessageKind } from '../../rollout/index.ts';
import { CHANNELS, type Channel, type ChannelName } from './channel.ts';
import { checkMessageTemplate } from './messageCheck.ts';
import { messageValues } from './messageValues.ts';
import { withServer } from './pasted.ts';
import { isNode, parseTemplate } from './syntax.ts';

/** A template as it was read; `file` is for people. */
export type MessageTemplate = { readonly file: string; readonly text: string };

export type MessageRendererOptions = {
  readonly builtIn: Readonly<Record<MessageKind, MessageTemplate>>;
  /** They take the place of built-in ones. */
  readonly overrides: Readonly<Partial<Record<MessageKind, MessageTemplate>>>;
  readonly logger: Pick<Logger, 'warn'>;
  /** How people reach this server; the commands that they paste name it. */
  readonly publicUrl?: string | undefined;
};

/**
 * Fills messages into their templates. Where a template of one's own cannot be filled, the built-in one is used, and the log
 * says so once. Throws an Error that names the template when that one cannot be filled either.
 */
export const createMessageRenderer = ({ builtIn, overrides, logger, publicUrl }: MessageRendererOptions): RenderMessage => {
  const fill = createMessageFiller();
  const told = new Set<string>();
  return (written, channel) => {
    const message = withServer(written, publicUrl);
    const { kind } = message.facts;
    const own = overrides[kind];
    try {
      if (own !== undefined) return fill(own, message, channel);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!told.has(kind)) logger.warn({ kind, reason }, 'a template cannot be filled, the built-in one is used');
      told.add(kind);
    }
    return fill(builtIn[kind], message, channel);
  };
};

/** Fills one template; throws an Error that begins with its file, as `file:line:column: what`. */
export type MessageFiller = (template: MessageTemplate, message: Message, channel: ChannelName) => string;

export const createMessageFiller = (): MessageFiller => {
  const compiled = new Map<MessageTemplate, Partial<Record<ChannelName, HandlebarsTemplateDelegate>>>();
  const compiledFor = (template: MessageTemplate, channel: ChannelName): HandlebarsTemplateDelegate => {
    const known = compiled.get(template) ?? {};
    compiled.set(template, known);
    const render = known[channel] ?? compile(template, CHANNELS[channel]);
    known[channel] = render;
    return render;
  };
  return (template, message, channelName) => {
    const channel = CHANNELS[channelName];
    const render = compiledFor(template, channelName);
    const text = tidy(render(withoutPrototypes(messageValues(message, channel))), channel.mostCharacters);
    if (text === '') throw new Error(`${template.file}:1:1: nothing comes out of it`);
    return text;
  };
};

const compile = ({ file, text }: MessageTemplate, channel: Channel): HandlebarsTemplateDelegate => {
  const [fault] = checkMessageTemplate(text);
  const parsed = parseTemplate(text);
  if (fault !== undefined || 'fault' in parsed)
    throw new Error(`${file}:${fault?.line ?? 1}:${fault?.column ?? 1}: ${fault?.message ?? 'cannot be read'}`);
  const handlebars = Handlebars.create();
  for (const name of Object.keys(handlebars.helpers))
    if (!['if', 'unless', 'each'].includes(name)) handlebars.unregisterHelper(name);
  handlebars.registerHelper({
    bold: (value: string) => channel.bold(value),
    code: (value: string) => channel.code(value),
    link: (title: string, url: string) => channel.link(title, url),
  });
  const options = { strict: true, noEscape: true, knownHelpersOnly: true, knownHelpers: { bold: true, code: true, link: true } };
  return handlebars.compile(inChannel(parsed.program, channel), options);
};

/** What the template itself says is written for no channel either. */
const inChannel = (program: hbs.AST.Program, channel: Channel): hbs.AST.Program => {
  for (const statement of program.body) {
    if (isNode(statement, 'ContentStatement')) statement.value = channel.literal(statement.value);
    if (isNode(statement, 'MustacheStatement'))
      for (const param of statement.params) if (isNode(param, 'StringLiteral')) param.value = channel.text(param.value);
    if (isNode(statement, 'BlockStatement'))
      for (const part of [statement.program, statement.inverse]) if (part) inChannel(part, channel);
  }
  return program;
};

/** Only what is known has a name. */
const withoutPrototypes = (values: object): object =>
  Object.assign(
    Object.create(null),
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value.map(bare) : value])),
  );

const bare = (item: unknown): unknown =>
  typeof item === 'object' && item !== null ? Object.assign(Object.create(null), item) : item;

/** Without empty lines at both ends and more than one between; lines that do not fit any more are left out. */
const tidy = (text: string, mostCharacters: number): string => {
  const lines = text.split('\n').map(line => line.trimEnd());
  const kept: string[] = [];
  let left = mostCharacters - 2;
  let isCut = false;
  for (const line of lines) {
    if (line === '' && (kept.at(-1) ?? '') === '') continue;
    if (line.length + 1 > left) {
      isCut = true;
      continue;
    }
    kept.push(line);
    left -= line.length + 1;
  }
  return [kept.join('\n').trim(), ...(isCut ? ['…'] : [])].join('\n').trim();
};
