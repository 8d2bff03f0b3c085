import { digest } from '../digest.ts';
import { isoMillis, isoSeconds } from '../duration.ts';
import { withHistory } from '../history.ts';
import { EDITED } from '../start/firstStep.ts';
import type { Answered, HistoryEntry, RequestOutcome, RolloutStatus, StepStatus } from '../status.ts';
import { LONGEST_NAME, LONGEST_REASON, oneLine } from './oneLine.ts';

/** A person's wish, as the annotation `sluice.dev/request` carries it. */
export type PersonRequest = {
  /** The request's own id, else a digest of the annotation: the same text is the same request. */
  readonly id: string;
  readonly raw: string;
  readonly verb: string;
  readonly revision?: string;
  readonly step?: number;
  readonly at?: string;
  readonly by?: string;
  readonly reason?: string;
  readonly force: boolean;
};

const MAX_AGE_MS = 600_000;
/** Ids of so many requests are remembered: a file that is applied again does not ask again. */
const MOST_ANSWERED = 10;
/** For statuses of builds that did not note when a text was gone. */
const SAME_TEXT_MS = 30_000;
/** A person asks for what is being done. */
export const GOING_BACK = 'traffic is going back already';
/** What people may ask of a Rollout (R22). */
export const VERBS = ['promote', 'abort', 'pause', 'resume', 'retry'] as const;

export type Verb = (typeof VERBS)[number];

/** Reads the annotation; a text that is no request gives a refusal for people. */
export const parseRequest = (
  raw: string,
): PersonRequest | { readonly id: string; readonly raw: string; readonly refusal: string } => {
  const id = digest(raw);
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return { id, raw, refusal: 'is not JSON, expected an object like {"verb":"abort"}' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { id, raw, refusal: 'is not an object like {"verb":"abort"}' };
  const fields = value as Readonly<Record<string, unknown>>;
  const text = (name: string, longest = LONGEST_NAME): string | undefined => {
    const written = fields[name];
    const plain = typeof written === 'string' ? oneLine(written, longest) : '';
    return plain === '' ? undefined : plain;
  };
  const verb = text('verb');
  if (verb === undefined) return { id, raw, refusal: 'has no verb, expected one of promote, abort, pause, resume, retry' };
  const odd = ['revision', 'step'].find(name => !isOfKind(name, fields[name]));
  if (odd !== undefined) {
    const expected = odd === 'step' ? 'a number' : 'text in quotes';
    const given = oneLine(JSON.stringify(fields[odd]), LONGEST_NAME);
    return { id: ownId(fields['id']) ?? id, raw, refusal: `${odd} is ${given}, expected ${expected}` };
  }
  const [revision, at, by, reason] = [text('revision'), text('at'), text('by'), text('reason', LONGEST_REASON)];
  return {
    id: ownId(fields['id']) ?? id,
    raw,
    verb,
    force: fields['force'] === true,
    ...(revision === undefined ? {} : { revision }),
    ...(typeof fields['step'] === 'number' ? { step: fields['step'] } : {}),
    ...(at === undefined ? {} : { at }),
    ...(by === undefined ? {} : { by }),
    ...(reason === undefined ? {} : { reason }),
  };
};

/** An id is only compared; one that is no plain short text is known by its digest. */
const ownId = (written: unknown): string | undefined => {
  if (typeof written !== 'string' || written === '') return undefined;
  return written === oneLine(written, LONGEST_NAME) ? written : digest(written);
};

/** What was named in another way than it is compared in would be acted on unchecked. */
const isOfKind = (name: string, value: unknown): boolean =>
  value === undefined || value === null || typeof value === (name === 'step' ? 'number' : 'string');

/**
 * Was this request answered, and only its annotation has yet to go? Requests are told apart by id. A text without one is
 * the same request until its annotation was seen to be gone: whoever writes `{"verb":"abort"}` again means it again.
 */
export const isAnswered = (
  { id, raw, verb }: Pick<PersonRequest, 'id' | 'raw'> & { readonly verb?: string },
  status: RolloutStatus | undefined,
  nowMs: number,
): boolean => {
  const { lastRequest: last, answered } = status ?? {};
  if (id !== digest(raw)) return last?.id === id || (answered?.ids?.includes(id) ?? false);
  if (last?.id !== id) return false;
  // an attempt that goes on after an abort that was carried out is another one
  if (verb === 'abort' && status?.step !== undefined && status.phase !== 'RollingBack' && !last.outcome.startsWith('refused'))
    return false;
  return answered === undefined ? nowMs - Date.parse(last.at) < SAME_TEXT_MS : answered.text === id;
};

/** The status once the annotation of a request without an id was seen to be gone, or to be another one. */
export const withGoneText = (status: RolloutStatus, raw: string | undefined): RolloutStatus => {
  const { text, ...answered } = status.answered ?? {};
  return text === undefined || (raw !== undefined && digest(raw) === text) ? status : { ...status, answered };
};

/** Was the last attempt an experiment that is over? Its version is not named any more, and may be tried again. */
const hasEndedExperiment = ({ history }: RolloutStatus): boolean =>
  history?.findLast(({ action }) => ['started', 'promoted', 'rolledBack', 'superseded', 'ended'].includes(action))?.action ===
  'ended';

/** Why a request cannot be acted on, or `undefined` when it can (R22). */
export const refusalOf = (request: PersonRequest, status: RolloutStatus, nowMs: number): string | undefined => {
  const { verb, at } = request;
  if (!VERBS.some(known => known === verb)) return `verb ${verb} is unknown, expected one of ${VERBS.join(', ')}`;
  if (at !== undefined && Number.isNaN(Date.parse(at))) return `at is ${at}, expected a time such as ${isoSeconds(nowMs)}`;
  if (at !== undefined && nowMs - Date.parse(at) > MAX_AGE_MS) return `was made at ${at}, more than 10 minutes ago`;
  return verb === 'retry' ? refusalOfRetry(request, status) : refusalInProgress(request, status);
};

const refusalOfRetry = ({ revision }: PersonRequest, status: RolloutStatus): string | undefined => {
  const canBeTried = status.canaryVersion !== undefined || hasEndedExperiment(status);
  if (status.step !== undefined || !canBeTried) return 'nothing was rolled back that could be tried again';
  return revision !== undefined && revision !== status.revision
    ? `names revision ${revision}, but ${status.revision} was rolled back`
    : undefined;
};

const refusalInProgress = ({ verb, revision, step, force, at }: PersonRequest, status: RolloutStatus): string | undefined => {
  // R7: before anything is stable, whoever adopts says whether there is something to choose.
  if (verb === 'promote' && status.stableVersion === undefined && status.phase === 'Pending') return undefined;
  if (verb === 'resume' && status.phase === 'Healthy' && status.reason === 'Drift') return undefined;
  if (status.step === undefined)
    return status.phase === 'Pending' ? `no step is in progress yet: ${status.message}` : 'no rollout is in progress';
  if (verb === 'promote' && (revision === undefined || step === undefined)) {
    return `promote must name revision and step; now they are ${status.revision} and ${status.step.index}`;
  }
  if (revision !== undefined && revision !== status.revision)
    return `names revision ${revision}, but ${status.revision} is in progress`;
  if (step !== undefined && step !== status.step.index) return `names step ${step}, but step ${status.step.index} is in progress`;
  if (status.phase === 'RollingBack' && !(verb === 'abort' && force)) return GOING_BACK;
  if (verb === 'promote' && isOfPlanBefore(at, status.step)) return `was made at ${at}, before steps or gates were edited`;
  if (verb === 'promote' && status.step.index === 0) return 'the first step has not begun';
  if (verb === 'resume' && status.pause === undefined && status.reason !== 'Drift') {
    return status.reason === 'PausedByPerson'
      ? 'spec.paused is true; set it to false to go on'
      : 'nothing is paused, and no weights were changed';
  }
  return undefined;
};

/** An edit may leave the number of the step as it was; who promoted before it promoted another step (R11). */
const isOfPlanBefore = (at: string | undefined, { name, startedAt }: StepStatus): boolean =>
  at !== undefined && name === EDITED && Date.parse(at) <= Date.parse(startedAt ?? '');

/** The status with the outcome of a request recorded; what a refusal tells is in the history as well. */
export const withOutcome = (
  status: RolloutStatus,
  request: { id: string; raw: string; verb?: string },
  outcome: string,
  nowMs: number,
): RolloutStatus => {
  const { id, raw, verb = 'unknown' } = request;
  const next = { ...status, lastRequest: { id, verb, outcome, at: isoMillis(nowMs) }, answered: withAnswered(status, id, raw) };
  return outcome.startsWith('refused') ? withHistory(next, nowMs, refusalEntry(status, verb, outcome)) : next;
};

const withAnswered = ({ answered, lastRequest }: RolloutStatus, id: string, raw: string): Answered => {
  const before = answered?.ids ?? (lastRequest === undefined ? [] : [lastRequest.id]);
  if (id === digest(raw)) return { ...(answered?.ids === undefined ? {} : { ids: answered.ids }), text: id };
  return { ids: [...before.filter(known => known !== id), id].slice(-MOST_ANSWERED) };
};

const refusalEntry = (
  { stableVersion, canaryVersion }: RolloutStatus,
  verb: string,
  outcome: string,
): Omit<HistoryEntry, 'at'> => ({
  ...(canaryVersion === undefined || stableVersion === undefined ? {} : { from: stableVersion }),
  to: canaryVersion ?? stableVersion ?? '',
  action: 'refused',
  reason: 'RequestRefused',
  message: requestSentence({ verb, outcome }),
});

/** What became of a request, for people: `request abort refused: no rollout is in progress`. */
export const requestSentence = ({ verb, outcome }: Pick<RequestOutcome, 'verb' | 'outcome'>): string =>
  `request ${verb} ${outcome}`;
