// @ts-check
/** @import { HistoryEntry } from '../rollout/index.ts' */
/** @import { TimelinePoint } from '../controller/view-ports.ts' */
import { sharesOf } from './charts.js';

/**
 * What a person or Sluice decided, on the line of the weight.
 * @typedef {object} Mark
 * @property {string} key
 * @property {string} at RFC 3339.
 * @property {string} label
 * @property {number | null} weight Share of the new version from then on, in percent; `null`: there was none.
 * @property {'good' | 'bad' | 'plain'} tone
 */

/** @type {Readonly<Record<string, string>>} */
const LABELS = {
  adopted: 'taken over',
  started: 'started',
  promoted: 'promoted',
  rolledBack: 'rolled back',
  stepPromoted: 'step ended by a person',
  refused: 'request refused',
  retried: 'tried again',
  superseded: 'replaced by a newer version',
  paused: 'paused',
  resumed: 'resumed',
  edited: 'steps or gates edited',
  approved: 'approved',
  rejected: 'rejected',
  ended: 'ended',
  retired: 'old version retired',
  raised: 'raised',
  lowered: 'lowered',
  restored: 'weights put back as they were',
};

/** An action of the history, or of a record, in words. */
export const actionText = (/** @type {string} */ action) => LABELS[action] ?? action;

const GOOD = ['promoted', 'approved'];
const BAD = ['rolledBack', 'rejected', 'lowered'];

/** How an action went, for colours and signs. */
export const toneOf = (/** @type {string} */ action) =>
  /** @type {Mark['tone']} */ (GOOD.includes(action) ? 'good' : BAD.includes(action) ? 'bad' : 'plain');

/**
 * Decisions of the history and steps of the timeline, oldest first; those from before the first point are left out.
 * @param {readonly HistoryEntry[]} history
 * @param {readonly TimelinePoint[]} points
 * @returns {readonly Mark[]}
 */
export const marksOf = (history, points) => {
  const [first] = points;
  if (first === undefined) return [];
  const decided = history.map(({ at, action, to }) => ({
    key: `${at} ${action}`,
    at,
    label: action === 'started' || action === 'promoted' ? `${to} ${actionText(action)}` : actionText(action),
    weight: action === 'started' ? weightOfStart(points, Date.parse(at), to) : weightAt(points, Date.parse(at)),
    tone: toneOf(action),
  }));
  return [...stepMarks(points), ...decided]
    .filter(({ at }) => Date.parse(at) >= Date.parse(first.at) - SAME_MS)
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
};

/** A decision and the status that tells of it are not stored in the same millisecond. */
const SAME_MS = 2_000;

/**
 * Steps that began, and ways back; they have no entry in the history.
 * @param {readonly TimelinePoint[]} points
 * @returns {readonly Mark[]}
 */
const stepMarks = points =>
  points.flatMap((point, index) => {
    /** @returns {readonly Mark[]} */
    const marked = (/** @type {string} */ label, /** @type {Mark['tone']} */ tone) => [
      { key: `${point.at} ${label}`, at: point.at, label, weight: point.weight, tone },
    ];
    const before = points[index - 1];
    const { step, weight, revision, phase } = point;
    if (phase === 'RollingBack' && before?.phase !== phase) return marked('goes back', 'bad');
    if (before === undefined || step === undefined || step === 0) return [];
    return before.step === step && before.revision === revision ? [] : marked(`step ${step} at ${weight} %`, 'plain');
  });

/** What a version begins with is in the status that tells of the start; the point before it is of the version before. */
const weightOfStart = (
  /** @type {readonly TimelinePoint[]} */ points,
  /** @type {number} */ atMs,
  /** @type {string} */ version,
) => {
  const isOfStart = (/** @type {TimelinePoint} */ point) =>
    point.version === version && Date.parse(point.at) >= atMs && Date.parse(point.at) <= atMs + SAME_MS;
  return points.find(isOfStart)?.weight ?? weightAt(points, atMs);
};

/** The share at a moment in ms: that of the last point before it. */
export const weightAt = (/** @type {readonly TimelinePoint[]} */ points, /** @type {number} */ atMs) =>
  sharesOf(points)[points.findLastIndex(({ at }) => Date.parse(at) <= atMs)] ?? null;
