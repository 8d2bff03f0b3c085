// @ts-check
/** @import { HistoryEntry, OpenQuestion, RolloutSpec, RolloutStatus, RolloutView } from '../rollout/index.ts' */
/** @import { TimelinePoint } from '../controller/view-ports.ts' */

/**
 * What the API tells of one Rollout.
 * @typedef {object} Detail
 * @property {string} namespace
 * @property {string} name
 * @property {RolloutSpec} spec
 * @property {RolloutStatus} [status]
 * @property {OpenQuestion} [question]
 * @property {string} [ask] What people are asked, in the words of the spec.
 * @property {RolloutView} view
 * @property {{ update: boolean, approve: boolean }} may
 * @property {readonly { title: string, url: string }[]} links
 */

/**
 * A gate with its limit, also where the status has forgotten the plan.
 * @typedef {RolloutView['gates'][number]} Gate
 */

/**
 * What is wrong, for the box at the top.
 * @typedef {object} Cause
 * @property {string} title
 * @property {string} sentence
 * @property {readonly Gate[]} gates Those that made it so.
 * @property {string} [at] When it was decided, RFC 3339.
 * @property {boolean} isDecided There is a decision, with a record, that it led to.
 */

/** `v1 → v2`; one version alone while nothing is under way. */
export const versionsText = (/** @type {RolloutView['versions']} */ { wanted, stable, canary }) => {
  if (stable === undefined) return canary ?? wanted;
  const next = canary ?? wanted;
  return next === stable ? stable : `${stable} → ${next}`;
};

/** `>= 99 %`; nothing without bounds. */
export const boundsText = (/** @type {{ min?: number | undefined, max?: number | undefined }} */ { min, max }, unit = '') => {
  const after = unit === '' ? '' : ` ${unit}`;
  const bounds = [...(min === undefined ? [] : [`>= ${min}${after}`]), ...(max === undefined ? [] : [`<= ${max}${after}`])];
  return bounds.join(' and ');
};

/**
 * The gates; an attempt that is over has no plan any more, so its limits and units come from the timeline.
 * @param {RolloutView} view
 * @param {readonly TimelinePoint[]} points
 * @returns {readonly Gate[]}
 */
export const gatesShown = ({ gates }, points) =>
  gates.map(gate => {
    if (gate.limit !== undefined) return gate;
    const seen = points
      .flatMap(point => point.gates)
      .findLast(({ name, min, max }) => name === gate.name && (min !== undefined || max !== undefined));
    if (seen === undefined) return gate;
    const { value, baseline } = gate;
    return {
      ...gate,
      ...(value === undefined ? {} : { value: withUnit(value, seen.unit) }),
      ...(baseline === undefined ? {} : { baseline: withUnit(baseline, seen.unit) }),
      limit: boundsText(seen, seen.unit),
    };
  });

/** A number that has lost its unit gets it back. */
const withUnit = (/** @type {string} */ text, /** @type {string} */ unit) =>
  unit === '' || !/^[\d.,]+$/.test(text) ? text : `${text} ${unit}`;

const OVER = ['RolledBack', 'RollingBack', 'Invalid'];
const BAD = ['Fail', 'Error', 'NoData'];

/**
 * What a person who comes at night has to see first; nothing while all goes as it should.
 * @param {Detail} detail
 * @param {readonly TimelinePoint[]} points
 * @returns {Cause | undefined}
 */
export const causeOf = ({ view, status }, points) => {
  const { phase, title, message, since, attention } = view;
  const isOver = OVER.includes(phase);
  const isStoppedByGate = view.reason === 'PausedByGate';
  if (!isOver && !isStoppedByGate && attention !== 'troubled') return undefined;
  const isByGate = isStoppedByGate || view.reason === 'GateFailed' || view.reason === 'UnattributedFailures';
  const wanted = isOver || isStoppedByGate ? (isByGate ? ['Fail'] : []) : BAD;
  const gates = phase === 'Invalid' ? [] : gatesShown(view, points).filter(({ verdict }) => wanted.includes(verdict));
  const at = turnedAt(view, points) ?? entryOf(status)?.at ?? since;
  return {
    title,
    sentence: message,
    gates,
    ...(at === undefined ? {} : { at }),
    isDecided: phase === 'RolledBack' || phase === 'RollingBack' || phase === 'Paused',
  };
};

/**
 * When the traffic began to go back: the attempt is over only after the mesh has obeyed.
 * @param {RolloutView} view
 * @param {readonly TimelinePoint[]} points
 */
const turnedAt = ({ phase, revision }, points) => {
  if (phase !== 'RolledBack' && phase !== 'RollingBack') return undefined;
  return points.find((point, index) => point.revision === revision && point.phase === 'RollingBack' && isLastTurn(points, index))
    ?.at;
};

/** A step may have been entered again after a way back that was stopped. */
const isLastTurn = (/** @type {readonly TimelinePoint[]} */ points, /** @type {number} */ index) =>
  points.slice(index).every(({ phase }) => phase === 'RollingBack' || phase === 'RolledBack');

/** @returns {HistoryEntry | undefined} */
const entryOf = (/** @type {RolloutStatus | undefined} */ status) =>
  status?.phase === 'RolledBack' ? (status.history ?? []).findLast(({ action }) => action === 'rolledBack') : undefined;

/**
 * A line of advice; what stands behind its last `: ` is a command when it begins as one.
 * @param {string} line
 */
export const advice = line => {
  const found = /^(.*?): ((?:sluice|kubectl) .+)$/.exec(line);
  return found === null ? { words: line } : { words: found[1] ?? '', command: found[2] ?? '' };
};

const MARKS = {
  done: { sign: '✓', words: 'done' },
  now: { sign: '▶', words: 'now' },
  next: { sign: '○', words: 'to come' },
  back: { sign: '↩', words: 'put back' },
};

/** A sign for the eye and a word for all; a mark that is not known here is shown as it is. */
export const markOf = (/** @type {string} */ mark) =>
  Object.entries(MARKS).find(([known]) => known === mark)?.[1] ?? { sign: '·', words: mark };

const VERDICTS = {
  Pass: { sign: '✓', words: 'passes' },
  Fail: { sign: '✗', words: 'fails' },
  NoData: { sign: '?', words: 'no data' },
  Error: { sign: '!', words: 'no answer' },
  Pending: { sign: '…', words: 'not yet measured' },
  NotApplicable: { sign: '–', words: 'does not apply' },
};

/** As for marks. */
export const verdictOf = (/** @type {string} */ verdict) =>
  Object.entries(VERDICTS).find(([known]) => known === verdict)?.[1] ?? { sign: '·', words: verdict };
