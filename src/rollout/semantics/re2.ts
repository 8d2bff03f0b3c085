/**
 * Why a text is no regular expression of RE2, the language of proxies, as the end of "is ...": `undefined` when it is one.
 * What backtracking engines know besides (look-around, back references) is named. See RE2's doc/syntax.txt.
 */
export const problemOfRegex = (text: string): string | undefined => {
  let depth = 0;
  // What may be repeated: something, nothing yet, or what is repeated already.
  let before: Before = 'nothing';
  for (let at = 0; at < text.length; ) {
    const found = readPart(text, at);
    if ('problem' in found) return found.problem;
    if (found.kind === 'repetition') {
      if (before === 'nothing') return `repeats nothing: ${found.text}`;
      if (before === 'repetition') return `repeats a repetition: ${found.text}`;
    }
    if (found.kind === 'open') depth += 1;
    if (found.kind === 'close') depth -= 1;
    if (depth < 0) return 'has a ) without its (';
    before = found.kind !== 'nothing' ? BEFORE[found.kind] : before === 'nothing' ? 'nothing' : 'something';
    at += found.text.length;
  }
  return depth > 0 ? 'has a ( without its )' : undefined;
};

type Before = 'nothing' | 'something' | 'repetition';
/** `nothing`: flags, and an empty quotation; what stands before them may still be repeated. */
type Kind = 'open' | 'close' | 'alternative' | 'nothing' | 'repetition' | 'one';
type Part = { readonly kind: Kind; readonly text: string };
type Read = Part | { readonly problem: string };

const BEFORE: Readonly<Record<Exclude<Kind, 'nothing'>, Before>> = {
  open: 'nothing',
  close: 'something',
  alternative: 'nothing',
  repetition: 'repetition',
  one: 'something',
};

const readPart = (text: string, at: number): Read => {
  switch (text[at]) {
    case '(':
      return readGroup(text.slice(at));
    case ')':
      return { kind: 'close', text: ')' };
    case '|':
      return { kind: 'alternative', text: '|' };
    case '[':
      return readClass(text.slice(at));
    case '\\':
      return readEscape(text.slice(at));
    default:
      return readRepetition(text.slice(at));
  }
};

const GROUPS: readonly (readonly [RegExp, string])[] = [
  [/^\(\?<?[=!]/, 'looks around'],
  [/^\(\?>/, 'has an atomic group'],
  [/^\(\?P=\w*\)?/, 'refers back to a group'],
  [/^\(\?(?:#|\(|\||&|R)/, 'has a group of another language'],
];

const readGroup = (rest: string): Read => {
  if (rest[1] !== '?') return { kind: 'open', text: '(' };
  const open = /^\(\?(?:P?<\w+>|[imsU]*(?:-[imsU]+)?:)/.exec(rest);
  if (open !== null) return { kind: 'open', text: open[0] };
  const flags = /^\(\?[imsU]*(?:-[imsU]+)?\)/.exec(rest);
  if (flags !== null) return { kind: 'nothing', text: flags[0] };
  for (const [pattern, what] of GROUPS) {
    const foreign = pattern.exec(rest);
    if (foreign !== null) return { problem: `${what}, ${foreign[0]}, which RE2 cannot` };
  }
  return { problem: `has a group that RE2 does not know: ${rest.slice(0, 4)}` };
};

/** The largest count of a repetition. */
const MOST_TIMES = 1_000;

const readRepetition = (rest: string): Read => {
  const found = /^(?:[*+?]|\{(\d+)(?:,(\d*))?\})\??/.exec(rest);
  if (found === null) return { kind: 'one', text: String.fromCodePoint(rest.codePointAt(0) ?? 0) };
  const [text, least = '0', most = ''] = found;
  const counts = [Number(least), most === '' ? Number(least) : Number(most)] as const;
  if (counts[1] > MOST_TIMES || counts[0] > counts[1])
    return { problem: `has a repetition that RE2 refuses: ${text} (at most ${MOST_TIMES} times, the smaller number first)` };
  return { kind: 'repetition', text };
};

const NAMED_CLASS = /^\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]/;

const readClass = (rest: string): Read => {
  let at = rest[1] === '^' ? 2 : 1;
  const first = at;
  let low: string | undefined;
  while (at < rest.length) {
    if (rest[at] === ']' && at > first) return { kind: 'one', text: rest.slice(0, at + 1) };
    const item = readClassItem(rest.slice(at));
    if ('problem' in item) return item;
    const isRange = rest[at] === '-' && low !== undefined && rest[at + 1] !== ']' && at + 1 < rest.length;
    if (!isRange) {
      low = isSingle(item.text) ? item.text : undefined;
      at += item.text.length;
      continue;
    }
    const high = readCharacter(rest.slice(at + 1));
    if ('problem' in high) return high;
    const range = `${low}-${high.text}`;
    if (!isSingle(high.text) || codeOf(high.text) < codeOf(low ?? '')) return { problem: `has a range upside down: [${range}]` };
    low = undefined;
    at += 1 + high.text.length;
  }
  return { problem: 'has a [ without its ]' };
};

const readClassItem = (rest: string): Read => {
  if (rest.startsWith('[:')) {
    const named = NAMED_CLASS.exec(rest);
    if (named !== null) return { kind: 'one', text: named[0] };
    if (/^\[:\^?\w*:\]/.test(rest))
      return { problem: `has a class that RE2 does not know: ${rest.slice(0, rest.indexOf(']') + 1)}` };
  }
  return readCharacter(rest);
};

const readCharacter = (rest: string): Read => {
  if (rest[0] !== '\\') return { kind: 'one', text: String.fromCodePoint(rest.codePointAt(0) ?? 0) };
  const escaped = readEscape(rest);
  if ('problem' in escaped || !/^\\[bBAzQ]/.test(escaped.text)) return escaped;
  return { problem: `has an escape in [] that RE2 does not know there: ${escaped.text}` };
};

const isSingle = (text: string): boolean => !/^(?:\[:|\\[dDsSwWpP])/.test(text);

const CONTROL: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** Where a single character of a class stands in Unicode. */
const codeOf = (text: string): number => {
  if (text[0] !== '\\') return text.codePointAt(0) ?? 0;
  const rest = text.slice(1);
  if (rest[0] === 'x') return Number.parseInt(rest.replace(/[x{}]/g, ''), 16);
  if (/^[0-7]/.test(rest)) return Number.parseInt(rest, 8);
  return CONTROL[rest] ?? rest.codePointAt(0) ?? 0;
};

const ESCAPE =
  /^\\(?:[dDsSwWbBAzafnrtv]|[pP](?:[A-Z]|\{\^?\w+\})|x(?:[0-9A-Fa-f]{2}|\{[0-9A-Fa-f]{1,6}\})|0[0-7]{0,2}|[1-7][0-7]{1,2}|[ -/:-@[-`{-~])/;

const readEscape = (rest: string): Read => {
  if (rest.length === 1) return { problem: 'ends with a \\ that escapes nothing' };
  if (rest.startsWith('\\Q')) {
    const end = rest.indexOf('\\E');
    const quoted = end < 0 ? rest : rest.slice(0, end + 2);
    return { kind: quoted === '\\Q\\E' || quoted === '\\Q' ? 'nothing' : 'one', text: quoted };
  }
  const known = ESCAPE.exec(rest);
  if (known !== null) return { kind: 'one', text: known[0] };
  const written = rest.slice(0, 2);
  return /^\\[1-9k]/.test(rest)
    ? { problem: `refers back to a group, ${written}, which RE2 cannot` }
    : { problem: `has an escape that RE2 does not know: ${written}` };
};
