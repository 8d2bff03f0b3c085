// @ts-check
/** @import { Detail } from './detail.js' */
/** @import { Plan, Verb } from './actions.js' */
import { answerPlan, requestPlan, titleOf, VERBS } from './actions.js';
import { timeEl } from './clock.js';
import { byId, el, setAttribute, setText } from './dom.js';
import { scrollable } from './gates.js';

/**
 * Buttons by which people steer; they stay where they are, whatever is true of them.
 * @param {{ detail: () => Detail | undefined, open: (plan: Plan) => void, askSignIn: (why: string) => void }} deps
 */
export const createPeople = ({ detail, open, askSignIn }) => {
  /** What cannot be done now, and why, by button. */
  const refusals = new Map();

  /**
   * @param {HTMLElement} button
   * @param {(shown: Detail) => Plan | undefined} planned
   */
  const wire = (button, planned) =>
    button.addEventListener('click', () => {
      const [shown, refusal] = [detail(), refusals.get(button)];
      if (shown === undefined) return;
      if (refusal !== undefined) return setText(byId('outcome'), refusal);
      const plan = planned(shown);
      if (plan === undefined) return setText(byId('outcome'), 'Nothing is asked any more; nothing was sent.');
      open(plan);
    });

  const buttons = VERBS.map(verb => {
    const why = el('span', { class: 'hint', id: `why-${verb}` });
    const button = el(
      'button',
      { type: 'button', 'aria-describedby': `why-${verb}`, class: verb === 'abort' ? 'grave' : '' },
      titleOf(verb),
    );
    wire(button, shown => requestPlan(verb, shown));
    byId('actions').append(el('div', { class: 'action' }, button, why));
    return { verb, button, why };
  });
  for (const decision of /** @type {const} */ (['approve', 'reject']))
    wire(byId(decision), shown => (shown.question === undefined ? undefined : answerPlan(decision, shown, shown.question)));

  const signIn = el('button', { type: 'button', class: 'quiet' }, 'Sign in');
  signIn.addEventListener('click', () => askSignIn(''));

  /**
   * @param {HTMLElement} button
   * @param {string | undefined} refusal
   */
  const setRefusal = (button, refusal) => {
    if (refusal === undefined) refusals.delete(button);
    else refusals.set(button, refusal);
    setAttribute(button, 'aria-disabled', refusal === undefined ? undefined : 'true');
  };

  return {
    /**
     * @param {Detail} shown
     * @param {boolean} isKnown the reader has signed in
     */
    show: (shown, isKnown) => {
      const { view, may, question } = shown;
      const right = isKnown ? 'update' : undefined;
      for (const { verb, button, why } of buttons) {
        const refusal = refusalOf(verb, shown);
        setRefusal(button, may.update ? refusal : mayNotText(isKnown, 'update'));
        setText(why, may.update && refusal !== undefined ? `Not now: ${refusal}` : '');
      }
      byId('actions-why').replaceChildren(
        ...(may.update ? [] : [mayNotText(isKnown, right ?? 'update'), ...(isKnown ? [] : [' ', signIn])]),
      );
      byId('question').hidden = question === undefined;
      for (const id of ['approve', 'reject']) setRefusal(byId(id), may.approve ? undefined : mayNotText(isKnown, 'approve'));
      setText(byId('approve-why'), may.approve ? '' : mayNotText(isKnown, 'approve'));
      if (question !== undefined) showQuestion(shown, question);
      showAnswers(shown.status?.approvals ?? []);
      if (view.lastRequest !== undefined && byId('outcome').textContent === '')
        setText(byId('outcome'), `Last request: ${view.lastRequest.verb}: ${view.lastRequest.outcome}`);
    },
  };
};

/** An abort that is refused only as it needs to be forced is no reason to keep the button shut. */
const refusalOf = (/** @type {Verb} */ verb, /** @type {Detail} */ shown) => {
  if (requestPlan(verb, shown).canForce) return undefined;
  return shown.view.actions.length === 0
    ? 'the controller has not looked at it yet'
    : shown.view.actions.find(action => action.verb === verb)?.refusal;
};

const mayNotText = (/** @type {boolean} */ isKnown, /** @type {string} */ right) =>
  isKnown
    ? `You may read this Rollout; this needs the verb ${right} on rollouts.sluice.dev in its namespace.`
    : 'You read without a name; sign in to act.';

/**
 * @param {Detail} shown
 * @param {NonNullable<Detail['question']>} question
 */
const showQuestion = ({ ask, view }, { step, weight, approval, given, askedAt }) => {
  const { required, approvers, when, timeoutMs, onTimeout } = approval;
  const version = view.versions.canary ?? 'the new version';
  const what =
    when === 'before'
      ? `Shall step ${step} begin, with ${weight} % of the requests on ${version}?`
      : `Shall step ${step} end, which has ${weight} % of the requests on ${version}?`;
  setText(byId('ask'), ask === undefined || ask === '' ? what : ask);
  const until = timeoutMs === undefined ? undefined : new Date(Date.parse(askedAt) + timeoutMs).toISOString();
  byId('given').replaceChildren(
    `${ask === undefined || ask === '' ? '' : `${what} `}Needs ${required} of ${approvers.join(', ')}. `,
    given.length === 0 ? 'Nobody has agreed so far. ' : `${given.join(', ')} ${given.length === 1 ? 'has' : 'have'} agreed. `,
    'Asked ',
    timeEl(askedAt, 'clock'),
    ...(until === undefined
      ? ['.']
      : ['; until ', timeEl(until, 'clock'), `, then ${onTimeout === 'hold' ? 'it goes on waiting' : 'all traffic goes back'}.`]),
  );
};

/** @param {NonNullable<NonNullable<Detail['status']>['approvals']>} approvals */
const showAnswers = approvals => {
  byId('answers-section').hidden = approvals.length === 0;
  const rows = approvals.map(({ at, step, by, decision, via, comment, revision }) =>
    el(
      'tr',
      {},
      el('td', {}, timeEl(at, 'clock')),
      el('td', {}, `step ${step}, ${revision}`),
      el('td', {}, by),
      el('td', {}, `${decision === 'approved' ? '✓' : '✗'} ${decision}`),
      el('td', {}, via),
      el('td', {}, comment ?? ''),
    ),
  );
  const head = ['At', 'About', 'Who', 'Said', 'By way of', 'Comment'].map(text => el('th', { scope: 'col' }, text));
  byId('answers').replaceChildren(
    scrollable('Table of answers', el('table', {}, el('thead', {}, el('tr', {}, ...head)), el('tbody', {}, ...rows.reverse()))),
  );
};
