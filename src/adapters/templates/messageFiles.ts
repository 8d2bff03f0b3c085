import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../config/packageRoot.ts';
import { MESSAGE_KINDS, type MessageKind } from '../../rollout/index.ts';
import { checkMessageTemplate } from './messageCheck.ts';
import { createMessageFiller, type MessageTemplate } from './messages.ts';

import { sampleMessages } from './samples.ts';
import { type TemplateFault, unknownName } from './syntax.ts';

export type MessageTemplates = Readonly<Partial<Record<MessageKind, MessageTemplate>>>;

/** Something that is wrong with a file of templates. */
export type TemplateProblem = TemplateFault & { readonly file: string };

const ENDING = '.hbs';
const MOST_BYTES = 64 * 1024;

/** The templates that come with this program. Throws an Error when one cannot be read. */
export const builtInTemplates = (): Readonly<Record<MessageKind, MessageTemplate>> => {
  const folder = builtInFolder();
  const read = (kind: MessageKind): MessageTemplate => {
    const file = join(folder, `${kind}${ENDING}`);
    const text = textOf(file);
    if (typeof text !== 'string') throw new Error(`reading templates: ${file} ${text.reason}`);
    return { file, text };
  };
  return Object.fromEntries(MESSAGE_KINDS.map(kind => [kind, read(kind)])) as Record<MessageKind, MessageTemplate>;
};

/** Where they are. */
export const builtInFolder = (): string => fileURLToPath(new URL('templates/messages/', packageRoot()));

/**
 * The templates of a folder, by the names of its files: `<kind>.hbs`. Other endings are not looked at, so that a page about
 * them may stand beside them. What is broken is not among the templates.
 */
export const readTemplates = (
  folder: string,
): { readonly templates: MessageTemplates; readonly problems: readonly TemplateProblem[] } => {
  const names = namesIn(folder);
  if (!Array.isArray(names)) return { templates: {}, problems: [problemOf(folder, names)] };
  const templates: Partial<Record<MessageKind, MessageTemplate>> = {};
  const problems: TemplateProblem[] = [];
  for (const name of names) {
    const read = readTemplate(join(folder, name), name.slice(0, -ENDING.length));
    if ('problems' in read) problems.push(...read.problems);
    else templates[read.kind] = read.template;
  }
  return { templates, problems };
};

/** `file:line:column: what is wrong`. */
export const problemLine = ({ file, line, column, message }: TemplateProblem): string => `${file}:${line}:${column}: ${message}`;

const problemOf = (file: string, message: string): TemplateProblem => ({ file, line: 1, column: 1, message });

type Names = readonly string[];

const namesIn = (folder: string): string[] | string => {
  try {
    return readdirSync(folder)
      .filter(name => name.endsWith(ENDING) && !name.startsWith('.'))
      .sort();
  } catch (error) {
    return `cannot be read (${codeOf(error)})`;
  }
};

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : String(error));

const KINDS: Names = MESSAGE_KINDS;
const isKind = (name: string): name is MessageKind => KINDS.includes(name);

type Read =
  | { readonly kind: MessageKind; readonly template: MessageTemplate }
  | { readonly problems: readonly TemplateProblem[] };

const readTemplate = (file: string, kind: string): Read => {
  if (!isKind(kind)) return { problems: [problemOf(file, `is the template of no kind of message: ${unknownName(kind, KINDS)}`)] };
  const text = textOf(file);
  if (typeof text !== 'string') return { problems: [problemOf(file, text.reason)] };
  const template = { file, text };
  const faults = checkMessageTemplate(text);
  return faults.length > 0 ? { problems: faults.map(fault => ({ ...fault, file })) } : checkFilled(kind, template);
};

const textOf = (file: string): string | { readonly reason: string } => {
  try {
    const { size } = statSync(file);
    if (size > MOST_BYTES) return { reason: `has ${size} bytes, expected at most ${MOST_BYTES}` };
    return readFileSync(file, 'utf8');
  } catch (error) {
    return { reason: `cannot be read (${codeOf(error)})` };
  }
};

/** What nothing comes out of for a sample would say nothing in earnest. */
const checkFilled = (kind: MessageKind, template: MessageTemplate): Read => {
  const fill = createMessageFiller();
  for (const { sample, message } of sampleMessages(kind)) {
    try {
      fill(template, message, 'slack');
    } catch (error) {
      const reason = (error instanceof Error ? error.message : String(error)).replace(/^.*:\d+:\d+: /, '');
      return { problems: [problemOf(template.file, `cannot be filled with the sample "${sample}": ${reason}`)] };
    }
  }
  return { kind, template };
};
