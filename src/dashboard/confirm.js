// @ts-check
/** @import { Plan } from './actions.js' */
/** @import { Detail } from './detail.js' */
import { bodyOf, hasMovedOn, outcomeOf } from './actions.js';
import { el, setText } from './dom.js';
import { api } from './session.js';

/**
 * The dialog that says what will be sent, and sends it: what was shown when it was opened, whatever has happened since
 * (R19, R22). What is not recorded can be sent again, so what a person wrote stays.
 * @param {{ onOutcome: (text: string) => void }} deps
 */
export const createConfirm = ({ onOutcome }) => {
  const title = el('h2', { id: 'confirm-title' });
  const sentences = el('div', { id: 'confirm-what' });
  const sent = el('p', { class: 'hint' });
  const label = el('label', { for: 'confirm-text' });
  const written = el('textarea', { id: 'confirm-text', maxlength: '1000', rows: '2' });
  const force = el('input', { id: 'confirm-force', type: 'checkbox' });
  const forceLine = el(
    'p',
    {},
    force,
    ' ',
    el('label', { for: 'confirm-force' }, 'Force: also if the stable version has no ready pod to take the traffic'),
  );
  const moved = el('p', { class: 'problem', role: 'status' });
  const problem = el('p', { class: 'problem', role: 'alert' });
  const send = el('button', { type: 'button', class: 'send' });
  const cancel = el('button', { type: 'button', class: 'quiet' }, 'Cancel');
  const dialog = el(
    'dialog',
    { class: 'confirm', 'aria-labelledby': 'confirm-title', 'aria-describedby': 'confirm-what' },
    title,
    sentences,
    sent,
    el('div', { class: 'field' }, label, written),
    forceLine,
    moved,
    problem,
    el('div', { class: 'together' }, send, cancel),
  );
  document.body.append(dialog);

  /** @type {Plan | undefined} */
  let plan;
  const isSending = () => send.disabled;

  const close = () => {
    if (!isSending()) dialog.close();
  };
  cancel.addEventListener('click', close);
  dialog.addEventListener('cancel', event => {
    if (isSending()) event.preventDefault();
  });

  const showSent = () => {
    if (plan !== undefined)
      setText(
        sent,
        `Will be sent: ${plan.what} ${JSON.stringify(bodyOf(plan, { written: written.value, force: force.checked }))}`,
      );
  };
  written.addEventListener('input', showSent);
  force.addEventListener('change', showSent);

  send.addEventListener('click', async () => {
    if (plan === undefined || isSending()) return;
    const opened = plan;
    setText(problem, '');
    [send.disabled, cancel.disabled] = [true, true];
    const body = bodyOf(opened, { written: written.value, force: force.checked });
    const outcome = outcomeOf(opened, await api(opened.path, { method: 'POST', body }));
    [send.disabled, cancel.disabled] = [false, false];
    onOutcome(outcome.text);
    if (!outcome.isDone) return setText(problem, outcome.text);
    dialog.close();
  });

  return {
    /** @param {Plan} next */
    open: next => {
      plan = next;
      setText(title, next.title);
      sentences.replaceChildren(...next.sentences.map(sentence => el('p', {}, sentence)));
      setText(
        label,
        next.field === 'reason' ? 'Reason (optional; everybody who may read the Rollout sees it)' : 'Comment (optional)',
      );
      written.value = '';
      force.checked = false;
      forceLine.hidden = !next.canForce;
      setText(moved, '');
      setText(problem, '');
      setText(send, next.what.charAt(0).toUpperCase() + next.what.slice(1));
      send.classList.toggle('grave', next.isGrave);
      showSent();
      dialog.showModal();
      written.focus();
    },
    /** @param {Detail} detail what is true now */
    update: detail => {
      if (plan === undefined || !dialog.open || isSending()) return;
      setText(moved, hasMovedOn(plan, detail) ? `It has moved on since: ${detail.view.message}` : '');
    },
  };
};
