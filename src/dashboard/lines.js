// @ts-check
/** Lines of the list: their order, what a filter lets through, and the words for them. Nothing here touches the page. */

/** @typedef {import('../rollout/index.ts').RolloutLine} Line */
/** @typedef {Line['attention']} Attention */

/**
 * What the reader wants to see; empty texts let everything through.
 * @typedef {object} Filter
 * @property {string} name part of `namespace/name`, in any case
 * @property {string} namespace
 * @property {string} phase
 * @property {Attention | ''} attention
 */

/** The most urgent first, as the core has them. */
export const ATTENTION = /** @type {const} */ (['broken', 'asks', 'troubled', 'moves', 'waits', 'fine']);

/** For these somebody has to do something, or to look. */
const URGENT = new Set(['broken', 'asks', 'troubled']);

/** As they follow a number. */
const COUNTED = {
  broken: ['broken', 'broken'],
  asks: ['asks', 'ask'],
  troubled: ['troubled', 'troubled'],
  moves: ['moving', 'moving'],
  waits: ['waiting', 'waiting'],
  fine: ['fine', 'fine'],
};

/** What each of them means, for those who see it the first time. */
export const MEANINGS = {
  broken: 'Rolled back or invalid: a person has to look.',
  asks: 'A person is asked to approve, to promote, or to decide.',
  troubled: 'In progress, and something is not as it should be.',
  moves: 'In progress, as it should be.',
  waits: 'Waits for pods, or has not been looked at yet.',
  fine: 'Nothing to do.',
};

export const PHASES = ['AwaitingApproval', 'Healthy', 'Invalid', 'Paused', 'Pending', 'Progressing', 'RolledBack', 'RollingBack'];

/** @type {Filter} */
export const NO_FILTER = { name: '', namespace: '', phase: '', attention: '' };

/** @param {{namespace: string, name: string}} line */
export const keyOf = ({ namespace, name }) => `${namespace}/${name}`;

/**
 * What needs attention first, then by namespace and name.
 * @param {Line} a
 * @param {Line} b
 */
export const compareLines = (a, b) => {
  const byAttention = ATTENTION.indexOf(a.attention) - ATTENTION.indexOf(b.attention);
  if (byAttention !== 0) return byAttention;
  const [keyA, keyB] = [keyOf(a), keyOf(b)];
  if (keyA === keyB) return 0;
  return keyA < keyB ? -1 : 1;
};

/**
 * @param {Line} line
 * @param {Filter} filter
 */
export const isShown = (line, { name, namespace, phase, attention }) =>
  (namespace === '' || line.namespace === namespace) &&
  (phase === '' || line.phase === phase) &&
  (attention === '' || line.attention === attention) &&
  (name === '' || keyOf(line).includes(name.trim().toLowerCase()));

/**
 * The filter that an address carries; what it does not know, it leaves out.
 * @param {string} query `?name=fore&attention=broken`
 * @returns {Filter}
 */
export const filterOf = query => {
  const asked = new URLSearchParams(query);
  const [phase, attention] = [asked.get('phase') ?? '', asked.get('attention') ?? ''];
  return {
    name: asked.get('name') ?? '',
    namespace: asked.get('namespace') ?? '',
    phase: PHASES.includes(phase) ? phase : '',
    attention: ATTENTION.find(known => known === attention) ?? '',
  };
};

/**
 * The other way round: `?name=fore`, or nothing when everything is shown.
 * @param {Filter} filter
 */
export const queryOf = filter => {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== '')).toString();
  return query === '' ? '' : `?${query}`;
};

/**
 * How many there are of each.
 * @param {Iterable<Line>} lines
 */
export const countsOf = lines => {
  const counts = { broken: 0, asks: 0, troubled: 0, moves: 0, waits: 0, fine: 0 };
  for (const { attention } of lines) counts[attention] += 1;
  return counts;
};

/**
 * `3 broken`, `1 asks`.
 * @param {Attention} attention
 * @param {number} count
 */
export const countText = (attention, count) => `${count} ${COUNTED[attention][count === 1 ? 0 : 1]}`;

/**
 * Title of the tab: `(3) Rollouts` while three need attention.
 * @param {ReturnType<typeof countsOf>} counts
 */
export const titleOf = counts => {
  const urgent = counts.broken + counts.asks + counts.troubled;
  return urgent === 0 ? 'Rollouts' : `(${urgent}) Rollouts`;
};

/**
 * What is told to those who do not see it: a rollout has come to a phase or a cause that needs attention.
 * @param {Line | undefined} before
 * @param {Line} line
 * @returns {string | undefined}
 */
export const newsOf = (before, line) => {
  if (before === undefined || !URGENT.has(line.attention)) return undefined;
  if (before.phase === line.phase && before.reason === line.reason && before.attention === line.attention) return undefined;
  return `${keyOf(line)}: ${line.phase}, ${line.title}.`;
};

/**
 * The cause beside the phase, without what the phase says already.
 * @param {Line} line
 */
export const causeOf = ({ phase, title }) => {
  const cause = title.replace(/^(?:rolled|going) back: /, '');
  return cause.replaceAll(' ', '').toLowerCase() === phase.toLowerCase() ? '' : cause;
};

const MOST_NEWS = 3;

/**
 * As one announcement.
 * @param {readonly string[]} news
 */
export const newsText = news => (news.length > MOST_NEWS ? `${news.length} rollouts need attention.` : news.join(' '));

/**
 * The share of the new version in percent; undefined when nothing says it.
 * @param {Line} line
 */
export const weightOf = ({ weight }) => {
  const percent = Number.parseFloat(weight ?? '');
  return Number.isNaN(percent) ? undefined : Math.min(100, Math.max(0, percent));
};

/**
 * Where it goes, and from where: `v1 → v2`, `v1 ← v2` while and after going back, or the one version there is.
 * @param {Line} line
 */
export const versionsOf = ({ stable, version, phase }) => {
  if (stable === undefined || version === undefined || stable === version) return version ?? stable ?? '';
  return `${stable} ${phase === 'RolledBack' || phase === 'RollingBack' ? '←' : '→'} ${version}`;
};

/**
 * Which places of a list stay, so that the fewest others have to move for all to rise: the places of a longest rising run.
 * @param {readonly number[]} numbers all different
 * @returns {ReadonlySet<number>}
 */
export const longestRising = numbers => {
  /** Where the best run of each length ends. @type {number[]} */
  const ends = [];
  /** @type {(number | undefined)[]} */
  const before = [];
  for (const [at, number] of numbers.entries()) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((numbers[ends[middle] ?? 0] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    before.push(ends[low - 1]);
    ends[low] = at;
  }
  const kept = new Set();
  for (let at = ends.at(-1); at !== undefined; at = before[at]) kept.add(at);
  return kept;
};
