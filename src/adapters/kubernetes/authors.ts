import type { Authors } from '../../controller/source-ports.ts';
import { UNKNOWN_AUTHOR } from '../../rollout/index.ts';

/** As many names and addresses as fit well into an annotation. */
const MOST = 80;

/**
 * The value of the annotation: those who stand there already (its text) and those who are added. Text that is no list, and a
 * list that is too long, hold somebody who is not known. Nothing at all is no annotation.
 */
export function addAuthors(before: string | undefined, { people, missing }: Authors): string | undefined {
  const earlier = before === undefined ? [] : parse(before);
  const known = new Map<string, string>();
  for (const name of [...people, ...earlier]) if (!known.has(name.toLowerCase())) known.set(name.toLowerCase(), name);
  const isMissing = known.delete(UNKNOWN_AUTHOR) || missing !== undefined || known.size > MOST;
  if (known.size === 0 && !isMissing) return before;
  return JSON.stringify([...[...known.values()].slice(0, MOST), ...(isMissing ? [UNKNOWN_AUTHOR] : [])]);
}

function parse(text: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every(item => typeof item === 'string')) return value;
  } catch {
    // somebody has written something else there
  }
  return [UNKNOWN_AUTHOR];
}
