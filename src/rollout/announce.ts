import { digest } from './digest.ts';
import { failedWrite } from './outcome.ts';
import type { Reason } from './reason.ts';
import type { GateStatus, RolloutStatus } from './status.ts';

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
  'NoData',
  'Drift',
  'DriftPutDown',
  'PodsLost',
  'PodsShrinking',
  'Deleted',
  'WaitingForStable',
  'WaitingForMesh',
];

/** What changed between two stored statuses that people are to be told: phase, step, reason, outcome of a request. */
export const announcements = (uid: string, before: RolloutStatus | undefined, after: RolloutStatus): readonly Announcement[] => {
  const told: Announcement[] = [];
  const place = `${uid}/${after.revision}/${after.step?.index}/${after.step?.startedAt}/${after.history?.length}`;
  if (before?.phase !== after.phase || before.step?.index !== after.step?.index || before.reason !== after.reason) {
    const type = BAD_PHASES.includes(after.phase) || BAD_REASONS.includes(after.reason) ? 'Warning' : 'Normal';
    told.push({ name: digest(`${place}/${after.phase}/${after.reason}`), type, reason: after.reason, message: after.message });
  }
  const failed = failedWrite(after);
  if (told.length === 0 && failed !== undefined && before !== undefined && failedWrite(before) === undefined) {
    const name = digest(`${place}/${after.phase}/write`);
    told.push({ name, type: 'Warning', reason: 'WaitingForMesh' satisfies Reason, message: after.message });
  }
  const request = after.lastRequest;
  if (request !== undefined && request.id !== before?.lastRequest?.id) {
    const refused = request.outcome.startsWith('refused');
    const message = `request ${request.verb} ${request.outcome}`;
    const reason = refused ? 'RequestRefused' : 'RequestAccepted';
    // What an accepted request changed has told of it already.
    if (refused || told.length === 0)
      told.push({ name: digest(`${uid}/${request.id}`), type: refused ? 'Warning' : 'Normal', reason, message });
  }
  return told;
};

const EVIDENCE_EVERY_MS = 60_000;

/**
 * Must this status be stored? Numbers of a measurement that change no verdict class are not worth a write (R5); sums of
 * evidence are, once a minute, so that a restart loses little.
 */
export const isWorthStoring = (before: RolloutStatus | undefined, after: RolloutStatus): boolean =>
  before === undefined || essence(before) !== essence(after) || judgedUntil(after) - judgedUntil(before) >= EVIDENCE_EVERY_MS;

/** Everything but prose, numbers of gates and what the mesh objects tell as well. */
const essence = (status: RolloutStatus): string => {
  const {
    message,
    conditions: _conditions,
    gates,
    weight: _weight,
    seq: _seq,
    position: _position,
    history,
    step,
    ...rest
  } = status;
  const { readyAtStart: _readyAtStart, ...place } = step ?? { index: 0, count: 0 };
  const isProseNews = status.phase === 'RollingBack' || status.waitingFor === undefined;
  const prose = isProseNews ? message : failedWrite(status);
  return JSON.stringify([sorted(rest), sorted(place), history?.at(-1), verdictClass(gates ?? []), prose ?? '']);
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
const judgedUntil = ({ gates, step }: RolloutStatus): number => {
  const moments = [step?.startedAt, ...(gates ?? []).map(({ until }) => until)];
  return Math.max(0, ...moments.map(moment => (moment === undefined ? 0 : Date.parse(moment))));
};

/** Keys in one order at every depth: the API server may return another one. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]));
};
