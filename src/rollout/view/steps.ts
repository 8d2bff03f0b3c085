import { durationText } from '../duration.ts';
import { routesSentence } from '../mesh/routes.ts';
import { compileStrategy } from '../plan/strategy.ts';
import type { RolloutSpec } from '../spec.ts';
import type { Approval, HistoryEntry, PlanStep, RolloutStatus } from '../status.ts';

/** `back`: traffic was, or is being, put back from this step. */
export type StepMark = 'done' | 'now' | 'next' | 'back';

/** One step of the attempt in progress, of the one that has ended with this version, or of what the spec says. */
export type StepView = {
  /** 1-based. */
  readonly index: number;
  readonly name?: string;
  /** Share of the new version in percent. */
  readonly weight: number;
  readonly mark: StepMark;
  /** What stands beside the weight: `with a header route and a mirror of 100%`. */
  readonly routes?: string;
  /** How long it stays at least: `5m`; `until promoted`. */
  readonly pause: string;
  /** `1 of slack:U024BE7LH before it begins`. */
  readonly approval?: string;
  /** Who has answered what about this step in this attempt; oldest first. */
  readonly answers?: readonly Pick<Approval, 'decision' | 'by' | 'via' | 'at' | 'comment'>[];
  /** Names of gates that are measured in this step and not in all. */
  readonly gates?: readonly string[];
  /** Of the present step, RFC 3339. */
  readonly startedAt?: string;
};

/** Where an attempt stood when it ended without being promoted: number of the step, and its share of the new version. */
export type EndedAt = { readonly step: number; readonly weight: number };

export const stepViews = (spec: RolloutSpec, status: RolloutStatus | undefined): readonly StepView[] => {
  const steps = status?.plan?.steps ?? compileStrategy(spec.strategy).steps;
  const markOf = marking(spec, status);
  return steps.map((step, at) => stepView(step, at + 1, status, markOf(at + 1)));
};

const stepView = (step: PlanStep, index: number, status: RolloutStatus | undefined, mark: StepMark): StepView => {
  const routes = routesSentence(step).trim();
  const startedAt = status?.step?.index === index ? status.step.startedAt : undefined;
  const answers = answersTo(index, status);
  const gates = (status?.plan?.gates ?? []).flatMap(({ name, steps }) => (steps?.includes(index) ? [name] : []));
  return {
    index,
    ...(step.name === undefined ? {} : { name: step.name }),
    weight: step.weight,
    mark,
    ...(routes === '' ? {} : { routes }),
    pause: step.pauseMs === null ? 'until promoted' : durationText(step.pauseMs),
    ...(step.approval === undefined ? {} : { approval: approvalText(step.approval) }),
    ...(answers.length === 0 ? {} : { answers }),
    ...(gates.length === 0 ? {} : { gates }),
    ...(startedAt === undefined ? {} : { startedAt }),
  };
};

const answersTo = (index: number, status: RolloutStatus | undefined): NonNullable<StepView['answers']> =>
  (status?.approvals ?? [])
    .filter(({ revision, step }) => revision === status?.revision && step === index)
    .map(({ decision, by, via, at, comment }) => ({ decision, by, via, at, ...(comment === undefined ? {} : { comment }) }));

const marking = (spec: RolloutSpec, status: RolloutStatus | undefined): ((index: number) => StepMark) => {
  const now = status?.step?.index;
  if (now !== undefined) {
    const present = status?.phase === 'RollingBack' ? 'back' : 'now';
    return index => (index === now ? present : index < now ? 'done' : 'next');
  }
  const end = lastEnd(status);
  // steps are those of the spec now: of another version they are still to come
  if (end === undefined || end.to !== spec.version) return () => 'next';
  if (end.action === 'promoted') return () => 'done';
  const { step = 0 } = end;
  const last = end.action === 'ended' ? 'done' : 'back';
  return index => (index === step ? last : index < step ? 'done' : 'next');
};

/** How the last attempt ended, while no other has begun; `to` is the version that it was about. */
const lastEnd = (status: RolloutStatus | undefined): (HistoryEntry & { readonly to: string }) | undefined => {
  const entry = status?.history?.findLast(({ action }) => ENDS.includes(action) || BEGINNINGS.includes(action));
  if (entry === undefined || BEGINNINGS.includes(entry.action)) return undefined;
  return entry.action === 'promoted' ? entry : { ...entry, to: entry.from ?? entry.to };
};

const ENDS: readonly HistoryEntry['action'][] = ['promoted', 'rolledBack', 'ended'];
const BEGINNINGS: readonly HistoryEntry['action'][] = ['adopted', 'started', 'retried', 'superseded'];

/** Where the last attempt stood when all traffic went back; absent: it was promoted, or another one has begun. */
export const endedAt = (status: RolloutStatus): EndedAt | undefined => {
  const { step, weight } = lastEnd(status) ?? {};
  return step === undefined || weight === undefined ? undefined : { step, weight };
};

const approvalText = ({ required, approvers, when }: NonNullable<PlanStep['approval']>): string =>
  `${required} of ${approvers.join(', ')} ${when === 'before' ? 'before it begins' : 'before it ends'}`;
