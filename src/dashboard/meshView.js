// @ts-check
/** @import { MeshObjectView } from '../controller/view-ports.ts' */
import { byId, el, setText } from './dom.js';
import { folded, lineDiff, yamlLines } from './mesh.js';
import { api } from './session.js';

/**
 * The objects of the mesh as they are, and what the next steps, the end and the way back would change in them.
 * @param {{ namespace: string, name: string }} of
 */
export const createMesh = ({ namespace, name }) => {
  let seen = '';
  return {
    /** Asks anew; what has not changed stays as it is, opened or closed. */
    refresh: async () => {
      const answer = await api(`/api/v1/rollouts/${namespace}/${name}/mesh`);
      const problem = answer.ok ? answer.body.problem : answer.detail;
      setText(byId('mesh-problem'), problem ?? '');
      if (!answer.ok || JSON.stringify(answer.body.objects) === seen) return;
      seen = JSON.stringify(answer.body.objects);
      const open = new Set([...byId('mesh').querySelectorAll('details[open]')].map(part => part.getAttribute('data-key')));
      byId('mesh').replaceChildren(...answer.body.objects.map((/** @type {MeshObjectView} */ object) => objectEl(object, open)));
    },
  };
};

/**
 * @param {MeshObjectView} object
 * @param {ReadonlySet<string | null>} open
 */
const objectEl = ({ kind, namespace, name, now, later }, open) => {
  const lines = yamlLines(now);
  const title = `${kind} ${namespace}/${name}`;
  const part = (/** @type {string} */ summary, /** @type {Node} */ content) => {
    const key = `${title}: ${summary}`;
    return el('details', { 'data-key': key, open: open.has(key) }, el('summary', {}, summary), content);
  };
  return el(
    'div',
    { class: 'mesh-object' },
    el('h3', {}, title),
    part('as it is', el('pre', { tabindex: '0', 'aria-label': `${title} as it is` }, lines.join('\n'))),
    ...later.map(({ when, object }) => part(`${when}: what would change`, diffEl(lines, yamlLines(object), `${title}, ${when}`))),
    later.length === 0 ? el('p', { class: 'hint' }, 'Nothing in it would change.') : undefined,
  );
};

const SIGNS = { '+': 'added', '-': 'removed', ' ': 'same' };

/**
 * @param {readonly string[]} before
 * @param {readonly string[]} after
 * @param {string} label
 */
const diffEl = (before, after, label) => {
  const lines = folded(lineDiff(before, after)).map(line =>
    'skipped' in line
      ? el('span', { class: 'diff-skipped' }, `  … ${line.skipped} more ${line.skipped === 1 ? 'line' : 'lines'}, the same\n`)
      : el('span', { class: `diff-${SIGNS[line.sign]}` }, `${line.sign} ${line.text}\n`),
  );
  return el('pre', { class: 'diff', tabindex: '0', 'aria-label': label }, ...lines);
};
