// @ts-check
/** The top of the list: how many there are of what, and what of it is shown. */
import { el, mark, setAttribute, setText } from './dom.js';
import { createFields } from './fields.js';
import { ATTENTION, countText, MEANINGS } from './lines.js';

/** @typedef {import('./lines.js').Filter} Filter */
/** @typedef {import('./lines.js').Attention} Attention */

/**
 * @typedef {object} Figures
 * @property {Readonly<Record<Attention, number>>} counts
 * @property {readonly string[]} namespaces
 * @property {number} all
 */

/**
 * @param {Filter} first
 * @param {(filter: Filter) => void} onChange
 */
export const createFilters = (first, onChange) => {
  let filter = first;
  /** @param {Filter} next */
  const set = next => {
    filter = next;
    fields.showFilter(filter);
    counters.press(filter.attention);
    onChange(filter);
  };
  const counters = createCounters(attention => set({ ...filter, attention: filter.attention === attention ? '' : attention }));
  const fields = createFields(part => set({ ...filter, ...part }));
  fields.showFilter(filter);
  counters.press(filter.attention);
  const total = el('span', { class: 'total' });
  const headline = el('div', { class: 'headline' }, el('h1', {}, 'Rollouts'), total);
  const attributes = { class: 'filters', role: 'search', 'aria-label': 'Rollouts' };
  return {
    element: el('div', attributes, headline, counters.element, fields.element),
    set,
    /** @param {Figures} figures */
    show: ({ counts, namespaces, all }) => {
      setText(total, String(all));
      counters.show(counts);
      fields.showNamespaces(namespaces, filter.namespace);
      counters.element.hidden = false;
      fields.element.hidden = false;
    },
  };
};

/** @param {(attention: Attention) => void} onPress */
const createCounters = onPress => {
  const counters = ATTENTION.map(attention => createCounter(attention, () => onPress(attention)));
  const attributes = { class: 'counters', role: 'group', 'aria-label': 'Attention', hidden: true };
  const buttons = counters.map(({ element }) => element);
  return {
    element: el('div', attributes, buttons),
    /** @param {Figures['counts']} counts */
    show: counts => {
      for (const counter of counters) counter.show(counts);
    },
    /** @param {Filter['attention']} pressed */
    press: pressed => {
      for (const counter of counters) counter.press(pressed);
    },
  };
};

/**
 * @param {Attention} attention
 * @param {() => void} onPress
 */
const createCounter = (attention, onPress) => {
  const text = el('span', {}, countText(attention, 0));
  const attributes = {
    type: 'button',
    class: 'counter',
    'data-attention': attention,
    title: MEANINGS[attention],
    onclick: onPress,
  };
  const element = el('button', attributes, mark(attention), text);
  return {
    element,
    /** @param {Figures['counts']} counts */
    show: counts => {
      setText(text, countText(attention, counts[attention]));
      element.toggleAttribute('data-none', counts[attention] === 0);
    },
    /** @param {Filter['attention']} pressed */
    press: pressed => setAttribute(element, 'aria-pressed', String(pressed === attention)),
  };
};
