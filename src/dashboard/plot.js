// @ts-check
/// <reference types="uplot" />
import { clockText, nowMs } from './time.js';

/** It comes as a script of its own, before this module. */
export const Plot = /** @type {{ uPlot: typeof uPlot }} */ (/** @type {unknown} */ (globalThis)).uPlot;

/** All charts of the page show the same time, and the same moment in it. */
const SYNC = 'rollout';
/** In CSS pixels. */
export const NARROWEST = 240;
/** Wide enough for `1,000 ms`. */
const AXIS_WIDTH = 58;
/** What the style sheet says; asked for at each drawing, as the scheme may change. */
export const colour = (/** @type {string} */ name) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim() || 'gray';

/** Time of day of the reader. */
export const clockOf = (/** @type {number} */ seconds) => clockText(new Date(seconds * 1_000).toISOString(), nowMs());

/**
 * What all charts share: the time that they show, and the moment in it that a person has chosen.
 * @typedef {object} Moment
 * @property {[number, number]} range In seconds.
 * @property {number} [chosen] In seconds.
 */

/** Times of day of the reader. @returns {uPlot.Axis} */
export const timeAxis = () => ({
  stroke: () => colour('--soft'),
  font: '12px system-ui, sans-serif',
  grid: { stroke: () => colour('--rule'), width: 1 },
  ticks: { show: false },
  space: 90,
  size: 30,
  values: (_, splits) => splits.map(clockOf),
});

/**
 * Figures of one kind.
 * @param {(value: number) => string} text
 * @returns {uPlot.Axis}
 */
export const valueAxis = text => ({
  stroke: () => colour('--soft'),
  font: '12px system-ui, sans-serif',
  grid: { stroke: () => colour('--rule'), width: 1 },
  ticks: { show: false },
  size: AXIS_WIDTH,
  values: (_, splits) => splits.map(text),
});

/** The dashed line at the moment that a person has chosen. */
export const drawChosen = (/** @type {uPlot} */ plot, /** @type {Moment} */ { chosen }) => {
  if (chosen === undefined) return;
  const { ctx, bbox } = plot;
  const x = Math.round(plot.valToPos(chosen, 'x', true));
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.save();
  ctx.strokeStyle = colour('--ink');
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
};

/** What is the same in all charts. @returns {Pick<uPlot.Options, 'legend' | 'cursor' | 'padding'>} */
export const shared = () => ({
  legend: { show: false },
  padding: [14, 30, 0, 0],
  cursor: { sync: { key: SYNC, scales: ['x', null] }, drag: { x: false, y: false }, y: false },
});

/** The text beside a chart says the same. */
export const hideFromReaders = (/** @type {uPlot} */ plot) => plot.root.setAttribute('aria-hidden', 'true');

/** As wide as its place, also when that changes. */
export const keepWidth = (/** @type {uPlot} */ plot, /** @type {HTMLElement} */ host, /** @type {number} */ height) => {
  new ResizeObserver(() => {
    const width = Math.max(NARROWEST, host.clientWidth);
    if (width !== plot.width) plot.setSize({ width, height });
  }).observe(host);
};

/** Colours are those of the scheme, from the moment on in which it changes. */
export const followScheme = (/** @type {() => readonly uPlot[]} */ plots) => {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const plot of plots()) plot.redraw(true, true);
  });
};
