// @ts-check
/** @import { Cause, Detail } from './detail.js' */
import { timeEl } from './clock.js';
import { advice, markOf, versionsText } from './detail.js';
import { byId, el, mark, setText } from './dom.js';
import { gateFigures } from './gates.js';

/** Name, phase, versions, since when, and the sentence. */
export const showHeadline = (/** @type {Detail} */ { namespace, name, view, status }) => {
  setText(byId('name'), `${namespace}/${name}`);
  const { phase, title, attention, versions, since, weight, revision, step, steps, ended } = view;
  byId('state').replaceChildren(
    mark(attention),
    el('strong', { class: 'phase' }, phase),
    title.toLowerCase() === phase.toLowerCase() ? '' : el('span', {}, title),
  );
  byId('state').dataset['attention'] = attention;
  byId('facts').replaceChildren(
    ...[
      el('span', {}, 'version ', el('strong', {}, versionsText(versions))),
      step === undefined ? undefined : el('span', {}, `step ${step} of ${steps.length}`),
      step === undefined ? undefined : el('span', {}, weightText(weight)),
      ended === undefined ? undefined : el('span', {}, `stood at step ${ended.step}, ${ended.weight} %`),
      since === undefined ? undefined : el('span', {}, 'since ', timeEl(since, 'clock'), ' (', timeEl(since, 'age'), ')'),
      revision === undefined ? undefined : el('span', {}, `revision ${revision}`),
      status?.source === undefined ? undefined : el('span', {}, `Git ${status.source.name} ${status.source.revision}`),
    ].filter(part => part !== undefined),
  );
  setText(byId('message'), view.message);
};

const weightText = (/** @type {Detail['view']['weight']} */ { intended, observed, measured }) =>
  [
    `${intended} % intended`,
    ...(observed === undefined || observed === intended ? [] : [`${observed} % in the mesh`]),
    ...(measured === undefined ? [] : [`${Math.round(measured * 10) / 10} % measured`]),
  ].join(', ');

/** What went wrong, above everything else. */
export const showCause = (/** @type {Cause | undefined} */ cause) => {
  byId('cause').hidden = cause === undefined;
  if (cause === undefined) return;
  setText(byId('cause-title'), `${cause.title.charAt(0).toUpperCase()}${cause.title.slice(1)}`);
  byId('cause-body').replaceChildren(
    ...cause.gates.map(gate =>
      el('div', { class: 'culprit' }, el('h3', {}, gate.name), el('p', {}, gate.message), gateFigures(gate)),
    ),
    ...(cause.gates.length > 0 ? [] : [el('p', {}, cause.sentence)]),
  );
};

/** What it waits for, and until when. */
export const showWaiting = (/** @type {Detail['view']['waiting']} */ waiting) => {
  byId('waiting').hidden = waiting === undefined;
  if (waiting === undefined) return;
  const { words, until, since } = waiting;
  byId('waiting-words').replaceChildren(
    el('strong', {}, words),
    ...(until === undefined ? [] : [', until ', timeEl(until, 'clock'), ' (', timeEl(until, 'countdown'), ')']),
    ...(since === undefined ? [] : [', since ', timeEl(since, 'clock')]),
  );
};

/** The plan, a line each. */
export const showSteps = (/** @type {Detail['view']['steps']} */ steps) => {
  byId('steps').replaceChildren(
    ...steps.map(({ index, name, weight, mark: word, routes, pause, approval, answers = [], gates = [], startedAt }) => {
      const { sign, words } = markOf(word);
      const details = [
        ...(routes === undefined ? [] : [routes]),
        pause === 'until promoted' ? pause : pause === '0s' ? 'no pause' : `for ${pause}`,
        ...(approval === undefined ? [] : [`approval of ${approval}`]),
        ...answers.map(({ decision, by }) => `${decision} by ${by}`),
        ...(gates.length === 0 ? [] : [`gates of this step: ${gates.join(', ')}`]),
      ];
      return el(
        'li',
        { 'data-mark': word, ...(word === 'now' || word === 'back' ? { 'aria-current': 'step' } : {}) },
        el('span', { class: 'sign', 'aria-hidden': 'true' }, sign),
        el('span', { class: 'unseen' }, `${words}: `),
        el('span', { class: 'share' }, `${weight} %`),
        el(
          'span',
          {},
          `step ${index}${name === undefined ? '' : ` ${name}`}`,
          el('span', { class: 'hint' }, ` ${details.join(', ')}`),
          startedAt === undefined ? undefined : el('span', { class: 'hint' }, ', since ', timeEl(startedAt, 'clock')),
        ),
      );
    }),
  );
};

/** Advice; a command can be copied. */
export const showTodo = (/** @type {readonly string[]} */ todo) => {
  byId('todo-section').hidden = todo.length === 0;
  byId('todo').replaceChildren(
    ...todo.map(line => {
      const { words, command } = advice(line);
      return command === undefined ? el('li', {}, words) : el('li', {}, `${words}:`, commandLine(command));
    }),
  );
};

/** A command, and a button that copies it. */
export const commandLine = (/** @type {string} */ command) => {
  const code = el('code', {}, command);
  const said = el('span', { class: 'hint', role: 'status' });
  const copy = el('button', { type: 'button', class: 'quiet', 'aria-label': `Copy: ${command}` }, 'Copy');
  copy.addEventListener('click', async () => setText(said, await copied(command, code)));
  return el('span', { class: 'command' }, code, copy, said);
};

/** Browsers give the clipboard to pages by https only; elsewhere the text is selected. */
const copied = async (/** @type {string} */ text, /** @type {HTMLElement} */ code) => {
  try {
    await navigator.clipboard.writeText(text);
    return 'copied';
  } catch {
    getSelection()?.selectAllChildren(code);
    return 'selected: copy it with the keyboard';
  }
};

/** @param {Detail['links']} links */
export const showLinks = links => {
  const safe = links.filter(({ url }) => /^https?:\/\//i.test(url));
  byId('links-section').hidden = safe.length === 0;
  byId('links').replaceChildren(
    ...safe.map(({ title, url }) =>
      el('li', {}, el('a', { href: url, rel: 'noreferrer noopener', target: '_blank' }, `${title} (new tab)`)),
    ),
  );
};
