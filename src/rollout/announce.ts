import { digest } from './digest.ts';
import { isAskedFor } from './history.ts';
import { failedWrite } from './outcome.ts';
import { requestSentence } from './people/request.ts';
import type { Reason } from './reason.ts';
import type { HistoryEntry, RequestOutcome, RolloutStatus } from './status.ts';

/** One thing that people are told once; the name is the same whenever it is derived again (R35). */
export type Announcement = {
  readonly name: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
};

const BAD_PHASES: readonly string[] = ['RollingBack', 'RolledBack', 'Invalid'];
const BAD_REASONS: readonly string[] = [
  'InvalidSpec',
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
  'MeshCheckFailed',
];

/** What changed between two stored statuses that people are to be told: phase, step, reason, history, outcome of a request. */
export const announcements = (uid: string, before: RolloutStatus | undefined, after: RolloutStatus): readonly Announcement[] => {
  const told: Announcement[] = [];
  if (isElsewhere(before, after)) told.push(ofStatus(uid, after));
  const failed = failedWrite(after);
  if (told.length === 0 && failed !== undefined && before !== undefined && failedWrite(before) === undefined) {
    const name = digest(`${placeOf(uid, after)}/${after.phase}/write`);
    told.push({ name, type: 'Warning', reason: 'WaitingForMesh' satisfies Reason, message: after.message });
  }
  const known = new Set((before?.history ?? []).map(entry => ofEntry(uid, entry).name));
  const entries = (after.history ?? []).map(entry => ofEntry(uid, entry)).filter(({ name }) => !known.has(name));
  const request = after.lastRequest;
  const isAnswered = request !== undefined && request.id !== before?.lastRequest?.id && !isInHistory(after, request);
  // What an accepted request changed has told of it already.
  if (isAnswered && (isRefused(request) || told.length === 0)) told.push(ofRequest(uid, request));
  return [
    ...entries.filter(({ name }) => told.every(other => other.name !== name)),
    ...told.filter(({ name }) => !known.has(name)),
  ];
};

/** One question after the other is asked at the same place. */
const isElsewhere = (before: RolloutStatus | undefined, after: RolloutStatus): boolean =>
  before?.phase !== after.phase ||
  before.step?.index !== after.step?.index ||
  before.reason !== after.reason ||
  (after.reason === 'WaitingForApproval' && before.step?.askedAt !== after.step?.askedAt);

const isRefused = ({ outcome }: RequestOutcome): boolean => outcome.startsWith('refused');

/** Statuses of earlier builds know of a request only what became of the last one. */
const isInHistory = ({ history = [] }: RolloutStatus, request: RequestOutcome): boolean =>
  history.some(entry => entry.at === request.at && isAskedFor(entry));

/** Something that was told before, and when. */
export type PastAnnouncement = Announcement & { readonly at: string };

/**
 * What people were told after `sinceMs`, as far as the status still knows it, oldest first, with the same names as then:
 * its history, how its last request ended, and where it stands now (R35).
 */
export const pastAnnouncements = (uid: string, status: RolloutStatus, sinceMs: number): readonly PastAnnouncement[] => {
  const { history = [], lastRequest } = status;
  const told: PastAnnouncement[] = history.map(entry => ({ ...ofEntry(uid, entry), at: entry.at }));
  if (lastRequest !== undefined && isRefused(lastRequest) && !isInHistory(status, lastRequest))
    told.push({ ...ofRequest(uid, lastRequest), at: lastRequest.at });
  const at = lastMoment(status);
  const now = ofStatus(uid, status);
  if (at !== undefined && told.every(({ name }) => name !== now.name)) told.push({ ...now, at });
  return told.filter(past => Date.parse(past.at) > sinceMs).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
};

/** The last moment at which something is known to have changed; statuses of earlier builds do not say it. */
const lastMoment = ({ since, history, step, position, pause, drift }: RolloutStatus): string | undefined =>
  since ??
  [history?.at(-1)?.at, step?.startedAt, step?.askedAt, position?.time, pause?.since, drift?.since]
    .filter(moment => moment !== undefined)
    .sort((a, b) => Date.parse(a) - Date.parse(b))
    .at(-1);

/** What may come and go by itself again and again is told once in each step. */
const ONCE_IN_A_STEP: readonly Reason[] = [
  'StepEntered',
  'WaitingForPerson',
  'WaitingForGates',
  'WaitingForPods',
  'WaitingForMesh',
  'MeshCheckFailed',
  'WaitingForStable',
  'WaitingForTraffic',
  'WaitingForCapacity',
  'PodsShrinking',
  'DriftRestored',
];

/** Anything else is told each time that it begins; a status of an earlier build does not say when that was. */
const placeOf = (uid: string, { revision, step, reason, since, history, drift }: RolloutStatus): string => {
  const place = `${uid}/${revision}/${step?.index}/${step?.startedAt}`;
  if (since !== undefined) return step !== undefined && ONCE_IN_A_STEP.includes(reason) ? place : `${place}/${since}`;
  return `${place}/${history?.length}${drift?.since === undefined ? '' : `/${drift.since}`}`;
};

/** What the history knows is called by its entry there, which outlives the rest of the status. */
const ofStatus = (uid: string, status: RolloutStatus): Announcement => {
  const { phase, reason, message, history } = status;
  const isBad = BAD_PHASES.includes(phase) && reason !== 'ExperimentEnded';
  const type = isBad || BAD_REASONS.includes(reason) ? 'Warning' : 'Normal';
  const entry = history?.findLast(known => known.reason === reason && isSaid(known, message));
  if (entry !== undefined) return { ...ofEntry(uid, entry), type, message };
  return { name: digest(`${placeOf(uid, status)}/${phase}/${reason}`), type, reason, message };
};

/** Who rejected is told with what it does: `back to v1: step 2 was rejected by bob via slack; ...`. */
const isSaid = (entry: HistoryEntry, message: string): boolean =>
  entry.action === 'rejected' ? message.includes(`: ${entry.message}`) : message.startsWith(entry.message);

const BAD_ACTIONS: readonly string[] = ['rolledBack', 'refused', 'rejected'] satisfies readonly HistoryEntry['action'][];

const ofEntry = (uid: string, { at, action, from, to, reason, message }: HistoryEntry): Announcement => ({
  name: digest(`${uid}/${at}/${action}/${from}/${to}/${reason}`),
  type: BAD_ACTIONS.includes(action) || BAD_REASONS.includes(reason) ? 'Warning' : 'Normal',
  reason,
  message,
});

const ofRequest = (uid: string, request: RequestOutcome): Announcement => {
  const refused = isRefused(request);
  const reason: Reason = refused ? 'RequestRefused' : 'RequestAccepted';
  const name = digest(`${uid}/${request.id}`);
  return { name, type: refused ? 'Warning' : 'Normal', reason, message: requestSentence(request) };
};
