import { z } from 'zod';
import { nearest } from './nearest.ts';
import { type Path, valueAt } from './path.ts';

/** One thing that is wrong with a value, in words for people. */
export type Complaint = {
  readonly path: Path;
  readonly message: string;
  readonly suggestion?: string;
  /** Whether the key or the value is to blame. */
  readonly part: 'key' | 'value';
};

const LONGEST_SHOWN = 60;

/** What the schema finds wrong with the value; every problem at once. */
export const complaintsOf = (schema: z.ZodType, value: unknown, error: z.ZodError): readonly Complaint[] => {
  const complaints = error.issues.flatMap((issue): readonly Complaint[] => {
    const path = issue.path.map(part => (typeof part === 'number' ? part : String(part)));
    if (issue.code === 'unrecognized_keys') return issue.keys.map(key => unknownField(schema, path, key));
    const actual = valueAt(value, path);
    if (issue.code === 'custom') return [{ path, message: issue.message, part: isContainer(actual) ? 'key' : 'value' }];
    return [wrongValue(schema, path, actual, issue)];
  });
  const said = complaints.map(({ path, message }) => JSON.stringify([path, message]));
  return complaints.filter((_, index) => said.indexOf(said[index] ?? '') === index);
};

function unknownField(schema: z.ZodType, path: Path, key: string): Complaint {
  const known = nearest(key, knownFields(schema, path));
  return {
    path: [...path, key],
    message: `unknown field \`${key}\``,
    ...(known === undefined ? {} : { suggestion: `did you mean \`${known}\`?` }),
    part: 'key',
  };
}

function wrongValue(schema: z.ZodType, path: Path, actual: unknown, issue: z.core.$ZodIssue): Complaint {
  const expected = expectation(issue);
  const suggestion = suggestionFor(schemaAt(schema, path), actual, issue);
  return {
    path,
    message: `${isSecret(path) && actual !== undefined ? 'has a value that is not shown' : state(actual)}, ${expected}`,
    ...(suggestion === undefined ? {} : { suggestion }),
    part: isContainer(actual) || actual === undefined ? 'key' : 'value',
  };
}

/** Schemas say what they expect themselves; what they leave to zod is said in its place. */
function expectation(issue: z.core.$ZodIssue): string {
  if (issue.message.startsWith('expected ')) return issue.message;
  if (issue.code === 'invalid_type')
    return `expected ${issue.expected === 'object' || issue.expected === 'record' ? 'fields' : `a ${issue.expected}`}`;
  return `expected something else: ${issue.message}`;
}

function suggestionFor(schema: unknown, actual: unknown, issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === 'invalid_value' && typeof actual === 'string') {
    const known = nearest(actual, issue.values.map(String));
    return known === undefined ? undefined : `did you mean \`${known}\`?`;
  }
  const isUnquoted = typeof actual === 'number' || typeof actual === 'boolean';
  const wouldDo = isUnquoted && schema instanceof z.ZodString && schema.safeParse(String(actual)).success;
  return wouldDo ? 'put it in quotes' : undefined;
}

function state(actual: unknown): string {
  if (actual === undefined) return 'is missing';
  if (actual === null) return 'is empty';
  if (Array.isArray(actual)) return actual.length === 0 ? 'is an empty list' : `is a list of ${actual.length}`;
  if (typeof actual === 'object') return Object.keys(actual).length === 0 ? 'has no fields' : 'is a set of fields';
  if (typeof actual === 'number') return `is the number ${actual}`;
  const text = JSON.stringify(actual);
  return `is ${text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}..." (${String(actual).length} characters)` : text}`;
}

/** Somebody may have written a secret in the place of its name. */
const isSecret = (path: Path): boolean => /password|token|secret|Env$|File$/i.test(String(path.at(-1) ?? ''));

const isContainer = (value: unknown): boolean => typeof value === 'object';

/** The fields that the schema knows at this place. */
function knownFields(schema: z.ZodType, path: Path): readonly string[] {
  const found = schemaAt(schema, path);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

function schemaAt(schema: z.ZodType, path: Path): unknown {
  let current: unknown = unwrapped(schema);
  for (const part of path) {
    if (current instanceof z.ZodObject && typeof part === 'string') current = unwrapped(current.shape[part]);
    else if (current instanceof z.ZodArray) current = unwrapped(current.element);
    else if (current instanceof z.ZodRecord) current = unwrapped(current.valueType);
    else return undefined;
  }
  return current;
}

function unwrapped(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrapped(schema.unwrap());
  return schema;
}
