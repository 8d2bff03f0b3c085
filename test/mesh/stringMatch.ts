import { fields } from './json.ts';

const compiled = new Map<string, RegExp>();

/** RE2's \s knows ASCII only, and no vertical tab. */
const SPACES = '\\t\\n\\f\\r ';
/** What only RE2 has, or what it reads in another way than JavaScript. */
const FOREIGN = /\\[AzpPQC]|\(\?P<|\(\?[a-zA-Z-]+[):]|\[\[:/;

/** The same expression for JavaScript. Throws for syntax that it reads otherwise, so that nobody gets a wrong answer. */
function translated(pattern: string): string {
  let isInClass = false;
  return pattern.replace(/\\[\s\S]|[[\]]/g, token => {
    if (token === '[') isInClass = true;
    if (token === ']') isInClass = false;
    if (token === '\\s') return isInClass ? SPACES : `[${SPACES}]`;
    if (token === '\\S' && !isInClass) return `[^${SPACES}]`;
    return token;
  });
}

/** RE2 asks for the whole text. Flags are understood at the start, as in `(?i)chrome.*`. */
function wholeText(pattern: string): RegExp {
  const known = compiled.get(pattern);
  if (known) return known;
  const [, flags = '', rest = ''] = /^(?:\(\?([is]+)\))?([\s\S]*)$/.exec(pattern) ?? [];
  if (FOREIGN.test(rest)) throw new Error(`reading the regular expression ${pattern}: this syntax of RE2 is not understood here`);
  const expression = new RegExp(`^(?:${translated(rest)})$`, flags);
  compiled.set(pattern, expression);
  return expression;
}

/** How a StringMatch asks; `present` is one without a type, or Istio's regex `*`. */
type Asked = { readonly kind: 'exact' | 'prefix' | 'regex'; readonly value: string } | { readonly kind: 'present' };

/** Reads a StringMatch. */
export function askedOf(match: unknown): Asked {
  const asked = fields(match);
  for (const kind of ['exact', 'prefix', 'regex'] as const) {
    const value = asked[kind];
    if (typeof value === 'string') return kind === 'regex' && value === '*' ? { kind: 'present' } : { kind, value };
  }
  return { kind: 'present' };
}

/** Whether a text satisfies a StringMatch. A text that is not there (undefined) satisfies none. */
export function satisfies(match: unknown, value: string | undefined, ignoreCase = false): boolean {
  if (value === undefined) return false;
  const asked = askedOf(match);
  if (asked.kind === 'present') return true;
  if (asked.kind === 'regex') return wholeText(asked.value).test(value);
  const fold = (part: string) => (ignoreCase ? part.toLowerCase() : part);
  return asked.kind === 'exact' ? fold(value) === fold(asked.value) : fold(value).startsWith(fold(asked.value));
}
