import { digest } from './digest.ts';
import { isoMillis } from './duration.ts';
import type { RolloutStatus } from './status.ts';

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
const SAME_TEXT_MS = 30_000;
/** A person asks for what is being done. */
export const GOING_BACK = 'traffic is going back already';
const VERBS = ['promote', 'abort', 'pause', 'resume', 'retry'];

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
  const text = (name: string): string | undefined =>
    typeof fields[name] === 'string' && fields[name] !== '' ? String(fields[name]) : undefined;
  const verb = text('verb');
  if (verb === undefined) return { id, raw, refusal: 'has no verb, expected one of promote, abort, pause, resume, retry' };
  const [revision, at, by, reason] = [text('revision'), text('at'), text('by'), text('reason')];
  return {
    id: text('id') ?? id,
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

/**
 * Was this request answered, and only its annotation has yet to go? Requests are told apart by id. A text without one is
 * the same request only for a while: `{"verb":"abort"}` must work in the next rollout too.
 */
export const isAnswered = (
  { id, raw }: Pick<PersonRequest, 'id' | 'raw'>,
  status: RolloutStatus | undefined,
  nowMs: number,
): boolean => {
  const last = status?.lastRequest;
  if (last === undefined || last.id !== id) return false;
  return id !== digest(raw) || nowMs - Date.parse(last.at) < SAME_TEXT_MS;
};

/** Was the last attempt an experiment that is over? Its version is not named any more, and may be tried again. */
const hasEndedExperiment = ({ history }: RolloutStatus): boolean =>
  history?.findLast(({ action }) => ['started', 'promoted', 'rolledBack', 'superseded', 'ended'].includes(action))?.action ===
  'ended';

/** Why a request cannot be acted on, or `undefined` when it can (R22). */
export const refusalOf = (request: PersonRequest, status: RolloutStatus, nowMs: number): string | undefined => {
  const { verb, at } = request;
  if (!VERBS.includes(verb)) return `verb ${verb} is unknown, expected one of ${VERBS.join(', ')}`;
  if (at !== undefined && !(nowMs - Date.parse(at) <= MAX_AGE_MS)) return `was made at ${at}, more than 10 minutes ago`;
  return verb === 'retry' ? refusalOfRetry(request, status) : refusalInProgress(request, status);
};

const refusalOfRetry = ({ revision }: PersonRequest, status: RolloutStatus): string | undefined => {
  const canBeTried = status.canaryVersion !== undefined || hasEndedExperiment(status);
  if (status.step !== undefined || !canBeTried) return 'nothing was rolled back that could be tried again';
  return revision !== undefined && revision !== status.revision
    ? `names revision ${revision}, but ${status.revision} was rolled back`
    : undefined;
};

const refusalInProgress = ({ verb, revision, step, force }: PersonRequest, status: RolloutStatus): string | undefined => {
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
  if (verb === 'promote' && status.step.index === 0) return 'the first step has not begun';
  if (verb === 'resume' && status.pause === undefined && status.reason !== 'Drift') {
    return status.reason === 'PausedByPerson'
      ? 'spec.paused is true; set it to false to go on'
      : 'nothing is paused, and no weights were changed';
  }
  return undefined;
};

/** The status with the outcome of a request recorded. */
export const withOutcome = (
  status: RolloutStatus,
  request: { id: string; verb?: string },
  outcome: string,
  nowMs: number,
): RolloutStatus => ({
  ...status,
  lastRequest: { id: request.id, verb: request.verb ?? 'unknown', outcome, at: isoMillis(nowMs) },
});
