// @ts-check
/** @import { EvidenceRecord, HistoryEntry, Measurement, RolloutView } from '../rollout/index.ts' */

/**
 * One of the records beside a Rollout, without its text.
 * @typedef {object} RecordLine
 * @property {string} digest
 * @property {number} attempt
 * @property {string} name
 * @property {string} at
 * @property {string} action
 * @property {string} phase
 * @property {number} [step]
 * @property {number} weight
 * @property {string} message
 * @property {RolloutView['gates']} gates
 */

/**
 * One line of the list of decisions: from the history, from a record, or from both.
 * @typedef {object} Line
 * @property {string} key
 * @property {string} at
 * @property {string} action
 * @property {string} [reason]
 * @property {string} versions
 * @property {string} message
 * @property {string} [digest]
 */

/**
 * The history and the records that stand between its entries, newest first.
 * @param {readonly HistoryEntry[]} history
 * @param {readonly RecordLine[]} records
 * @returns {readonly Line[]}
 */
export const decisionLines = (history, records) => {
  const told = new Set(history.map(({ evidence }) => evidence));
  const entries = history.map(({ at, action, reason, message, from, to, evidence }) => ({
    key: `${at} ${action} ${message}`,
    at,
    action,
    reason,
    versions: from === undefined || from === to ? to : `${from} → ${to}`,
    message,
    ...(evidence === undefined ? {} : { digest: evidence }),
  }));
  const others = records
    .filter(({ digest }) => !told.has(digest))
    .map(({ digest, at, action, message, step, weight }) => ({
      key: digest,
      at,
      action,
      versions: step === undefined ? '' : `step ${step} at ${weight} %`,
      message,
      digest,
    }));
  return [...entries, ...others]
    .map((line, order) => ({ line, order }))
    .sort(newestFirst)
    .map(({ line }) => line);
};

/** Of two at the same moment the later one of the history stands first. */
const newestFirst = (/** @type {{ line: Line, order: number }} */ a, /** @type {{ line: Line, order: number }} */ b) =>
  Date.parse(b.line.at) - Date.parse(a.line.at) || b.order - a.order;

/**
 * The record of the decision that led to this phase: the one that holds what was measured. The one that ended an attempt came
 * after it, when the mesh had obeyed.
 * @param {readonly RecordLine[]} records
 * @param {{ phase: string, history: readonly HistoryEntry[] }} now
 */
export const decisiveDigest = (records, { phase, history }) => {
  const end = phase === 'RolledBack' ? history.findLast(({ action }) => action === 'rolledBack')?.evidence : undefined;
  const attempt = records.find(({ digest }) => digest === end)?.attempt ?? Math.max(...records.map(record => record.attempt));
  const wanted = phase === 'Paused' ? 'paused' : 'lowered';
  return records.findLast(({ attempt: of, action }) => of === attempt && action === wanted)?.digest ?? end;
};

/**
 * What the mesh and the pods were, a line each.
 * @param {EvidenceRecord} record
 */
export const worldLines = ({ observation: { mesh, pods, writeError, freeze } }) => [
  ...(mesh.kind === 'problem'
    ? [`mesh: ${mesh.message}`]
    : mesh.objects.map(({ name, weights }) => `${name}: ${weightsText(weights.versions)}${foreignText(weights.foreign)}`)),
  ...Object.entries(pods).map(([version, { ready, total }]) => `${version}: ${ready} of ${total} pods ready`),
  ...(writeError === undefined ? [] : [`the last write failed: ${writeError}`]),
  ...(freeze === undefined ? [] : [`frozen by ${freeze.by} since ${freeze.since}`]),
];

const weightsText = (/** @type {Readonly<Record<string, number>>} */ versions) =>
  Object.entries(versions)
    .map(([version, weight]) => `${version === '*' ? 'no subset' : version} ${weight} %`)
    .join(', ');

const foreignText = (/** @type {number} */ foreign) => (foreign === 0 ? '' : `, other hosts ${foreign} %`);

/**
 * What was measured, a gate each: sentences, and the failures behind them.
 * @param {EvidenceRecord} record
 */
export const measuredLines = ({ observation: { measurements } }) =>
  Object.entries(measurements).map(([name, measurement]) => ({ name, lines: linesOf(name, measurement) }));

/** The gate that counts requests to the host, whatever the version. */
const BUILT_IN = 'unattributed';

/** @returns {readonly string[]} */
const linesOf = (/** @type {string} */ name, /** @type {Measurement} */ measurement) => {
  if (measurement.kind === 'error') return [`no answer: ${measurement.message}`];
  if (measurement.kind === 'none') return [`no number: ${measurement.message}`];
  if (measurement.kind === 'verdict')
    return [`the webhook says ${measurement.verdict}${measurement.message === undefined ? '' : `: ${measurement.message}`}`];
  if (measurement.kind === 'value')
    return [
      `${measurement.value} over ${measurement.windowMs / 1_000} s${measurement.samples === undefined ? '' : `, ${measurement.samples} samples`}`,
    ];
  const { counts, stable, causes = [], pods = [], hint, missing, canaryPercent } = measurement;
  return [
    name === BUILT_IN ? `reached no pod: ${countsText(counts)}` : `new version: ${countsText(counts)}`,
    ...(stable === undefined ? [] : [`stable version: ${countsText(stable)}`]),
    ...(causes.length === 0 ? [] : [`failures: ${causes.map(({ what, count }) => `${what} (${numberText(count)})`).join(', ')}`]),
    ...pods.map(({ name: pod, requests, failures }) => `pod ${pod}: ${numberText(failures)} of ${numberText(requests)} failed`),
    ...(canaryPercent === undefined ? [] : [`${Math.round(canaryPercent * 10) / 10} % of the requests reached the new version`]),
    ...(missing === undefined ? [] : [`missing: ${missing}`]),
    ...(hint === undefined ? [] : [hint]),
  ];
};

const countsText = (/** @type {{ bad: number, total: number }} */ { bad, total }) =>
  `${numberText(bad)} bad of ${numberText(total)}${total === 0 ? '' : ` (${Math.round((bad / total) * 10_000) / 100} %)`}`;

/** With commas, as sentences of the status have them. */
const numberText = (/** @type {number} */ value) => value.toLocaleString('en-US');

/** The command that makes a decision again from all records of a Rollout. */
export const replayCommand = (/** @type {string} */ namespace, /** @type {string} */ name) =>
  `kubectl -n ${namespace} get configmaps -l sluice.dev/rollout=${name} -o yaml | sluice replay -`;
