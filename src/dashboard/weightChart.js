// @ts-check
/// <reference types="uplot" />
/** @import { TimelinePoint } from '../controller/view-ports.ts' */
/** @import { Mark } from './marks.js' */
/** @import { Moment } from './plot.js' */
import { sharesOf, weightData } from './charts.js';
import { setText } from './dom.js';
import { clockOf, colour, drawChosen, hideFromReaders, keepWidth, NARROWEST, Plot, shared, timeAxis, valueAxis } from './plot.js';
import { nowMs } from './time.js';

const HEIGHT = 220;

/** @type {Readonly<Record<Mark['tone'], string>>} */
const TONES = { good: '--fine', bad: '--broken', plain: '--ink' };

/** A sign at each decision, and its name where there is room for it; what goes back is a square, so that no colour has to be seen. */
const drawMarks = (/** @type {uPlot} */ plot, /** @type {readonly Mark[]} */ marks) => {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = 'bottom';
  ctx.textAlign = 'left';
  let freeFrom = bbox.left;
  for (const { at, weight, tone, label } of marks) {
    const [x, y] = [plot.valToPos(Date.parse(at) / 1_000, 'x', true), plot.valToPos(weight ?? 0, 'y', true)];
    if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) continue;
    ctx.fillStyle = colour(TONES[tone]);
    ctx.beginPath();
    if (tone === 'bad') ctx.rect(x - 4 * ratio, y - 4 * ratio, 8 * ratio, 8 * ratio);
    else ctx.arc(x, y, 4 * ratio, 0, 2 * Math.PI);
    ctx.fill();
    const width = ctx.measureText(label).width;
    const left = Math.min(x, bbox.left + bbox.width - width);
    if (left < freeFrom) continue;
    ctx.fillText(label, left, Math.max(y - 7 * ratio, bbox.top + 12 * ratio));
    freeFrom = left + width + 8 * ratio;
  }
  ctx.restore();
};

/**
 * The chart of the weight. `host` gets the canvas, `readout` what stands under the pointer.
 * @param {{ host: HTMLElement, readout: HTMLElement, moment: Moment }} deps
 */
export const createWeightChart = ({ host, readout, moment }) => {
  /** @type {readonly TimelinePoint[]} */
  let points = [];
  /** @type {readonly Mark[]} */
  let marks = [];
  const plot = new Plot(
    {
      ...shared(),
      width: Math.max(NARROWEST, host.clientWidth),
      height: HEIGHT,
      scales: { x: { range: () => moment.range }, y: { range: [0, 106] } },
      axes: [timeAxis(), { ...valueAxis(value => `${value} %`), splits: () => [0, 25, 50, 75, 100] }],
      series: [
        {},
        {
          stroke: () => colour('--accent'),
          fill: () => colour('--accent-area'),
          width: 2,
          ...stepped(),
          points: { show: false },
        },
      ],
      hooks: {
        draw: [
          self => {
            drawMarks(self, marks);
            drawChosen(self, moment);
          },
        ],
        setCursor: [self => setText(readout, readoutAt(self, points))],
      },
    },
    [[], []],
    host,
  );
  hideFromReaders(plot);
  keepWidth(plot, host, HEIGHT);
  return {
    plot,
    /**
     * @param {readonly TimelinePoint[]} known
     * @param {readonly Mark[]} decided
     */
    show: (known, decided) => {
      [points, marks] = [known, decided];
      plot.setData(weightData(known, nowMs()));
    },
  };
};

/** A share holds until the next one. */
const stepped = () => {
  const paths = Plot.paths.stepped?.({ align: 1 });
  return paths === undefined ? {} : { paths };
};

/** What was true where the pointer is. */
const readoutAt = (/** @type {uPlot} */ plot, /** @type {readonly TimelinePoint[]} */ points) => {
  const { left } = plot.cursor;
  if (left === undefined || left < 0) return '';
  const seconds = plot.posToVal(left, 'x');
  const index = points.findLastIndex(({ at }) => Date.parse(at) <= seconds * 1_000);
  const [point, share] = [points[index], sharesOf(points)[index] ?? null];
  if (point === undefined) return '';
  const step = point.step === undefined ? '' : `, step ${point.step}`;
  return `${clockOf(seconds)}: ${point.version} ${share === null ? 'is stable' : `${share} %`}${step}, ${point.phase}`;
};
