// @ts-check
/**
 * Building elements. Everything that comes from outside is put in as text, never as markup.
 */

/** @typedef {Node | string | number | false | null | undefined} Child */

/**
 * An element. Of `props`, `on...` functions are listened with, `style` is an object of CSS properties, `true` is an
 * attribute without a value, `false` and undefined are none, and all others are attributes.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Readonly<Record<string, unknown>>} [props]
 * @param {...(Child | readonly Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export const el = (tag, props = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) setProp(element, name, value);
  element.append(...nodesOf(children));
  return element;
};

const SVG = 'http://www.w3.org/2000/svg';

/**
 * The same for SVG.
 * @param {string} tag
 * @param {Readonly<Record<string, unknown>>} [props]
 * @param {...(Child | readonly Child[])} children
 * @returns {SVGElement}
 */
export const svg = (tag, props = {}, ...children) => {
  const element = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  for (const [name, value] of Object.entries(props)) setProp(element, name, value);
  element.append(...nodesOf(children));
  return element;
};

/**
 * @param {readonly (Child | readonly Child[])[]} children
 * @returns {(Node | string)[]}
 */
const nodesOf = children =>
  children
    .flat()
    .filter(child => child !== false && child !== null && child !== undefined)
    .map(child => (child instanceof Node ? child : String(child)));

/**
 * @param {HTMLElement | SVGElement} element
 * @param {string} name
 * @param {unknown} value
 */
const setProp = (element, name, value) => {
  if (value === undefined || value === null || value === false) return;
  if (typeof value === 'function') {
    element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    return;
  }
  if (name === 'style') {
    // by CSSOM, which the content security policy lets pass
    for (const [property, text] of Object.entries(value)) element.style.setProperty(property, String(text));
    return;
  }
  element.setAttribute(name, value === true ? '' : String(value));
};

/**
 * Writes only what is new, so that what did not change is not laid out again.
 * @param {Node} node
 * @param {string} text
 */
export const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | undefined} value undefined: without it
 */
export const setAttribute = (element, name, value) => {
  if (value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
};

/**
 * An element that the page has for certain; throws Error when the markup lost it.
 * @param {string} id
 * @returns {HTMLElement}
 */
export const byId = id => {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element ${id}`);
  return element;
};

/** Drawn on 16 by 16, in the colour of the text around. Each has a shape of its own: no colour has to be seen. */
const MARKS = {
  broken: 'M5 1h6l4 4v6l-4 4H5l-4-4V5zM5.5 5.5l5 5M10.5 5.5l-5 5',
  asks: 'M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1M5.8 6.2a2.2 2.2 0 1 1 3.2 2c-.7.4-1 .8-1 1.5M8 11.9v.1',
  troubled: 'M8 1.5l7 12.5H1zM8 6v3.8M8 11.9v.1',
  moves: 'M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1M4.8 8h6.2M8.4 5.3L11.1 8l-2.7 2.7',
  waits: 'M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1M8 4.5V8l2.4 1.6',
  fine: 'M2.5 8.5l3.6 3.7 7.4-8',
};

/** @typedef {keyof typeof MARKS} Mark */

/**
 * The picture of how much a rollout needs a person; the words stand beside it, so it is nothing for a screen reader.
 * @param {Mark} name
 */
export const mark = name =>
  svg('svg', { class: 'mark', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d: MARKS[name] }));

/**
 * @param {SVGElement} picture that `mark` has made
 * @param {Mark} name
 */
export const setMark = (picture, name) => {
  const [path] = picture.children;
  if (path !== undefined) setAttribute(path, 'd', MARKS[name]);
};
