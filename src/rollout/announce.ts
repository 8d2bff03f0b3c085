import { digest } from './digest.ts';
import { failedWrite } from './outcome.ts';
import type { Reason } from './reason.ts';
import { isSameJson } from './sameJson.ts';
import type { GateStatus, HistoryEntry, RequestOutcome, RolloutStatus } from './status.ts';

/** One thing that people are told once; the name is the same whenever it is derived again (R35). */
export type Announcement = {
  readonly name: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
};

const BAD_PHASES: readonly string[] = ['RollingBack', 'RolledBack', 'Invalid'];
const BAD_REASONS: readonly string[] = [
  'ProviderError',
  'PausedByGate',
  'NoData',
  'Drift',
  'DriftPutDown',
  'DriftRestored',
  'NoPods',
  'WaitingForTraffic',
  'WaitingForCapacity',
  'ApprovalTimedOut',
  'PodsLost',
  'PodsShrinking',
  'Deleted',
  'WaitingForStable',
  'WaitingForMesh',
];

/** What changed between two stored statuses that people are to be told: phase, step, reason, history, outcome of a request. */
export const announcements = (uid: string, before: RolloutStatus | undefined, after: RolloutStatus): readonly Announcement[] => {
  const told: Announcement[] = [];
  if (before?.phase !== after.phase || before.step?.index !== after.step?.index || before.reason !== after.reason) {
    told.push(ofStatus(uid, after));
  }
  const failed = failedWrite(after);
  if (told.length === 0 && failed !== undefined && before !== undefined && failedWrite(before) === undefined) {
    const name = digest(`${placeOf(uid, after)}/${after.phase}/write`);
    told.push({ name, type: 'Warning', reason: 'WaitingForMesh' satisfies Reason, message: after.message });
  }
  const request = after.lastRequest;
  if (request !== undefined && request.id !== before?.lastRequest?.id) {
    // What an accepted request changed has told of it already.
    if (request.outcome.startsWith('refused') || told.length === 0) told.push(ofRequest(uid, request));
  }
  const known = new Set((before?.history ?? []).map(entry => ofEntry(uid, entry).name));
  const entries = (after.history ?? []).map(entry => ofEntry(uid, entry));
  return [...entries.filter(({ name }) => !known.has(name) && told.every(other => other.name !== name)), ...told];
};

/** Something that was told before, and when. */
export type PastAnnouncement = Announcement & { readonly at: string };

/**
 * What people were told after `sinceMs`, as far as the status still knows it, oldest first, with the same names as then:
 * its history, how its last request ended, and where it stands now (R35).
 */
export const pastAnnouncements = (uid: string, status: RolloutStatus, sinceMs: number): readonly PastAnnouncement[] => {
  const { history = [], lastRequest } = status;
  const told: PastAnnouncement[] = history.map(entry => ({ ...ofEntry(uid, entry), at: entry.at }));
  if (lastRequest?.outcome.startsWith('refused')) told.push({ ...ofRequest(uid, lastRequest), at: lastRequest.at });
  const at = lastMoment(status);
  const now = ofStatus(uid, status);
  if (at !== undefined && told.every(({ name }) => name !== now.name)) told.push({ ...now, at });
  return told.filter(past => Date.parse(past.at) > sinceMs).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
};

/** The last moment at which something is known to have changed. */
const lastMoment = ({ history, step, position, pause, drift }: RolloutStatus): string | undefined =>
  [history?.at(-1)?.at, step?.startedAt, step?.askedAt, position?.time, pause?.since, drift?.since]
    .filter(moment => moment !== undefined)
    .sort((a, b) => Date.parse(a) - Date.parse(b))
    .at(-1);

const placeOf = (uid: string, { revision, step, history, drift }: RolloutStatus): string => {
  const place = `${uid}/${revision}/${step?.index}/${step?.startedAt}/${history?.length}`;
  return drift?.since === undefined ? place : `${place}/${drift.since}`;
};

/** What the history knows is called by its entry there, which outlives the rest of the status. */
const ofStatus = (uid: string, status: RolloutStatus): Announcement => {
  const { phase, reason, message, history } = status;
  const isBad = BAD_PHASES.includes(phase) && reason !== 'ExperimentEnded';
  const type = isBad || BAD_REASONS.includes(reason) ? 'Warning' : 'Normal';
  const entry = history?.at(-1);
  if (entry !== undefined && entry.reason === reason && message.startsWith(entry.message))
    return { ...ofEntry(uid, entry), type, message };
  return { name: digest(`${placeOf(uid, status)}/${phase}/${reason}`), type, reason, message };
};

const BAD_ACTIONS: readonly string[] = ['rolledBack', 'refused', 'rejected'] satisfies readonly HistoryEntry['action'][];

const ofEntry = (uid: string, { at, action, from, to, reason, message }: HistoryEntry): Announcement => ({
  name: digest(`${uid}/${at}/${action}/${from}/${to}/${reason}`),
  type: BAD_ACTIONS.includes(action) || BAD_REASONS.includes(reason) ? 'Warning' : 'Normal',
  reason,
  message,
});

const ofRequest = (uid: string, { id, verb, outcome }: RequestOutcome): Announcement => {
  const refused = outcome.startsWith('refused');
  const reason: Reason = refused ? 'RequestRefused' : 'RequestAccepted';
  return { name: digest(`${uid}/${id}`), type: refused ? 'Warning' : 'Normal', reason, message: `request ${verb} ${outcome}` };
};

const EVIDENCE_EVERY_MS = 60_000;

/**
 * Must this status be stored? Numbers of a measurement that change no verdict class are not worth a write (R5); sums of
 * evidence are, once a minute, so that a restart loses little.
 */
export const isWorthStoring = (before: RolloutStatus | undefined, after: RolloutStatus): boolean =>
  before === undefined ||
  !isSameEssence(before, after) ||
  (before.gates !== after.gates && judgedUntil(after) - judgedUntil(before) >= EVIDENCE_EVERY_MS);

/** What says nothing new by itself: prose, numbers of gates and what the mesh objects tell as well. */
const TOLD_OTHERWISE: ReadonlySet<string> = new Set([
  'message',
  'conditions',
  'gates',
  'weight',
  'seq',
  'position',
  'history',
  'step',
]);
const TOLD_OF_STEP: ReadonlySet<string> = new Set(['readyAtStart']);

/** Every decision is compared with what is stored, and most change nothing: what differs most often is looked at first. */
const isSameEssence = (a: RolloutStatus, b: RolloutStatus): boolean =>
  proseOf(a) === proseOf(b) &&
  isSameJson(a.step ?? NO_STEP, b.step ?? NO_STEP, TOLD_OF_STEP) &&
  isSameJson(a, b, TOLD_OTHERWISE) &&
  isSameJson(a.history?.at(-1), b.history?.at(-1)) &&
  isSameJson(verdictClass(a.gates ?? []), verdictClass(b.gates ?? []));

const NO_STEP = { index: 0, count: 0 };

const proseOf = (status: RolloutStatus): string => {
  const isNews = status.phase === 'RollingBack' || status.waitingFor === undefined;
  return (isNews ? status.message : failedWrite(status)) ?? '';
};

const verdictClass = (gates: readonly GateStatus[]): readonly string[] => {
  const notable = gates
    .filter(({ verdict }) => verdict === 'Fail' || verdict === 'Error')
    .map(({ name, verdict }) => `${name}:${verdict}`);
  const tolerated = gates.filter(({ evidence, failures }) => evidence === undefined && failures !== undefined && failures > 0);
  const open = gates.some(({ verdict }) => verdict === 'NoData' || verdict === 'Pending');
  return [
    ...notable,
    ...tolerated.map(({ name, failures }) => `${name}:${failures}`),
    open || gates.length === 0 ? 'open' : 'passing',
  ];
};

/** Up to when gates have been judged; a step in which none was begins with nothing. */
const judgedUntil = ({ gates = [], step }: RolloutStatus): number =>
  gates.reduce((latest, { until }) => Math.max(latest, momentOf(until)), momentOf(step?.startedAt));

const momentOf = (moment: string | undefined): number => (moment === undefined ? 0 : Date.parse(moment));
