// @ts-check

/** Nothing else than text, wherever it stands. */
const PLAIN = /^[a-z_/][\w./-]*(?: [\w./-]+)*$/i;
/** Would be read as something else. */
const WORDS = /^(?:true|false|null|yes|no|on|off|y|n)$/i;

const scalar = (/** @type {unknown} */ value) =>
  typeof value === 'string' && PLAIN.test(value) && !WORDS.test(value) ? value : JSON.stringify(value);

const isObject = (/** @type {unknown} */ value) => typeof value === 'object' && value !== null;
const isEmpty = (/** @type {object} */ value) => Object.keys(value).length === 0;

/**
 * An object as people write it, one line each.
 * @param {unknown} value
 * @returns {string[]}
 */
export const yamlLines = value => {
  if (!isObject(value) || isEmpty(/** @type {object} */ (value)))
    return [isObject(value) ? (Array.isArray(value) ? '[]' : '{}') : scalar(value)];
  if (Array.isArray(value)) return value.flatMap(item => yamlLines(item).map((line, at) => `${at === 0 ? '- ' : '  '}${line}`));
  return Object.entries(/** @type {object} */ (value)).flatMap(([key, inner]) => {
    if (inner === undefined) return [];
    if (!isObject(inner) || isEmpty(inner)) return [`${scalar(key)}: ${yamlLines(inner)[0]}`];
    return [`${scalar(key)}:`, ...yamlLines(inner).map(line => (Array.isArray(inner) ? line : `  ${line}`))];
  });
};

/**
 * A line of a comparison: of both, only of the one before, or only of the one after.
 * @typedef {{ readonly sign: ' ' | '-' | '+', readonly text: string }} DiffLine
 */

/** Longer middles are shown as taken out and put in as a whole: to compare them takes the square of their length. */
const MOST_COMPARED = 2_000;

/**
 * The lines that go and come, in their order, as few as there are where that can be told in time.
 * @param {readonly string[]} before
 * @param {readonly string[]} after
 * @returns {readonly DiffLine[]}
 */
export const lineDiff = (before, after) => {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const [old, next] = [before.slice(start, before.length - end), after.slice(start, after.length - end)];
  return [
    ...signed(' ', before.slice(0, start)),
    ...(Math.max(old.length, next.length) > MOST_COMPARED
      ? [...signed('-', old), ...signed('+', next)]
      : shortestDiff(old, next)),
    ...signed(' ', before.slice(before.length - end)),
  ];
};

/** @returns {readonly DiffLine[]} */
const signed = (/** @type {DiffLine['sign']} */ sign, /** @type {readonly string[]} */ texts) =>
  texts.map(text => ({ sign, text }));

/**
 * @param {readonly string[]} before
 * @param {readonly string[]} after
 * @returns {readonly DiffLine[]}
 */
const shortestDiff = (before, after) => {
  const common = commonLengths(before, after);
  /** @type {DiffLine[]} */
  const lines = [];
  let [a, b] = [0, 0];
  while (a < before.length || b < after.length) {
    const [old, next] = [before[a], after[b]];
    if (old !== undefined && old === next) {
      lines.push({ sign: ' ', text: old });
      a += 1;
      b += 1;
    } else if (old !== undefined && (next === undefined || (common[a + 1]?.[b] ?? 0) >= (common[a]?.[b + 1] ?? 0))) {
      lines.push({ sign: '-', text: old });
      a += 1;
    } else {
      lines.push({ sign: '+', text: next ?? '' });
      b += 1;
    }
  }
  return lines;
};

/** How many lines the rest of both has in common, from each place on. */
const commonLengths = (/** @type {readonly string[]} */ before, /** @type {readonly string[]} */ after) => {
  const lengths = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 1));
  for (let a = before.length - 1; a >= 0; a--)
    for (let b = after.length - 1; b >= 0; b--) {
      const [row, below] = [lengths[a], lengths[a + 1]];
      if (row !== undefined && below !== undefined)
        row[b] = before[a] === after[b] ? (below[b + 1] ?? 0) + 1 : Math.max(below[b] ?? 0, row[b + 1] ?? 0);
    }
  return lengths;
};

/** Lines around a change that are shown with it. */
const CONTEXT = 3;

/**
 * What has changed, with a few lines around it; `skipped` lines are the same on both sides.
 * @param {readonly DiffLine[]} lines
 * @returns {readonly (DiffLine | { readonly skipped: number })[]}
 */
export const folded = lines => {
  const isNear = lines.map((_, at) => lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ sign }) => sign !== ' '));
  /** @type {(DiffLine | { skipped: number })[]} */
  const shown = [];
  for (const [at, line] of lines.entries()) {
    const last = shown.at(-1);
    if (isNear[at]) shown.push(line);
    else if (last !== undefined && 'skipped' in last) last.skipped += 1;
    else shown.push({ skipped: 1 });
  }
  return shown;
};
