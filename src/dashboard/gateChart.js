// @ts-check
/// <reference types="uplot" />
/** @import { GateData } from './charts.js' */
/** @import { Moment } from './plot.js' */
import { el, setText } from './dom.js';
import { clockOf, colour, drawChosen, hideFromReaders, keepWidth, NARROWEST, Plot, shared, timeAxis, valueAxis } from './plot.js';

const HEIGHT = 150;

/**
 * A small chart of one gate: the new version, the stable one, and the limits.
 * @param {{ host: HTMLElement, readout: HTMLElement, moment: Moment, unit: string }} deps
 */
export const createGateChart = ({ host, readout, moment, unit }) => {
  const after = unit === '' ? '' : ` ${unit}`;
  const limit = {
    stroke: () => colour('--broken'),
    width: 1.5,
    dash: [6, 4],
    points: { show: false },
    spanGaps: true,
  };
  const plot = new Plot(
    {
      ...shared(),
      width: Math.max(NARROWEST, host.clientWidth),
      height: HEIGHT,
      scales: { x: { range: () => moment.range }, y: { range: (_, least, most) => spread(least, most) } },
      axes: [timeAxis(), { ...valueAxis(value => `${value}${after}`), space: 28 }],
      series: [
        {},
        { stroke: () => colour('--accent'), width: 2, spanGaps: false, points: { size: 4 } },
        { stroke: () => colour('--soft'), width: 1.5, dash: [2, 3], spanGaps: false, points: { show: false } },
        limit,
        limit,
      ],
      hooks: {
        draw: [self => drawChosen(self, moment)],
        setCursor: [
          self => {
            const { idx, left } = self.cursor;
            const isOver = left !== undefined && left >= 0 && idx !== null && idx !== undefined;
            setText(readout, isOver ? figuresAt(self.data, idx, after) : '');
          },
        ],
      },
    },
    [[], [], [], [], []],
    host,
  );
  hideFromReaders(plot);
  keepWidth(plot, host, HEIGHT);
  return {
    plot,
    /** @param {GateData} data */
    show: data => plot.setData(extended(data, moment)),
  };
};

/**
 * Limits reach over the whole chart, as they are what values are held against.
 * @param {GateData} data
 * @param {Moment} moment
 * @returns {uPlot.AlignedData}
 */
const extended = ({ times, value, baseline, min, max }, { range }) => {
  const end = Math.max(range[1], (times.at(-1) ?? 0) + 0.001);
  const last = (/** @type {(number | null)[]} */ list) => list.findLast(item => item !== null) ?? null;
  return [
    [...times, end],
    [...value, null],
    [...baseline, null],
    [...min, last(min)],
    [...max, last(max)],
  ];
};

/** Some room above and below; a constant value stands in the middle. */
const spread = (/** @type {number | null} */ least, /** @type {number | null} */ most) => {
  if (least === null || most === null) return /** @type {[number, number]} */ ([0, 1]);
  const room = (most - least) * 0.15 || Math.abs(most) * 0.1 || 1;
  return /** @type {[number, number]} */ ([least >= 0 ? Math.max(0, least - room) : least - room, most + room]);
};

const figuresAt = (/** @type {uPlot.AlignedData} */ data, /** @type {number} */ index, /** @type {string} */ after) => {
  const [times, value, baseline] = data;
  const [at, now, stable] = [times?.[index], value?.[index], baseline?.[index]];
  if (at === undefined || now === null || now === undefined) return '';
  return `${clockOf(at)}: ${now}${after}${stable === null || stable === undefined ? '' : `, stable ${stable}${after}`}`;
};

/** What the lines of a chart of a gate are; drawn as they are drawn there. */
export const gateLegend = (/** @type {GateData} */ { baseline, min, max }) =>
  el(
    'p',
    { class: 'legend' },
    el('span', { class: 'key key-new' }, 'new version'),
    baseline.some(value => value !== null) ? el('span', { class: 'key key-stable' }, 'stable version') : undefined,
    [...min, ...max].some(value => value !== null) ? el('span', { class: 'key key-limit' }, 'limit') : undefined,
  );
