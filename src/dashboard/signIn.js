// @ts-check
/** The form for a token. */
import { el, setText } from './dom.js';
import { signIn } from './session.js';

/**
 * @param {() => Promise<string>} enter tries the token; answers with the sentence of the problem, or with nothing
 */
export const createSignIn = enter => {
  const field = el('input', { id: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true });
  const submit = el('button', { type: 'submit' }, 'Sign in');
  const cancel = el('button', { type: 'button', class: 'quiet', hidden: true }, 'Not now');
  const problem = el('p', { class: 'problem', role: 'alert' });
  const form = el(
    'form',
    { 'aria-labelledby': 'sign-in-title' },
    el('h2', { id: 'sign-in-title' }, 'Sign in'),
    el('label', { for: 'token' }, 'Kubernetes token, kept in this browser tab only'),
    el('div', { class: 'together' }, field, submit, cancel),
    problem,
    el(
      'p',
      { class: 'hint' },
      'To get one: ',
      el('code', {}, 'kubectl create token NAME -n NAMESPACE'),
      '. What you see and may do are the rights of that ServiceAccount.',
    ),
  );
  const element = el('section', { class: 'sign-in', hidden: true }, form);
  const close = () => {
    element.hidden = true;
    field.value = '';
    setText(problem, '');
  };
  cancel.addEventListener('click', close);
  element.addEventListener('keydown', event => {
    if (event.key === 'Escape' && !cancel.hidden) close();
  });
  form.addEventListener('submit', async event => {
    event.preventDefault();
    const wrong = signIn(field.value);
    if (wrong !== undefined) return setText(problem, wrong);
    submit.disabled = true;
    const why = await enter();
    submit.disabled = false;
    if (why === '') close();
    else setText(problem, why);
  });
  return {
    element,
    /**
     * @param {string} why a sentence; empty: what stands there already, if anything
     * @param {{isNeeded: boolean}} how `isNeeded`: there is nothing to see without it
     */
    open: (why, { isNeeded }) => {
      if (why !== '') setText(problem, why);
      cancel.hidden = isNeeded;
      if (!element.hidden) return;
      element.hidden = false;
      field.focus();
    },
  };
};
