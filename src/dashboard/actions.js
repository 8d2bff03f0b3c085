// @ts-check
/** @import { OpenQuestion, RolloutView } from '../rollout/index.ts' */
/** @import { Detail } from './detail.js' */
import { versionsText } from './detail.js';

/** @typedef {RolloutView['actions'][number]['verb']} Verb */

/** In the order in which the buttons stand. */
export const VERBS = /** @type {const} */ (['promote', 'pause', 'resume', 'retry', 'abort']);

/**
 * What a button would send, as the page stood when the dialog was opened; what happens afterwards changes nothing in it.
 * @typedef {object} Plan
 * @property {'approve' | 'reject' | Verb} what
 * @property {string} title
 * @property {readonly string[]} sentences What it does, and to what.
 * @property {string} path
 * @property {Readonly<Record<string, unknown>>} body Without what the person writes.
 * @property {'comment' | 'reason'} field Name of what the person writes.
 * @property {boolean} isGrave All traffic goes back.
 * @property {boolean} canForce
 * @property {string} about Revision and step, to tell when the rollout has moved on.
 */

/** @type {Readonly<Record<Verb, string>>} */
const TITLES = { promote: 'Promote', pause: 'Pause', resume: 'Resume', retry: 'Retry', abort: 'Abort' };

/** What a button is called. */
export const titleOf = (/** @type {Verb} */ verb) => TITLES[verb];

/**
 * Only promote needs a step, and when it began: it would be another one's, or that of other steps (R11). The others name the attempt, so that a step that begins meanwhile
 * does not refuse an abort (R22).
 * @param {Verb} verb
 * @param {Detail} detail
 * @returns {Plan}
 */
export const requestPlan = (verb, { namespace, name, view, status }) => {
  const { revision, step, versions, reason, phase } = view;
  const startedAt = status?.step?.startedAt;
  return {
    what: verb,
    title: `${TITLES[verb]} ${namespace}/${name}`,
    sentences: [EFFECTS[verb](view), `Now: ${whereText(view)}.`],
    path: `/api/v1/rollouts/${namespace}/${name}/${verb}`,
    body: {
      ...(revision === undefined ? {} : { revision }),
      ...(verb === 'promote' && step !== undefined ? { step, ...(startedAt === undefined ? {} : { startedAt }) } : {}),
    },
    field: 'reason',
    isGrave: verb === 'abort',
    canForce: verb === 'abort' && versions.stable !== undefined && isWithoutStable(reason, phase, view),
    about: aboutText(view, startedAt),
  };
};

/** @type {Readonly<Record<Verb, (view: RolloutView) => string>>} */
const EFFECTS = {
  promote: ({ step, versions: { wanted, stable, canary } }) =>
    step === undefined
      ? `Makes ${canary ?? wanted} the stable version${stable === undefined ? '' : ` instead of ${stable}`}.`
      : `Ends step ${step} now: its pause is cut short, and data that are missing are not waited for. A gate that fails still stops it, and approvals are still asked.`,
  pause: () => 'Stops forward movement until somebody resumes. What protects goes on: it can still go back by itself.',
  resume: ({ reason, versions: { canary } }) =>
    reason === 'Drift' || reason === 'DriftPutDown'
      ? 'Writes the weights again as they were meant to be, and goes on.'
      : `Goes on${canary === undefined ? '' : ` with ${canary}`} from where it was paused.`,
  retry: ({ versions: { wanted, canary } }) => `Starts ${canary ?? wanted} again with the first step.`,
  abort: ({ versions: { stable } }) => `Puts all traffic back on ${stable ?? 'the stable version'} at once.`,
};

/** Going back waits for a stable pod; a person may insist (R6). */
const isWithoutStable = (
  /** @type {RolloutView['reason']} */ reason,
  /** @type {RolloutView['phase']} */ phase,
  /** @type {RolloutView} */ { waiting },
) => reason === 'WaitingForStable' || (phase === 'RollingBack' && waiting?.what === 'pods');

/** Revision, step, share and versions, as a person reads them out. */
const whereText = (/** @type {RolloutView} */ { phase, revision, step, steps, weight, versions }) =>
  [
    phase,
    ...(step === undefined ? [] : [`step ${step} of ${steps.length}`]),
    `${weight.intended} % of the requests on the new version`,
    versionsText(versions),
    ...(revision === undefined ? [] : [`revision ${revision}`]),
  ].join(', ');

const aboutText = (/** @type {RolloutView} */ { revision, step }, /** @type {string | undefined} */ startedAt) =>
  `${revision ?? ''} ${step ?? ''} ${startedAt ?? ''}`;

/**
 * An answer to what was asked, and to nothing that is asked later (R19).
 * @param {'approve' | 'reject'} decision
 * @param {Detail} detail
 * @param {OpenQuestion} question
 * @returns {Plan}
 */
export const answerPlan = (decision, { namespace, name, view }, question) => {
  const { revision, step, askedAt } = question;
  return {
    what: decision,
    title: `${decision === 'approve' ? 'Approve' : 'Reject'} step ${step} of ${namespace}/${name}`,
    sentences: [answerEffect(decision, view, question), `Now: ${whereText(view)}.`],
    path: `/api/v1/rollouts/${namespace}/${name}/approvals`,
    body: { decision, revision, step, askedAt },
    field: 'comment',
    isGrave: decision === 'reject',
    canForce: false,
    about: `${revision} ${step} ${askedAt}`,
  };
};

/**
 * @param {'approve' | 'reject'} decision
 * @param {RolloutView} view
 * @param {OpenQuestion} question
 */
const answerEffect = (decision, { versions: { stable, canary } }, { step, weight, approval, given }) => {
  if (decision === 'reject') return `Puts all traffic back on ${stable ?? 'the stable version'}: one rejection is enough.`;
  const left = approval.required - given.length - 1;
  const then = left > 0 ? `${left} more ${left === 1 ? 'person has' : 'people have'} to agree after you.` : '';
  const what = approval.when === 'before' ? `Lets step ${step} begin` : `Lets step ${step} end`;
  return `${what}${approval.when === 'before' ? ` at ${weight} %` : ''} for ${canary ?? 'the new version'}, if every gate passes. ${then}`.trim();
};

/** Has the rollout moved on since the dialog was opened? What stands in it is sent all the same, and refused if it is stale. */
export const hasMovedOn = (/** @type {Plan} */ { what, about }, /** @type {Detail} */ { view, question, status }) =>
  what === 'approve' || what === 'reject'
    ? question === undefined || `${question.revision} ${question.step} ${question.askedAt}` !== about
    : aboutText(view, status?.step?.startedAt) !== about;

const LONGEST_WRITTEN = 1_000;

/**
 * @param {Plan} plan
 * @param {{ written: string, force: boolean }} given
 */
export const bodyOf = ({ body, field, canForce }, { written, force }) => {
  const text = written.trim().replace(/\s+/g, ' ').slice(0, LONGEST_WRITTEN);
  return { ...body, ...(text === '' ? {} : { [field]: text }), ...(canForce && force ? { force } : {}) };
};

/**
 * What became of it; `isDone`: it is recorded, and nothing is left to send.
 * @param {Plan} plan
 * @param {{ ok: true, body: { outcome?: unknown } } | { ok: false, status: number, detail: string }} answer
 */
export const outcomeOf = ({ what, title }, answer) => {
  if (answer.ok) {
    const { outcome } = answer.body;
    return { isDone: true, text: `${title}: ${typeof outcome === 'string' ? outcome : 'recorded'}.` };
  }
  if (answer.status === 0)
    return {
      isDone: false,
      text: `Sluice does not answer; it is not known whether this was recorded: ${what}. Look before you send it again.`,
    };
  return { isDone: false, text: `Not recorded (${answer.status}): ${answer.detail}` };
};
