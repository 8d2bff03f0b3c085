import { isDeepStrictEqual } from 'node:util';
import { settingsSchema } from './settings.ts';
import type { Complaint } from './yaml/complaints.ts';
import { placesOf, valueAt } from './yaml/path.ts';

/**
 * What the contract names and this version cannot do yet; refused when it is set to anything but its default, so that
 * nobody relies on it. `[]` stands for each item.
 */
export const NOT_SUPPORTED_YET: readonly string[] = ['sources[].verify', 'sources[].writeBack'];

/** Settings of later versions that are set to something else than their default. */
export const notSupportedYet = (value: unknown): readonly Complaint[] => {
  const defaults: unknown = settingsSchema.parse({});
  return NOT_SUPPORTED_YET.flatMap(pattern =>
    placesOf(value, pattern)
      .filter(({ path, content }) => !isEmpty(content) && !isWithin(content, valueAt(defaults, path)))
      .map(({ path }) => ({ path, message: 'is not supported yet, expected it to be left out', part: 'key' }) as const),
  );
};

const isEmpty = (content: unknown): boolean =>
  content === null || content === false || (typeof content === 'object' && Object.values(content).every(isEmpty));

/** Whether all that is said is what would hold anyway. */
const isWithin = (content: unknown, byDefault: unknown): boolean =>
  isDeepStrictEqual(content, byDefault) ||
  (typeof content === 'object' &&
    content !== null &&
    !Array.isArray(content) &&
    Object.entries(content).every(([name, item]) => isEmpty(item) || isDeepStrictEqual(item, valueAt(byDefault, [name]))));
