// @ts-check
/** One row of the list. It is made once from a template, and only what changes is written again. */
import { setTime } from './clock.js';
import { el, mark, setAttribute, setMark, setText } from './dom.js';
import { causeOf, versionsOf, weightOf } from './lines.js';

/** @typedef {import('./lines.js').Line} Line */

/** Roles are written out, as a table that is laid out as a grid or as cards is a table no more for some browsers. */
const TEMPLATE = () =>
  el(
    'tr',
    { role: 'row', class: 'line' },
    el('td', { role: 'cell', class: 'state' }, mark('waits'), el('span', { class: 'phase' }), el('span', { class: 'title' })),
    el(
      'th',
      { role: 'rowheader', scope: 'row', class: 'rollout' },
      el('a', {}, el('span', { class: 'namespace' }), el('span', { class: 'name' })),
    ),
    el('td', { role: 'cell', class: 'versions' }),
    el('td', { role: 'cell', class: 'step' }),
    el(
      'td',
      { role: 'cell', class: 'weight' },
      el('span', { class: 'gauge' }, el('span', { class: 'fill' })),
      el('span', { class: 'percent' }),
    ),
    el('td', { role: 'cell', class: 'waits' }, el('span', {}), ' ', el('time', { class: 'countdown' })),
    el('td', { role: 'cell', class: 'message' }),
    el('td', { role: 'cell', class: 'since' }, el('time', {})),
  );

/** @type {HTMLTableRowElement | undefined} */
let template;

/** @typedef {ReturnType<typeof createRow>} Row */

/** @param {Line} first */
export const createRow = first => {
  template ??= TEMPLATE();
  const element = /** @type {HTMLTableRowElement} */ (template.cloneNode(true));
  const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (element.querySelector(selector));
  const picture = /** @type {SVGElement} */ (element.querySelector('.mark'));
  const [phase, title, link, versions, step] = [part('.phase'), part('.title'), part('a'), part('.versions'), part('.step')];
  const [gauge, fill, percent, waits, message] = [
    part('.gauge'),
    part('.fill'),
    part('.percent'),
    part('.waits span'),
    part('.message'),
  ];
  const countdown = /** @type {HTMLTimeElement} */ (part('.countdown'));
  const since = /** @type {HTMLTimeElement} */ (part('.since time'));

  setText(part('.namespace'), `${first.namespace}/`);
  setText(part('.name'), first.name);
  setAttribute(link, 'href', `/rollouts/${encodeURIComponent(first.namespace)}/${encodeURIComponent(first.name)}`);

  /** @type {Line | undefined} */
  let shown;

  /** @param {Line} line what is the same object says the same */
  const show = line => {
    if (line === shown) return;
    shown = line;
    setAttribute(element, 'data-attention', line.attention);
    setMark(picture, line.attention);
    setText(phase, line.phase);
    setText(title, causeOf(line));
    setText(versions, versionsOf(line));
    setText(step, line.step ?? '');
    showWeight(weightOf(line));
    setText(waits, line.waitingFor?.words ?? '');
    setTime(countdown, line.waitingFor?.until, 'countdown');
    setText(message, line.message);
    setTime(since, line.since, 'age');
  };

  /** @param {number | undefined} weight */
  const showWeight = weight => {
    gauge.hidden = weight === undefined;
    setText(percent, weight === undefined ? '' : `${weight}%`);
    fill.style.setProperty('--share', String((weight ?? 0) / 100));
  };

  show(first);
  return { element, show };
};
