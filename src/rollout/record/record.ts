import type { Decision } from '../action.ts';
import { decide } from '../decide.ts';
import { isoMillis } from '../duration.ts';
import type { Observation, Rollout } from '../observation.ts';
import type { HistoryEntry, RolloutStatus } from '../status.ts';
import { type Difference, differencesOf } from './jsonDifference.ts';

/** What was done, for the name of the record. */
export type RecordedAction = Exclude<HistoryEntry['action'], Unrecorded> | 'raised' | 'lowered' | 'restored';

/** What leads to nothing, or to a decision that has a record of its own. */
type Unrecorded = (typeof UNRECORDED)[number];
const UNRECORDED = ['adopted', 'refused', 'stepPromoted', 'resumed', 'retried'] as const satisfies HistoryEntry['action'][];

/**
 * All that led to one decision, and the decision (R37). It holds whole objects, so that fields of later builds are kept.
 * `status.history[].evidence` of the decision's own entries is not in it: that is the digest of this record.
 */
export type EvidenceRecord = {
  readonly apiVersion: 'sluice.dev/v1alpha1';
  readonly kind: 'EvidenceRecord';
  /** Raised when older builds cannot read it any more. */
  readonly format: typeof FORMAT;
  /** Version of the controller that decided. */
  readonly controller: string;
  /** The moment of the decision: RFC 3339, to the millisecond. */
  readonly at: string;
  readonly action: RecordedAction;
  readonly rollout: Rollout;
  readonly observation: Observation;
  readonly decision: Decision;
};

const API_VERSION = 'sluice.dev/v1alpha1';
const KIND = 'EvidenceRecord';
const FORMAT = 1;

/** What a decision was made from. */
type Decided = {
  readonly controller: string;
  readonly nowMs: number;
  readonly rollout: Rollout;
  readonly observation: Observation;
  readonly decision: Decision;
  /** The actions were carried out; a raise that could not be written is none. */
  readonly isDone: boolean;
  /** Highest seq (R3) of a write that was recorded already. */
  readonly recordedSeq?: number | undefined;
};

/** The record of a decision that is worth one: each forward step, each way back, each pause, start and end of an attempt. */
export const recordOf = ({ controller, nowMs, rollout, observation, decision, ...told }: Decided): EvidenceRecord | undefined => {
  const action = actionOf(rollout.status, told.isDone ? decision : { ...decision, actions: [] }, told.recordedSeq ?? 0);
  if (action === undefined) return undefined;
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    format: FORMAT,
    controller,
    at: isoMillis(nowMs),
    action,
    rollout,
    observation,
    decision,
  };
};

/** Before the first attempt nothing moves for a version: what was found is in the history, and needs no evidence. */
const actionOf = (
  stored: RolloutStatus | undefined,
  { status, actions }: Decision,
  recordedSeq: number,
): RecordedAction | undefined => {
  if (status.attempt === undefined) return undefined;
  const told = newEntries(stored, status).findLast(isWorthRecord)?.action;
  if (told !== undefined) return told;
  for (const action of actions)
    if (action.kind === 'setTraffic') return MOVES[action.position.reason] ?? BY_STATE[action.position.state];
  return turnOf(stored, status, recordedSeq);
};

/** Writes of a step that are no raise. */
const MOVES: Partial<Record<RolloutStatus['reason'], RecordedAction>> = {
  PodsLost: 'lowered',
  DriftPutDown: 'lowered',
  Resumed: 'restored',
  DriftRestored: 'restored',
};

const BY_STATE = { raised: 'raised', safe: 'lowered', done: undefined } as const;

/**
 * Decisions that show in the status only. A step that the mesh tells of (a higher seq) was recorded when it was written,
 * unless the process that did so has died before.
 */
const turnOf = (stored: RolloutStatus | undefined, status: RolloutStatus, recordedSeq: number): RecordedAction | undefined => {
  if (status.phase === 'RollingBack' && stored?.phase !== 'RollingBack') return 'lowered';
  if (isStill(status) && (!isStill(stored) || (isByPerson(status) && !isByPerson(stored)))) return 'paused';
  const isNext = (status.step?.index ?? 0) > (stored?.step?.index ?? 0) && status.revision === stored?.revision;
  const { seq = 0 } = status;
  const isRecorded = seq > (stored?.seq ?? 0) && seq <= recordedSeq;
  return isNext && !isRecorded ? 'raised' : undefined;
};

const isStill = (status: RolloutStatus | undefined): boolean =>
  status?.phase === 'Paused' || status?.phase === 'AwaitingApproval';

/** A person may pause what stands still already. */
const isByPerson = (status: RolloutStatus | undefined): boolean => status?.reason === 'PausedByPerson';

/** The number of the write of this decision that its record tells of. */
export const recordedSeqOf = ({ actions }: Decision): number | undefined =>
  actions.find(action => action.kind === 'setTraffic')?.position.seq;

/** A person's pause is recorded when it takes effect. */
const isWorthRecord = (entry: HistoryEntry): entry is HistoryEntry & { readonly action: RecordedAction } =>
  !UNRECORDED.some(action => action === entry.action) && entry.reason !== 'PausedByPerson';

const newEntries = (stored: RolloutStatus | undefined, { history = [] }: RolloutStatus): readonly HistoryEntry[] =>
  history.filter(entry => !(stored?.history ?? []).includes(entry));

/** The status as it is stored, once the record of the decision behind it has a digest. */
export const withEvidence = (stored: RolloutStatus | undefined, status: RolloutStatus, digest: string): RolloutStatus => {
  const added = newEntries(stored, status);
  if (added.length === 0 || status.history === undefined) return status;
  return { ...status, history: status.history.map(entry => (added.includes(entry) ? { ...entry, evidence: digest } : entry)) };
};

/** Decides again from a record, and lists what comes out differently; empty: the same decision. */
export const replay = ({ rollout, observation, at, decision }: EvidenceRecord): readonly Difference[] =>
  differencesOf(decision, decide(rollout, observation, Date.parse(at)), 'decision');

const NUMBER = '$number';
const NO_JSON: readonly number[] = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0];

/**
 * The record as JSON, its keys in the order in which the decision saw them. Numbers that JSON cannot say (NaN, the
 * infinities, -0) become `{"$number": "NaN"}`: a decision from `null` would be another one.
 */
export const encodeRecord = (record: EvidenceRecord): string => JSON.stringify(record, encoded);

const encoded = (key: string, value: unknown): unknown => {
  if (NO_JSON.some(number => Object.is(number, value))) return { [NUMBER]: Object.is(value, -0) ? '-0' : String(value) };
  return key === 'url' && typeof value === 'string' ? value.replace(CREDENTIALS, '$1redacted@') : value;
};

/** A spec that names them is refused, whatever they are; until it is mended they stand in the Rollout only. */
const CREDENTIALS = /^(https?:\/\/)[^/?#]*@/i;

/** What stands in the text of a record, or what is wrong with it. */
export const decodeRecord = (text: string): { readonly record: EvidenceRecord } | { readonly problem: string } => {
  let value: unknown;
  try {
    value = JSON.parse(text, (_, inner: unknown) => numberOf(inner) ?? inner);
  } catch (error) {
    return { problem: `is no JSON (${error instanceof Error ? error.message : String(error)}), expected an evidence record` };
  }
  const problem = problemOf(value);
  return problem === undefined ? { record: value as EvidenceRecord } : { problem };
};

const numberOf = (value: unknown): number | undefined => {
  if (!isObject(value) || typeof value[NUMBER] !== 'string' || Object.keys(value).length !== 1) return undefined;
  return NO_JSON.find(number => Object.is(number, Number(value[NUMBER])));
};

const problemOf = (value: unknown): string | undefined => {
  if (!isObject(value) || value['kind'] !== KIND || value['apiVersion'] !== API_VERSION)
    return `is no evidence record, expected apiVersion ${API_VERSION} and kind ${KIND}`;
  const { format, at } = value;
  if (format !== FORMAT) return `has format ${JSON.stringify(format)}, expected ${FORMAT}; another version of sluice wrote it`;
  if (typeof at !== 'string' || Number.isNaN(Date.parse(at))) return `at is ${JSON.stringify(at)}, expected a time (RFC 3339)`;
  const missing = PARTS.find(
    path => !isObject(path.reduce<unknown>((part, key) => (isObject(part) ? part[key] : undefined), value)),
  );
  return missing === undefined ? undefined : `${missing.join('.')} is missing, expected an object`;
};

/** Without these nothing can be decided. */
const PARTS: readonly (readonly string[])[] = [
  ['rollout', 'spec'],
  ['observation', 'installation'],
  ['observation', 'mesh'],
  ['observation', 'pods'],
  ['observation', 'measurements'],
  ['decision', 'status'],
];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
