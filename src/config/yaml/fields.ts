import { z } from 'zod';

/**
 * Building blocks of schemas of files that people write. Each says what is expected in words that complete the sentence
 * "is 101, expected ...".
 */

const DURATION_EXPECTED = 'a duration such as 30s, 5m or 1h30m (units ms, s, m, h, d)';
/** The amounts are short enough for every sum of them to be a date that can be written. */
const DURATION = /^(?:[0-9]{1,9}ms|[0-9]{1,6}[smhd])+$/;

/** Text of at most `maxLength` characters that the pattern matches. */
export const matching = (pattern: RegExp, maxLength: number, expected: string) =>
  z
    .string({ error: `expected ${expected}` })
    .regex(pattern)
    .max(maxLength);

export const duration = () => matching(DURATION, 32, DURATION_EXPECTED);

export const text = (maxLength: number, expected: string) =>
  z
    .string({ error: `expected ${expected}` })
    .min(1)
    .max(maxLength);

export const wholeNumber = (min: number, max: number) =>
  z
    .int({ error: `expected a whole number from ${min} to ${max}` })
    .min(min)
    .max(max);

export const yesOrNo = () => z.boolean({ error: 'expected true or false' });

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `expected ${values.length > 1 ? 'one of ' : ''}${values.join(', ')}` });

/** An object that knows these fields and no others. */
export const fields = <S extends z.ZodRawShape>(shape: S) =>
  z.strictObject(shape, { error: issue => (issue.code === 'invalid_type' ? 'expected fields' : undefined) });

/** An object with names that people choose. */
export const named = <T extends z.ZodType>(value: T) => z.record(z.string(), value, { error: 'expected fields' });
