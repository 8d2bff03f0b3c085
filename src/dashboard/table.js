// @ts-check
/** The table of the list. Rows stay where they are while somebody points at them, and are made only when they are shown. */
import { el, setText } from './dom.js';
import { createHold } from './hold.js';
import { keyOf, longestRising } from './lines.js';
import { createRow } from './row.js';

/** @typedef {import('./lines.js').Line} Line */
/** @typedef {import('./row.js').Row} Row */

const COLUMNS = [
  ['state', 'State'],
  ['rollout', 'Rollout'],
  ['versions', 'Version'],
  ['step', 'Step'],
  ['weight', 'Weight'],
  ['waits', 'Waits for'],
  ['message', 'Why'],
  ['since', 'Since'],
];

/** Rows that are made in one go: about what a reader sees at first. */
const AT_ONCE = 40;
/** How long a row shows that it has moved. */
const MARKED_MS = 4_000;

export const createTable = () => {
  const { head, showCount } = createHead();
  const body = el('tbody', { role: 'rowgroup' });
  const caption = el('caption', { class: 'unseen' }, 'Rollouts, those that need attention first');
  const rows = new Rows(body);
  return {
    element: el('table', { role: 'table', class: 'lines', hidden: true }, caption, head, body),
    /**
     * @param {readonly Line[]} lines in their order
     * @param {{isAsked: boolean, all: number}} how `isAsked`: the reader wants it so, and sees it at once; `all`: with those
     *   that are filtered out
     */
    show: (lines, { isAsked, all }) => {
      showCount(lines.length, all);
      rows.show(lines, { isAsked });
    },
  };
};

const createHead = () => {
  const titles = COLUMNS.map(([name, title]) => el('th', { role: 'columnheader', scope: 'col', class: name }, title));
  const count = el('span');
  titles[1]?.append(count);
  return {
    head: el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, titles)),
    showCount: (/** @type {number} */ shown, /** @type {number} */ all) =>
      setText(count, shown === all ? '' : ` (${shown} of ${all})`),
  };
};

class Rows {
  #body;
  #hold;
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {readonly Line[]} */
  #wanted = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #rest;

  /** @param {HTMLElement} body */
  constructor(body) {
    this.#body = body;
    this.#hold = createHold(body, () => this.#place());
  }

  /**
   * @param {readonly Line[]} lines
   * @param {{isAsked: boolean}} how
   */
  show(lines, { isAsked }) {
    this.#wanted = lines;
    for (const line of lines) this.#rows.get(keyOf(line))?.show(line);
    if (isAsked || this.#rest !== undefined || !this.#hold.defers()) this.#place();
    else for (const row of this.#misplaced()) row.setAttribute('data-moves', '');
  }

  /** Takes rows away, moves them and makes new ones, these in portions, the first ones first. */
  #place() {
    clearTimeout(this.#rest);
    this.#rest = undefined;
    const focused = this.#body.contains(document.activeElement) ? document.activeElement : null;
    this.#dropOthers(new Set(this.#wanted.map(keyOf)));
    const misplaced = this.#misplaced();
    for (const row of misplaced) row.remove();
    this.#fill(misplaced);
    // what is moved loses the focus, although it is the same
    if (focused instanceof HTMLElement && focused.isConnected) focused.focus({ preventScroll: true });
  }

  #misplaced() {
    const elements = this.#wanted.flatMap(line => this.#rows.get(keyOf(line))?.element ?? []);
    return misplacedOf(elements, this.#body);
  }

  /** @param {ReadonlySet<string>} keys of those that stay */
  #dropOthers(keys) {
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
  }

  /** @param {ReadonlySet<HTMLElement>} misplaced */
  #fill(misplaced) {
    let made = 0;
    let next = this.#body.firstElementChild;
    for (const line of this.#wanted) {
      const known = this.#rows.get(keyOf(line));
      if (known === undefined && made === AT_ONCE) {
        this.#rest = setTimeout(() => this.#place());
        return;
      }
      const row = known ?? createRow(line);
      if (known === undefined) made += 1;
      this.#rows.set(keyOf(line), row);
      if (row.element === next) next = next.nextElementSibling;
      else this.#body.insertBefore(row.element, next);
      if (misplaced.has(row.element)) markMoved(row.element);
    }
  }
}

/**
 * The rows that have to move so that all are in order, as few as there are.
 * @param {readonly HTMLTableRowElement[]} ordered
 * @param {Element} body
 * @returns {ReadonlySet<HTMLElement>}
 */
const misplacedOf = (ordered, body) => {
  const places = new Map([...body.children].map((element, at) => [element, at]));
  const kept = longestRising(ordered.map(element => places.get(element) ?? 0));
  return new Set(ordered.filter((_, at) => !kept.has(at)));
};

/** @param {HTMLElement} element */
const markMoved = element => {
  element.removeAttribute('data-moves');
  element.setAttribute('data-moved', '');
  setTimeout(() => element.removeAttribute('data-moved'), MARKED_MS);
};
