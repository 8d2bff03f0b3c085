// @ts-check
/** @import { EvidenceRecord, HistoryEntry } from '../rollout/index.ts' */
/** @import { Line, RecordLine } from './record.js' */

import { timeEl } from './clock.js';
import { byId, el, setText } from './dom.js';
import { gateTable } from './gates.js';
import { commandLine } from './headline.js';
import { actionText, toneOf } from './marks.js';
import { decisionLines, decisiveDigest, measuredLines, replayCommand, worldLines } from './record.js';
import { api, hasToken } from './session.js';

/** @typedef {{ element: HTMLLIElement, toggle?: HTMLButtonElement, open: () => Promise<void> }} Shown */

/**
 * The list of decisions, newest first, with the record behind each. Records are asked for when somebody wants to see one:
 * that is read with the reader's own token.
 * @param {{ namespace: string, name: string, onMoment: (at: string) => void, askSignIn: (why: string) => void }} deps
 */
export const createHistory = ({ namespace, name, onMoment, askSignIn }) => {
  const path = `/api/v1/rollouts/${namespace}/${name}/records`;
  /** @type {readonly HistoryEntry[]} */
  let history = [];
  /** @type {readonly RecordLine[]} */
  let records = [];
  /** @type {Map<string, Shown>} */
  const shown = new Map();
  let isWithAll = false;
  /** What somebody wanted to see who has to sign in first. */
  let wanted = async () => {};

  /** Asks for the list of records; what is wrong is said. */
  const load = async () => {
    if (!hasToken()) {
      askSignIn('Records are read with your own token: sign in to see them.');
      return 'Records are read with your own token: sign in to see them.';
    }
    const answer = await api(path);
    if (!answer.ok) return answer.detail;
    records = answer.body.items;
    return undefined;
  };

  const paint = () => {
    const lines = decisionLines(history, isWithAll ? records : []);
    const keys = new Set(lines.map(({ key }) => key));
    for (const [key, { element }] of shown)
      if (!keys.has(key)) {
        element.remove();
        shown.delete(key);
      }
    const list = byId('history');
    for (const [place, line] of lines.entries()) {
      const known = shown.get(line.key) ?? createLine(line, { namespace, name, onMoment, recordOf, whenSignedIn });
      shown.set(line.key, known);
      if (list.children[place] !== known.element) list.insertBefore(known.element, list.children[place] ?? null);
    }
    if (lines.length === 0) list.replaceChildren(el('li', { class: 'hint' }, 'Nothing has happened yet.'));
  };

  /**
   * @param {string} digest
   * @returns {Promise<{ record: EvidenceRecord, line: RecordLine | undefined } | string>}
   */
  const recordOf = async digest => {
    const problem = records.some(known => known.digest === digest) ? undefined : await load();
    if (problem !== undefined) return problem;
    const answer = await api(`${path}/${digest}`);
    return answer.ok ? { record: answer.body, line: records.find(known => known.digest === digest) } : answer.detail;
  };

  const whenSignedIn = (/** @type {() => Promise<void>} */ again) => {
    if (!hasToken()) wanted = again;
  };

  const showAll = async () => {
    const problem = await load();
    setText(byId('history-problem'), problem ?? '');
    if (problem !== undefined) return whenSignedIn(showAll);
    isWithAll = true;
    byId('all-records').hidden = true;
    paint();
  };
  byId('all-records').addEventListener('click', showAll);

  /**
   * Opens the record of the decision that led to this phase, and leads there.
   * @type {(phase: string) => Promise<void>}
   */
  const openCause = async phase => {
    await showAll();
    // the field for the token has the focus
    if (!hasToken()) return whenSignedIn(() => openCause(phase));
    const digest = decisiveDigest(records, { phase, history });
    const key = decisionLines(history, isWithAll ? records : []).find(line => line.digest === digest)?.key;
    const entry = key === undefined ? undefined : shown.get(key);
    if (entry === undefined) return byId('history-title').scrollIntoView();
    await entry.open();
    entry.element.scrollIntoView();
    entry.toggle?.focus({ preventScroll: true });
  };

  return {
    /** @param {readonly HistoryEntry[]} entries */
    show: entries => {
      history = entries;
      paint();
    },
    openCause,
    /** To be called whenever it is known who reads: what was asked for before is shown now. */
    signedIn: () => {
      if (!hasToken()) return;
      const again = wanted;
      wanted = async () => {};
      again();
    },
  };
};

/**
 * @param {Line} line
 * @param {{ namespace: string, name: string, onMoment: (at: string) => void,
 *   recordOf: (digest: string) => Promise<{ record: EvidenceRecord, line: RecordLine | undefined } | string>,
 *   whenSignedIn: (again: () => Promise<void>) => void }} deps
 * @returns {Shown}
 */
const createLine = ({ at, action, reason, versions, message, digest }, { namespace, name, onMoment, recordOf, whenSignedIn }) => {
  const place = el('div', { class: 'record', hidden: true });
  const toggle = el('button', { type: 'button', class: 'quiet', 'aria-expanded': 'false' }, 'Evidence');
  toggle.setAttribute('aria-label', `Evidence of: ${actionText(action)}, ${at}`);
  const chart = el(
    'button',
    { type: 'button', class: 'quiet', 'aria-label': `In the charts: ${actionText(action)}, ${at}` },
    'In the charts',
  );
  chart.addEventListener('click', () => onMoment(at));
  const head = el(
    'div',
    { class: 'entry' },
    timeEl(at, 'clock'),
    el('strong', { 'data-tone': toneOf(action) }, actionText(action)),
    versions === '' ? undefined : el('span', {}, versions),
    reason === undefined ? undefined : el('span', { class: 'hint' }, reason),
    el('span', { class: 'together' }, digest === undefined ? undefined : toggle, chart),
  );
  const element = el('li', {}, head, el('p', {}, message), place);
  const setOpen = (/** @type {boolean} */ isOpen) => {
    place.hidden = !isOpen;
    toggle.setAttribute('aria-expanded', String(isOpen));
  };
  const open = async () => {
    if (digest === undefined) return;
    setOpen(true);
    place.replaceChildren(el('p', { class: 'hint', role: 'status' }, 'Reading the record ...'));
    const found = await recordOf(digest);
    if (typeof found === 'string')
      whenSignedIn(async () => {
        await open();
        element.scrollIntoView();
      });
    place.replaceChildren(
      typeof found === 'string'
        ? el('p', { class: 'problem', role: 'alert' }, found)
        : recordEl(found, digest, { namespace, name }),
    );
  };
  toggle.addEventListener('click', () => (place.hidden ? open() : setOpen(false)));
  return { element, toggle, open };
};

/**
 * A record in words, and as it is.
 * @param {{ record: EvidenceRecord, line: RecordLine | undefined }} found
 * @param {string} digest
 * @param {{ namespace: string, name: string }} of
 */
const recordEl = ({ record, line }, digest, { namespace, name }) => {
  const { status } = record.decision;
  return el(
    'div',
    {},
    el(
      'p',
      {},
      'Decided ',
      timeEl(record.at, 'clock'),
      ` by Sluice ${record.controller}: `,
      el('strong', {}, `${status.phase}, ${status.reason}`),
    ),
    el('p', {}, status.message),
    ...(line === undefined || line.gates.length === 0
      ? []
      : [el('h3', {}, 'Gates as they were seen'), gateTable(line.gates, 'Gates of this decision')]),
    el('h3', {}, 'Measured'),
    ...measuredOf(record),
    el('h3', {}, 'Mesh and pods'),
    el('ul', {}, ...worldLines(record).map(text => el('li', {}, text))),
    el('h3', {}, 'Decide again from it'),
    commandLine(replayCommand(namespace, name)),
    el(
      'details',
      {},
      el('summary', {}, `The record itself (${digest.slice(0, 12)})`),
      el('pre', { tabindex: '0' }, JSON.stringify(record, undefined, 2)),
    ),
  );
};

const measuredOf = (/** @type {EvidenceRecord} */ record) => {
  const measured = measuredLines(record);
  if (measured.length === 0) return [el('p', { class: 'hint' }, 'No measurement was part of this decision.')];
  return [
    el(
      'dl',
      { class: 'measured' },
      ...measured.flatMap(({ name, lines }) => [el('dt', {}, name), ...lines.map(text => el('dd', {}, text))]),
    ),
  ];
};
