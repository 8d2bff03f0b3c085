import { failedWrite, isTrouble } from './outcome.ts';
import type { Reason } from './reason.ts';
import { isSameJson } from './sameJson.ts';
import type { GateStatus, RolloutStatus } from './status.ts';

/** What comes and goes, and sums of evidence, are stored so often at most (R5). */
const EVERY_MS = 60_000;
/**
 * While people think, which may take days. A process that dies loses nothing by it: counts are read from the step's beginning
 * on, and queries from a history that goes twice as far back (R2).
 */
const EVERY_MS_ASKED = 300_000;

/**
 * Must this status be stored? Numbers of a measurement that change no verdict class are not worth a write (R5); sums of
 * evidence are, once a minute, so that a restart loses little. A provider that is there and away again is no news each time.
 */
export const isWorthStoring = (before: RolloutStatus | undefined, after: RolloutStatus): boolean => {
  if (before === undefined || !isSameEssence(before, after)) return true;
  if (before.gates === after.gates && before.reason === after.reason) return false;
  const untilMs = judgedUntil(after);
  if (untilMs - judgedUntil(before) >= apartMs(before, after, untilMs)) return true;
  return !isSameFlicker(before, after) && isTimeToTell(before, after);
};

const apartMs = (before: RolloutStatus, after: RolloutStatus, untilMs: number): number => {
  if (before.phase === 'AwaitingApproval' && after.phase === 'AwaitingApproval') return EVERY_MS_ASKED;
  return isAfterTrouble(before, untilMs) ? 2 * EVERY_MS : EVERY_MS;
};

/** What says nothing new by itself: prose, numbers of gates and what the mesh objects tell as well; and what may come and go. */
const TOLD_OTHERWISE: ReadonlySet<string> = new Set([
  'message',
  'reason',
  'since',
  'conditions',
  'gates',
  'weight',
  'meshFindings',
  'seq',
  'position',
  'history',
  'step',
]);
const TOLD_OF_STEP: ReadonlySet<string> = new Set(['readyAtStart', 'troubledAt']);

/** Every decision is compared with what is stored, and most change nothing: what differs most often is looked at first. */
const isSameEssence = (a: RolloutStatus, b: RolloutStatus): boolean =>
  (a.reason === b.reason || (mayFlicker(a) && mayFlicker(b))) &&
  proseOf(a) === proseOf(b) &&
  isSameJson(a.step ?? NO_STEP, b.step ?? NO_STEP, TOLD_OF_STEP) &&
  isSameJson(a, b, TOLD_OTHERWISE) &&
  isSameJson(a.history?.at(-1), b.history?.at(-1)) &&
  isSameJson(held(a), held(b)) &&
  (a.gates === b.gates || isSameJson(countedClass(a.gates ?? []), countedClass(b.gates ?? [])));

/** What holds a raise is what people have to mend, so it must be what holds it now (R13). */
const held = ({ reason, meshFindings }: RolloutStatus): RolloutStatus['meshFindings'] =>
  reason === 'MeshCheckFailed' ? meshFindings?.filter(({ severity }) => severity === 'error') : undefined;

const NO_STEP = { index: 0, count: 0 };

const proseOf = (status: RolloutStatus): string => {
  const isNews = status.phase === 'RollingBack' || status.waitingFor === undefined;
  return (isNews ? status.message : failedWrite(status)) ?? '';
};

const LASTING: readonly Reason[] = ['StepEntered', 'WaitingForGates', 'WaitingForPerson'];

/** A step that lasts, with or without a provider that is away. */
const mayFlicker = (status: RolloutStatus): boolean => isTrouble(status) || LASTING.includes(status.reason);

/** Failures count in a row over measurements, so each that changes the row matters (R17). */
const countedClass = (gates: readonly GateStatus[]): readonly string[] => {
  const failed = gates.filter(({ verdict }) => verdict === 'Fail').map(({ name }) => name);
  // what is judged by evidence has a budget, and its counts are no row
  const tolerated = gates.filter(
    ({ alpha, evidence, failures }) => alpha === undefined && evidence === undefined && failures !== undefined && failures > 0,
  );
  return [...failed, ...tolerated.map(({ name, failures }) => `${name}:${failures}`)];
};

const isSameFlicker = (a: RolloutStatus, b: RolloutStatus): boolean =>
  a.reason === b.reason && isSameJson(openClass(a.gates ?? []), openClass(b.gates ?? []));

/** Whose provider is away, and whether anything else is missing. */
const openClass = (gates: readonly GateStatus[]): readonly string[] => {
  const away = gates.filter(({ verdict }) => verdict === 'Error').map(({ name }) => name);
  const isOpen = gates.length === 0 || gates.some(({ verdict }) => verdict === 'NoData' || verdict === 'Pending');
  return [...away, isOpen ? 'open' : 'passing'];
};

/**
 * Trouble is told at once, unless there was some a moment ago; that it is over, when it has lasted for a while. What lets a
 * step move on is more than a flicker, and so is a failure.
 */
const isTimeToTell = (before: RolloutStatus, after: RolloutStatus): boolean => {
  if (before.reason === after.reason) return measuredUntil(after) - measuredUntil(before) >= EVERY_MS;
  const nowMs = momentOf(after.since);
  if (isTrouble(before)) return nowMs - momentOf(before.since) >= EVERY_MS;
  return !isTrouble(after) || !isAfterTrouble(before, nowMs);
};

/** Was there trouble a moment ago? */
const isAfterTrouble = ({ step }: RolloutStatus, nowMs: number): boolean => nowMs - momentOf(step?.troubledAt) < 2 * EVERY_MS;

/** Up to when gates have been judged; a step in which none was begins with nothing. */
const judgedUntil = ({ gates = [], step }: RolloutStatus): number =>
  gates.reduce((latest, { until }) => Math.max(latest, momentOf(until)), momentOf(step?.startedAt));

/** When a gate was measured last; never, in a step in which none was. */
const measuredUntil = ({ gates = [] }: RolloutStatus): number =>
  gates.reduce((latest, { at }) => (at === undefined ? latest : Math.max(latest, Date.parse(at))), Number.NEGATIVE_INFINITY);

const momentOf = (moment: string | undefined): number => (moment === undefined ? 0 : Date.parse(moment));
