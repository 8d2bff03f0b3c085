// @ts-check
/** @import { TimelinePoint } from '../controller/view-ports.ts' */
/** @import { Gate } from './detail.js' */
/** @import { Moment } from './plot.js' */
import { gateData, gateNames, gateSentence } from './charts.js';
import { timeEl } from './clock.js';
import { verdictOf } from './detail.js';
import { el, setText } from './dom.js';
import { createGateChart, gateLegend } from './gateChart.js';

/** Sign and word of a verdict. */
export const verdictMark = (/** @type {string} */ verdict) => {
  const { sign, words } = verdictOf(verdict);
  return el('span', { class: 'verdict', 'data-verdict': verdict }, el('span', { 'aria-hidden': 'true' }, `${sign} `), words);
};

/** Value, limit, stable's value and samples of one gate, side by side. */
export const gateFigures = (/** @type {Gate} */ { value, limit, baseline, samples, at }) =>
  el(
    'dl',
    { class: 'figures' },
    ...[
      ['value', value],
      ['limit', limit],
      ['stable version', baseline],
      ['on', samples],
    ].flatMap(([name, text]) => (text === undefined ? [] : [el('div', {}, el('dt', {}, name), el('dd', {}, text))])),
    at === undefined ? undefined : el('div', {}, el('dt', {}, 'measured'), el('dd', {}, timeEl(at, 'clock'))),
  );

/** All gates, worst first, a row each. */
export const gateTable = (/** @type {readonly Gate[]} */ gates, caption = 'Gates, worst first') =>
  gates.length === 0
    ? el(
        'p',
        { class: 'hint' },
        'Nothing is measured now, or nothing has been yet. What was stands in the charts and in the records.',
      )
    : scrollable(
        caption,
        el(
          'table',
          { class: 'gates' },
          el('caption', { class: 'unseen' }, caption),
          headRow(['Gate', 'Verdict', 'Value', 'Limit', 'Stable', 'On', 'What it says']),
          el('tbody', {}, ...gates.map(gateRow)),
        ),
      );

const gateRow = (/** @type {Gate} */ { name, source, verdict, value, limit, baseline, samples, detects, message }) =>
  el(
    'tr',
    {},
    el('th', { scope: 'row' }, name, el('span', { class: 'source' }, source)),
    el('td', { 'data-label': 'Verdict', class: 'short' }, verdictMark(verdict)),
    figureCell('Value', value),
    el('td', { 'data-label': 'Limit', class: limit === undefined ? 'empty' : '' }, ...boundsOf(limit ?? '–')),
    figureCell('Stable', baseline),
    figureCell('On', samples),
    el('td', { 'data-label': 'Says' }, message, detects === undefined ? undefined : el('span', { class: 'hint block' }, detects)),
  );

const figureCell = (/** @type {string} */ label, /** @type {string | undefined} */ text) =>
  el('td', { 'data-label': label, class: text === undefined ? 'empty' : 'short' }, text ?? '–');

/** Two bounds may stand on two lines; one of them may not. */
const boundsOf = (/** @type {string} */ limit) =>
  limit.split(' and ').flatMap((bound, index) => [index === 0 ? '' : ' and ', el('span', { class: 'bound' }, bound)]);

const headRow = (/** @type {readonly string[]} */ names) =>
  el('thead', {}, el('tr', {}, ...names.map(name => el('th', { scope: 'col' }, name))));

/** What is too wide is scrolled by itself, also by keyboard. */
export const scrollable = (/** @type {string} */ label, /** @type {HTMLElement} */ content) =>
  el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label }, content);

/** Rows of the table beside a chart; the chart has more. */
const MOST_ROWS = 50;

/**
 * Small charts, one for each gate with numbers; they grow, and are never made anew.
 * @param {{ host: HTMLElement, moment: Moment }} deps
 */
export const createGateCharts = ({ host, moment }) => {
  /** @type {Map<string, ReturnType<typeof createOne>>} */
  const known = new Map();
  return {
    plots: () => [...known.values()].map(({ plot }) => plot),
    /** @param {readonly TimelinePoint[]} points */
    show: points => {
      for (const name of gateNames(points)) {
        const chart = known.get(name) ?? createOne(host, moment, name, gateData(points, name).unit);
        known.set(name, chart);
        chart.show(points);
      }
    },
  };
};

const createOne = (
  /** @type {HTMLElement} */ host,
  /** @type {Moment} */ moment,
  /** @type {string} */ name,
  /** @type {string} */ unit,
) => {
  const canvas = el('div', { class: 'chart' });
  const readout = el('p', { class: 'readout' });
  const words = el('p', { class: 'unseen' });
  const legend = el('div');
  const rows = el('div');
  const table = el('details', {}, el('summary', {}, `${name} as a table`), rows);
  host.append(
    el('section', { class: 'gate-chart', 'aria-label': name }, el('h3', {}, name), words, legend, canvas, readout, table),
  );
  const chart = createGateChart({ host: canvas, readout, moment, unit });
  /** @type {readonly TimelinePoint[]} */
  let last = [];
  const fill = () => {
    if (table.open) rows.replaceChildren(figuresTable(name, last));
  };
  table.addEventListener('toggle', fill);
  return {
    plot: chart.plot,
    /** @param {readonly TimelinePoint[]} points */
    show: points => {
      last = points;
      const data = gateData(points, name);
      setText(words, gateSentence(name, data));
      legend.replaceChildren(gateLegend(data));
      chart.show(data);
      fill();
    },
  };
};

const figuresTable = (/** @type {string} */ name, /** @type {readonly TimelinePoint[]} */ points) => {
  const { times, value, baseline, min, max, verdicts, unit } = gateData(points, name);
  const text = (/** @type {number | null | undefined} */ number) =>
    number === null || number === undefined ? '–' : `${number}${unit === '' ? '' : ` ${unit}`}`;
  const rows = times.map((at, index) =>
    el(
      'tr',
      {},
      el('td', {}, timeEl(new Date(at * 1_000).toISOString(), 'clock')),
      ...[value, baseline, min, max].map(series => el('td', {}, text(series[index]))),
      el('td', {}, verdictMark(verdicts[index] ?? '')),
    ),
  );
  const shown = rows.slice(-MOST_ROWS).reverse();
  return scrollable(
    `${name} over time`,
    el(
      'table',
      {},
      el('caption', {}, shown.length < rows.length ? `The last ${MOST_ROWS} of ${rows.length}, newest first` : 'Newest first'),
      headRow(['At', 'New version', 'Stable', 'At least', 'At most', 'Verdict']),
      el('tbody', {}, ...shown),
    ),
  );
};
