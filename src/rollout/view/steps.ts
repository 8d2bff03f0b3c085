import { durationText } from '../duration.ts';
import { routesSentence } from '../mesh/routes.ts';
import { compileStrategy } from '../plan/strategy.ts';
import type { RolloutSpec } from '../spec.ts';
import type { PlanStep, RolloutStatus } from '../status.ts';

/** `back`: traffic was, or is being, put back from this step. */
export type StepMark = 'done' | 'now' | 'next' | 'back';

/** One step of the attempt in progress, or of what the spec says while there is none. */
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
  /** Of the present step, RFC 3339. */
  readonly startedAt?: string;
};

export const stepViews = (spec: RolloutSpec, status: RolloutStatus | undefined): readonly StepView[] => {
  const steps = status?.plan?.steps ?? compileStrategy(spec.strategy).steps;
  return steps.map((step, at) => stepView(step, at + 1, status));
};

const stepView = (step: PlanStep, index: number, status: RolloutStatus | undefined): StepView => {
  const routes = routesSentence(step).trim();
  const startedAt = status?.step?.index === index ? status.step.startedAt : undefined;
  return {
    index,
    ...(step.name === undefined ? {} : { name: step.name }),
    weight: step.weight,
    mark: markOf(index, status),
    ...(routes === '' ? {} : { routes }),
    pause: step.pauseMs === null ? 'until promoted' : durationText(step.pauseMs),
    ...(step.approval === undefined ? {} : { approval: approvalText(step.approval) }),
    ...(startedAt === undefined ? {} : { startedAt }),
  };
};

const markOf = (index: number, status: RolloutStatus | undefined): StepMark => {
  const now = status?.step?.index;
  if (now === undefined) return 'next';
  if (index !== now) return index < now ? 'done' : 'next';
  return status?.phase === 'RollingBack' ? 'back' : 'now';
};

const approvalText = ({ required, approvers, when }: NonNullable<PlanStep['approval']>): string =>
  `${required} of ${approvers.join(', ')} ${when === 'before' ? 'before it begins' : 'before it ends'}`;
