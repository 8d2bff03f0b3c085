import { z } from 'zod';
import { type GivenAnswer, type HookRequest, Refused } from '../../controller/channel-ports.ts';

/** What stands in the body of a signed answer. */
export type AnswerBody = Pick<GivenAnswer, 'key' | 'revision' | 'step' | 'decision' | 'askedAt' | 'comment'>;

const LONGEST_COMMENT = 1_000;
const MOST_STEPS = 1_000;
const LABEL = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';

const schema = z.strictObject({
  decision: z.enum(['approve', 'reject'], { error: 'expected approve or reject' }),
  namespace: z.string('expected a text').regex(new RegExp(`^${LABEL}$`), 'expected the name of a namespace'),
  name: z
    .string('expected a text')
    .max(253, 'expected the name of a Rollout')
    .regex(new RegExp(`^${LABEL}(?:\\.${LABEL})*$`), 'expected the name of a Rollout'),
  revision: z.string('expected a text').regex(/^[\w.-]{1,253}$/, 'expected the revision of an attempt'),
  step: z
    .int('expected the number of a step')
    .min(1, 'expected the number of a step')
    .max(MOST_STEPS, 'expected the number of a step'),
  askedAt: z.iso.datetime({ offset: true, error: 'expected a time such as 2026-11-21T14:03:10Z' }).optional(),
  comment: z.string('expected a text').max(LONGEST_COMMENT, `expected at most ${LONGEST_COMMENT} characters`).optional(),
});

const DECISIONS = { approve: 'approved', reject: 'rejected' } as const;

/**
 * The body of an answer: a JSON object in UTF-8 with the fields of the contract, no others, and none twice. Throws Refused,
 * whose message holds nothing of the body.
 */
export const readAnswerBody = ({ headers, body }: HookRequest): AnswerBody => {
  if (!isJson(headers['content-type'] ?? [])) throw new Refused(415, 'content-type must be application/json in UTF-8, sent once');
  const text = textOf(body);
  const value = parsed(text);
  const { success, data, error } = schema.safeParse(value);
  if (!success) throw new Refused(400, problemOf(error));
  if (membersOf(text) !== Object.keys(Object(value)).length)
    throw new Refused(400, 'the body has a field twice, or one that is not known');
  const { decision, namespace, name, revision, step, askedAt } = data;
  const comment = oneLine(data.comment ?? '');
  return {
    key: `${namespace}/${name}`,
    revision,
    step,
    decision: DECISIONS[decision],
    ...(askedAt === undefined ? {} : { askedAt }),
    ...(comment === '' ? {} : { comment }),
  };
};

const isJson = (contentTypes: readonly string[]): boolean =>
  contentTypes.length === 1 && /^application\/json(?: *; *charset=(?:utf-8|"utf-8"))? *$/i.test(contentTypes[0] ?? '');

const textOf = (body: Buffer): string => {
  try {
    // a byte order mark stays, and is no JSON
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new Refused(400, 'the body is no UTF-8');
  }
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused(400, 'the body is no JSON');
  }
};

/** Names of fields that nobody knows are not repeated: they come from outside. */
const problemOf = ({ issues }: z.ZodError): string => {
  const said = issues.map(({ code, path, message }) =>
    code === 'unrecognized_keys' ? 'has a field that is not known' : `${path.map(String).join('.') || 'the body'}: ${message}`,
  );
  return said.join('; ');
};

/** How many members the text of an object has that holds no other objects: one that stands twice counts twice. */
const membersOf = (text: string): number => text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(',').length;

/** What people write gets into statuses, terminals and chats. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Z}]+/gu, ' ').trim();
