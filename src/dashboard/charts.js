// @ts-check
/** @import { TimelinePoint } from '../controller/view-ports.ts' */

/** What a page that stays open for days keeps; the oldest goes first. */
const MOST_POINTS = 2_000;

/** In seconds, as uPlot wants them. */
const secondsOf = (/** @type {string} */ at) => Date.parse(at) / 1_000;

/**
 * The points with one more, in the order of time; one that is known already changes nothing.
 * @param {readonly TimelinePoint[]} points
 * @param {TimelinePoint} point
 * @returns {readonly TimelinePoint[]}
 */
export const withPoint = (points, point) => {
  const atMs = Date.parse(point.at);
  if (Number.isNaN(atMs)) return points;
  const last = points.at(-1);
  if (last === undefined || Date.parse(last.at) < atMs) return [...points, point].slice(-MOST_POINTS);
  const others = points.filter(({ at }) => Date.parse(at) !== atMs);
  const place = others.filter(({ at }) => Date.parse(at) < atMs).length;
  return [...others.slice(0, place), point, ...others.slice(place)].slice(-MOST_POINTS);
};

/**
 * What two answers know together, the newer one's word first: after a break in the stream nothing is lost.
 * @param {readonly TimelinePoint[]} before
 * @param {readonly TimelinePoint[]} now
 * @returns {readonly TimelinePoint[]}
 */
export const together = (before, now) => {
  const known = new Map([...before, ...now].map(point => [Date.parse(point.at), point]));
  return [...known]
    .sort(([a], [b]) => a - b)
    .map(([, point]) => point)
    .slice(-MOST_POINTS);
};

/** Between two lines that are not one: of the version before, and of the new one. */
const BREAK_S = 0.001;

/**
 * The share of the new version at each point; `null` where there is none: nothing is under way, and what is stable is not the
 * version that was last seen on its way.
 * @param {readonly TimelinePoint[]} points
 * @returns {readonly (number | null)[]}
 */
export const sharesOf = points => {
  /** @type {string | undefined} */
  let tried;
  return points.map(({ step, phase, version, weight }) => {
    const isUnderWay = step !== undefined || phase === 'RolledBack' || phase === 'RollingBack';
    if (isUnderWay) tried = version;
    return isUnderWay || tried === version ? weight : null;
  });
};

/**
 * Times in seconds and shares of the new version, up to now: what holds at the last point still holds. Another version is
 * another line.
 * @param {readonly TimelinePoint[]} points
 * @param {number} nowMs
 * @returns {[number[], (number | null)[]]}
 */
export const weightData = (points, nowMs) => {
  const shares = sharesOf(points);
  /** @type {number[]} */
  const times = [];
  /** @type {(number | null)[]} */
  const weights = [];
  const add = (/** @type {number} */ time, /** @type {number | null} */ weight) => {
    times.push(time);
    weights.push(weight);
  };
  for (const [index, { at, version }] of points.entries()) {
    const [time, share, last] = [secondsOf(at), shares[index] ?? null, weights.at(-1) ?? null];
    if (last !== null && (share === null || points[index - 1]?.version !== version)) {
      add(time - 2 * BREAK_S, last);
      add(time - BREAK_S, null);
    }
    add(time, share);
  }
  if (times.length > 0 && nowMs / 1_000 > (times.at(-1) ?? 0)) add(nowMs / 1_000, weights.at(-1) ?? null);
  return [times, weights];
};

/** A line over no time at all is no line. */
const SHORTEST_MS = 10_000;
/** What nothing has happened in for long would press everything else together. */
const QUIET = 0.3;

/**
 * The time that charts show, in seconds: the last attempt, with a little of what was before and after it, or all.
 * @param {readonly TimelinePoint[]} points
 * @param {{ nowMs: number, isAll: boolean, isInProgress: boolean }} at
 * @returns {[number, number]}
 */
export const rangeOf = (points, { nowMs, isAll, isInProgress }) => {
  const times = points.map(({ at }) => Date.parse(at));
  const [first = nowMs, last = nowMs] = [times[0], times.at(-1)];
  const revision = points.findLast(point => point.revision !== undefined)?.revision;
  const beginMs = times[points.findIndex(point => point.revision === revision)] ?? first;
  const spanMs = Math.max(SHORTEST_MS, last - (isAll ? first : beginMs));
  const fromMs = isAll ? first : Math.max(first, beginMs - spanMs * 0.1);
  const untilMs = isInProgress ? Math.max(nowMs, last) : Math.max(last, Math.min(nowMs, last + spanMs * QUIET));
  return [Math.min(fromMs, untilMs - SHORTEST_MS) / 1_000, untilMs / 1_000];
};

/** Names of gates of which there is a number to draw, in the order in which they appeared. */
export const gateNames = (/** @type {readonly TimelinePoint[]} */ points) => [
  ...new Set(points.flatMap(({ gates }) => gates.filter(({ value }) => value !== undefined).map(({ name }) => name))),
];

/** Series of a chart of one gate, each as long as `times`; `null`: nothing was known. */
const SERIES = /** @type {const} */ (['value', 'baseline', 'min', 'max']);

/**
 * @typedef {object} GateData
 * @property {string} unit
 * @property {number[]} times In seconds.
 * @property {(number | null)[]} value
 * @property {(number | null)[]} baseline
 * @property {(number | null)[]} min
 * @property {(number | null)[]} max
 * @property {string[]} verdicts
 */

/**
 * @param {readonly TimelinePoint[]} points
 * @param {string} name
 * @returns {GateData}
 */
export const gateData = (points, name) => {
  const seen = points.flatMap(point => {
    const gate = point.gates.find(known => known.name === name);
    return gate === undefined ? [] : [{ at: point.at, gate }];
  });
  const [value, baseline, min, max] = SERIES.map(series => seen.map(({ gate }) => gate[series] ?? null));
  return {
    unit: seen.findLast(({ gate }) => gate.unit !== '')?.gate.unit ?? '',
    times: seen.map(({ at }) => secondsOf(at)),
    value: value ?? [],
    baseline: baseline ?? [],
    min: min ?? [],
    max: max ?? [],
    verdicts: seen.map(({ gate }) => gate.verdict),
  };
};

/** One sentence that says what the line shows, for those who do not see it. */
export const weightSentence = (/** @type {readonly TimelinePoint[]} */ points) => {
  const shares = sharesOf(points);
  const [version, last] = [points.at(-1)?.version, shares.at(-1) ?? null];
  const drawn = shares.filter((share, index) => share !== null && points[index]?.version === version);
  if (drawn.length === 0) return 'No version is on its way, and none was since this process knows of it.';
  const most = Math.max(...drawn.map(share => share ?? 0));
  return `Share of ${version} over time: ${most} % at most, ${last ?? 0} % now.`;
};

/** As for the weight. */
export const gateSentence = (/** @type {string} */ name, /** @type {GateData} */ { value, baseline, min, max, unit }) => {
  const [now, stable] = [value.findLast(isNumber), baseline.findLast(isNumber)];
  const after = unit === '' ? '' : ` ${unit}`;
  const limits = [
    ...(min.some(isNumber) ? [`at least ${min.findLast(isNumber)}${after}`] : []),
    ...(max.some(isNumber) ? [`at most ${max.findLast(isNumber)}${after}`] : []),
  ];
  const said = [
    `${name} of the new version: ${now ?? 'nothing'}${now === undefined ? '' : after} at last`,
    ...(stable === undefined ? [] : [`the stable version ${stable}${after}`]),
    ...(limits.length === 0 ? [] : [`the limit is ${limits.join(' and ')}`]),
  ];
  return `${said.join('; ')}.`;
};

const isNumber = (/** @type {number | null} */ value) => value !== null;
