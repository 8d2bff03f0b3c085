// @ts-check
/** The list of rollouts: what needs attention first, filters that stand in the address, and rows that keep up by the stream. */
import { byId, el } from './dom.js';
import { createFilters } from './filters.js';
import { mountFrame, rememberList } from './frame.js';
import { compareLines, countsOf, filterOf, isShown, keyOf, NO_FILTER, newsOf, newsText, queryOf, titleOf } from './lines.js';
import { createTable } from './table.js';

/** @typedef {import('./lines.js').Line} Line */

/** Events that come together are shown together. */
const TOGETHER_MS = 40;
const ADDRESS_MS = 250;

/** @type {Map<string, Line>} */
const lines = new Map();
let filter = filterOf(location.search);
/** Until the first answer nobody knows whether there are any. */
let isKnown = false;
let shownCount = 0;
/** @type {string[]} */
let news = [];
/** @type {ReturnType<typeof setTimeout> | undefined} */
let planned;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let addressPlanned;

const filters = createFilters(filter, next => {
  filter = next;
  show({ isAsked: true });
  clearTimeout(addressPlanned);
  addressPlanned = setTimeout(keepAddress, ADDRESS_MS);
});
const table = createTable();
const empty = el('div', { class: 'empty', hidden: true });
byId('main').append(filters.element, table.element, empty);

const show = ({ isAsked } = { isAsked: false }) => {
  clearTimeout(planned);
  planned = undefined;
  const shown = [...lines.values()].filter(line => isShown(line, filter)).sort(compareLines);
  const counts = countsOf(lines.values());
  table.show(shown, { isAsked, all: lines.size });
  shownCount = shown.length;
  filters.show({ counts, namespaces: namespaces(), all: lines.size });
  frame.title(titleOf(counts));
  showEmpty(shown.length);
  if (news.length > 0) frame.say(newsText(news));
  news = [];
};

const planShow = () => {
  planned ??= setTimeout(show, TOGETHER_MS);
};

const namespaces = () => [...new Set([...lines.values()].map(({ namespace }) => namespace))].sort();

const keepAddress = () => {
  const query = queryOf(filter);
  history.replaceState(null, '', `/${query}`);
  rememberList(query);
  frame.say(`${shownCount} of ${lines.size} shown.`);
};

/** @param {number} shown */
const showEmpty = shown => {
  table.element.hidden = !isKnown || shown === 0;
  const kind = !isKnown || shown > 0 ? '' : lines.size === 0 ? 'none' : 'filtered';
  empty.hidden = kind === '';
  if (empty.dataset['kind'] === kind) return;
  empty.dataset['kind'] = kind;
  if (kind === 'none') empty.replaceChildren(...noRollouts());
  if (kind === 'filtered') empty.replaceChildren(...noMatch());
};

const SMALLEST = `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: forecast, namespace: weather}
spec:
  version: v2
  strategy: {canary: {steps: [{setWeight: 50, pause: {duration: 5m}}]}}`;

const noRollouts = () => [
  el('h2', {}, 'No rollouts'),
  el(
    'p',
    {},
    'There are none yet, or you may not read them: the right is get on rollouts.sluice.dev, in one namespace or in all. A Rollout is committed to a Git source of Sluice, or applied with kubectl. The smallest one:',
  ),
  el('pre', { tabindex: 0 }, SMALLEST),
  el(
    'p',
    {},
    el('code', {}, 'sluice validate FILE'),
    ' says whether it is right, ',
    el('code', {}, 'sluice plan FILE'),
    ' what it would do.',
  ),
];

const noMatch = () => [
  el('h2', {}, 'No rollout matches'),
  el('p', {}, el('button', { type: 'button', onclick: () => filters.set(NO_FILTER) }, 'Show all of them')),
];

/** @param {Line} line */
const take = line => {
  const told = newsOf(lines.get(keyOf(line)), line);
  if (told !== undefined) news.push(told);
  lines.set(keyOf(line), line);
};

/** @param {readonly Line[]} items */
const takeAll = items => {
  const keys = new Set(items.map(keyOf));
  for (const key of lines.keys()) if (!keys.has(key)) lines.delete(key);
  for (const line of items) take(line);
  const isFirst = !isKnown;
  isKnown = true;
  if (isFirst) show({ isAsked: true });
};

const frame = mountFrame({
  title: 'Rollouts',
  stream: '/api/v1/stream',
  onEvent: ({ event, data }) => {
    if (event === 'lines') takeAll(data.items);
    if (event === 'line') take(data);
    if (event === 'gone') lines.delete(keyOf(data));
    planShow();
  },
});
rememberList(queryOf(filter));
