import type { z } from 'zod';

/**
 * What has to hold between the fields of one object, said twice: `cel` for the API server, `holds` for everything else.
 * `holds` is also asked when single fields are of a wrong type.
 */
export type Rule<T> = {
  readonly message: string;
  readonly cel: string;
  readonly holds: (value: T) => boolean;
  /** The field that is to blame; absent: the object. */
  readonly field?: keyof T & string;
};

/** The object with rules; they are not asked about an object with unknown fields, which would only repeat the complaint. */
export const withRules = <S extends z.ZodObject>(schema: S, rules: readonly Rule<z.output<S>>[]): S => {
  let checked = schema;
  for (const rule of rules) {
    checked = checked.refine(rule.holds, {
      message: rule.message,
      path: rule.field === undefined ? [] : [rule.field],
      when: payload => typeof payload.value === 'object' && payload.value !== null && !payload.issues.some(isAboutObjectItself),
    });
  }
  return checked.meta({
    'x-kubernetes-validations': rules.map(({ cel, message, field }) => ({
      rule: cel,
      message,
      ...(field === undefined ? {} : { fieldPath: `.${field}` }),
    })),
  });
};

const isAboutObjectItself = (issue: z.core.$ZodRawIssue): boolean => issue.code === 'unrecognized_keys' && !issue.path?.length;

/** How many of the values are given. */
export const given = (...values: readonly unknown[]): number => values.filter(value => value !== undefined).length;

/** CEL: how many of the fields are given. */
export const celGiven = (...names: readonly string[]): string =>
  `[${names.map(name => `has(self.${name})`).join(', ')}].filter(x, x).size()`;
