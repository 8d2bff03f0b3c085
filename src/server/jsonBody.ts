import { z } from 'zod';
import { Problem } from './problem.ts';

/** For `z.strictObject`: names of fields that nobody knows are not repeated, as they come from outside. */
export const STRICT: { error: (issue: { readonly code?: string | undefined }) => string } = {
  error: ({ code }) => (code === 'unrecognized_keys' ? 'has a field that is not known' : 'expected an object'),
};

const EXPECTED_STEP = 'expected the number of a step';
const MOST_STEPS = 1_000;

/** The revision of an attempt. */
export const revisionField = z
  .string({ error: 'expected a text' })
  .regex(/^[\w.-]{1,253}$/, { error: 'expected the revision of an attempt' });

/** The number of a step, from `least` on. */
export const stepField = (least: number) =>
  z.int({ error: EXPECTED_STEP }).min(least, { error: EXPECTED_STEP }).max(MOST_STEPS, { error: EXPECTED_STEP });

/** RFC 3339. */
export const timeField = z.iso.datetime({ offset: true, error: 'expected a time such as 2026-11-21T14:03:10Z' });

/** What people write, of at most so many characters. */
export const textField = (longest: number) =>
  z.string({ error: 'expected a text' }).max(longest, { error: `expected at most ${longest} characters` });

/**
 * An object of plain fields, each of them once. Throws Problem 415 for another content type, as a page of elsewhere can send
 * others without being asked, and 400 for everything that the schema does not take.
 */
export const readJson = <T extends object>(schema: z.ZodType<T>, contentTypes: readonly string[], body: Buffer): T => {
  if (contentTypes.length !== 1 || !/^application\/json(?: *; *charset=(?:utf-8|"utf-8"))? *$/i.test(contentTypes[0] ?? ''))
    throw new Problem(415, 'expected content-type application/json, once');
  const text = textOf(body);
  const { success, data, error } = schema.safeParse(parsed(text));
  if (!success) throw new Problem(400, problemOf(error));
  if (membersOf(text) !== Object.keys(data).length)
    throw new Problem(400, 'the body: has a field twice, or one that is not known');
  return data;
};

const textOf = (body: Buffer): string => {
  try {
    // a byte order mark stays, and is no JSON
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new Problem(400, 'the body is no UTF-8');
  }
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(400, 'the body is no JSON');
  }
};

const problemOf = ({ issues }: z.ZodError): string =>
  issues.map(({ path, message }) => `${path.map(String).join('.') || 'the body'}: ${message}`).join('; ');

/** How many members the text of an object without objects inside has; one that stands twice counts twice. */
const membersOf = (text: string): number => {
  const bare = text.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  return /^\s*\{\s*\}\s*$/.test(bare) ? 0 : bare.split(',').length;
};
