// @ts-check
/** The fields of the filter. */
import { el } from './dom.js';
import { NO_FILTER, PHASES } from './lines.js';

/** @typedef {import('./lines.js').Filter} Filter */

/** @param {(part: Partial<Filter>) => void} onChange */
export const createFields = onChange => {
  const keys = { 'aria-keyshortcuts': '/', placeholder: 'name' };
  const name = el('input', { id: 'name', type: 'search', autocomplete: 'off', spellcheck: 'false', ...keys });
  const namespace = el('select', { id: 'namespace' });
  const phase = el('select', { id: 'phase' }, [option('', 'all phases'), ...PHASES.map(known => option(known, known))]);
  const clear = el('button', { type: 'button', class: 'quiet' }, 'Clear');
  name.addEventListener('input', () => onChange({ name: name.value }));
  namespace.addEventListener('change', () => onChange({ namespace: namespace.value }));
  phase.addEventListener('change', () => onChange({ phase: phase.value }));
  clear.addEventListener('click', () => onChange(NO_FILTER));
  listenForKeys(name, () => onChange({ name: '' }));
  return {
    element: el(
      'div',
      { class: 'fields', hidden: true },
      el('label', { for: 'name', class: 'unseen' }, 'Name'),
      el('span', { class: 'name-field' }, name, el('kbd', { 'aria-hidden': 'true' }, '/')),
      el('label', { for: 'namespace', class: 'unseen' }, 'Namespace'),
      namespace,
      el('label', { for: 'phase', class: 'unseen' }, 'Phase'),
      phase,
      clear,
    ),
    /** @param {Filter} filter */
    showFilter: filter => {
      if (name.value !== filter.name) name.value = filter.name;
      namespace.value = filter.namespace;
      phase.value = filter.phase;
      clear.disabled = Object.values(filter).every(value => value === '');
    },
    /**
     * @param {readonly string[]} namespaces
     * @param {string} chosen which may have no rollout any more
     */
    showNamespaces: (namespaces, chosen) => showNamespaces(namespace, namespaces, chosen),
  };
};

/**
 * @param {string} value
 * @param {string} text
 */
const option = (value, text) => el('option', { value }, text);

/**
 * @param {HTMLSelectElement} select
 * @param {readonly string[]} namespaces
 * @param {string} chosen
 */
const showNamespaces = (select, namespaces, chosen) => {
  const isKnown = chosen === '' || namespaces.includes(chosen);
  const values = ['', ...(isKnown ? [] : [chosen]), ...namespaces];
  const shown = [...select.options].map(({ value }) => value);
  if (shown.length > 0 && values.join() === shown.join()) return;
  select.replaceChildren(...values.map(value => option(value, value === '' ? 'all namespaces' : value)));
  select.value = chosen;
};

/**
 * `/` goes to the field, Escape empties it and leaves it.
 * @param {HTMLInputElement} field
 * @param {() => void} onClear
 */
const listenForKeys = (field, onClear) => {
  document.addEventListener('keydown', event => {
    const isTyping = event.target instanceof HTMLElement && event.target.matches('input, select, textarea');
    if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.select();
    field.focus();
  });
  field.addEventListener('keydown', event => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    if (field.value === '') field.blur();
    else onClear();
  });
};
