import type { Rollout } from '../observation.ts';
import { type OpenQuestion, openQuestion } from '../people/question.ts';
import type { Reason } from '../reason.ts';
import type { Phase, RequestOutcome, RolloutStatus } from '../status.ts';
import { todoOf } from '../tell/todo.ts';
import { type ActionView, actionsOf } from './actions.ts';
import { type Attention, attentionOf } from './attention.ts';
import { type GateView, gateViews } from './gates.ts';
import { type EndedAt, endedAt, type StepView, stepViews } from './steps.ts';
import { titleOf } from './title.ts';
import { UNSEEN } from './unseen.ts';
import { type WaitingView, waitingView } from './waiting.ts';

/** What people see of a Rollout, whatever they look with: numbers have their units, and the words are the same everywhere. */
export type RolloutView = {
  readonly namespace: string;
  readonly name: string;
  readonly phase: Phase;
  /** `WaitingForReport`: the controller has not looked at it yet. */
  readonly reason: Reason | 'WaitingForReport';
  /** Since when phase, reason and step are what they are, RFC 3339. */
  readonly since?: string;
  /** A few words: `rolled back: a gate failed`. */
  readonly title: string;
  /** The sentence of the status. */
  readonly message: string;
  readonly attention: Attention;
  readonly versions: {
    /** The version that the spec wants. */
    readonly wanted: string;
    readonly stable?: string;
    /** The new version of the attempt that is in progress, or that was put back. */
    readonly canary?: string;
  };
  /** Of the new version, in percent. */
  readonly weight: { readonly intended: number; readonly observed?: number; readonly measured?: number };
  /** The attempt in progress, or the last one; promote has to name it. */
  readonly revision?: string;
  /** The present step, 1-based; 0 before the first one; absent when no attempt is in progress. */
  readonly step?: number;
  /** Where the last attempt stood when all its traffic went back; absent while another one is in progress, or it was promoted. */
  readonly ended?: EndedAt;
  readonly waiting?: WaitingView;
  readonly steps: readonly StepView[];
  /** Worst first. */
  readonly gates: readonly GateView[];
  /** What people are asked; absent: nothing. */
  readonly question?: OpenQuestion;
  /** What a person can do now, one line each; a command stands at the end of its line, behind `: `. */
  readonly todo: readonly string[];
  /** Requests of people, and why some of them would be refused now (R22). */
  readonly actions: readonly ActionView[];
  /** What became of the last request of a person (R22). */
  readonly lastRequest?: RequestOutcome;
};

/** `nowMs`: whether a request would be refused depends on it, and nothing else. */
export const rolloutView = (
  { namespace, name, spec, status }: Pick<Rollout, 'namespace' | 'name' | 'spec' | 'status'>,
  nowMs: number,
): RolloutView => {
  const wanted = spec.version;
  if (status === undefined) return { ...UNSEEN, namespace, name, versions: { wanted }, steps: stepViews(spec, undefined) };
  const { phase, reason, since, message, revision, step } = status;
  const waiting = waitingView(status);
  const question = openQuestion(status);
  const ended = endedAt(status);
  return {
    namespace,
    name,
    phase,
    reason,
    ...(since === undefined ? {} : { since }),
    title: titleOf(status),
    message,
    attention: attentionOf(status),
    versions: versionsOf(wanted, status),
    weight: weightOf(status),
    ...(revision === undefined ? {} : { revision }),
    ...(step === undefined ? {} : { step: step.index }),
    ...(ended === undefined ? {} : { ended }),
    ...(waiting === undefined ? {} : { waiting }),
    steps: stepViews(spec, status),
    gates: gateViews(status, spec),
    ...(question === undefined ? {} : { question }),
    todo: todoOf({ namespace, name, status }),
    actions: actionsOf(status, nowMs),
    ...(status.lastRequest === undefined ? {} : { lastRequest: status.lastRequest }),
  };
};

const versionsOf = (wanted: string, { stableVersion, canaryVersion }: RolloutStatus): RolloutView['versions'] => ({
  wanted,
  ...(stableVersion === undefined ? {} : { stable: stableVersion }),
  ...(canaryVersion === undefined ? {} : { canary: canaryVersion }),
});

const weightOf = ({ weight, traffic }: RolloutStatus): RolloutView['weight'] => ({
  intended: traffic?.weight ?? 0,
  ...(weight === undefined ? {} : { observed: weight.observed }),
  ...(weight?.measured === undefined ? {} : { measured: weight.measured }),
});
