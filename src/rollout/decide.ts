import type { Decision } from './action.ts';
import { decideAttempt } from './attempt.ts';
import { withoutFinalizer } from './back/deletion.ts';
import type { Observation, Rollout } from './observation.ts';
import { finish, type Outcome } from './outcome.ts';
import { isAnswered, parseRequest, refusalOf, withGoneText, withOutcome } from './people/request.ts';
import { inProgress, readAttempt, readSituation, type Situation } from './situation.ts';
import { adopt } from './start/adopt.ts';
import { decideIdle } from './start/start.ts';
import type { RolloutStatus } from './status.ts';

/**
 * The one decision (R1): the next status, what is to be done now, and when to look again. Pure: the same input gives the
 * same output. Level-based: what woke the caller never matters.
 *
 * ```
 *              no stable version known                      another version wanted, pods ready, what is normal measured
 *   (new) ──► Pending ──adopt──► Healthy ◄──────────────────────────────┐          ┌──────────────┐
 *                                  │ └──────── start (status first) ──► Progressing ─┤ next step:   │
 *                                  │                                    │   ▲  │     │ gates pass,  │
 *                                  │                 newer version,     │   │  └──►──┘ stored, raise│
 *                                  │                 new pods, back     │  Paused, AwaitingApproval│
 *                                  ◄──── promoted after the last step ──┤                          │
 *                                  │                                    ▼  failed gate, abort,     │
 *                                  │   version changed              RollingBack   pods lost        │
 *                                  └───◄──── RolledBack ◄── obeyed ─────┘                          ┘
 * ```
 */
export const decide = (rollout: Rollout, observation: Observation, nowMs: number): Decision => {
  const situation = readSituation(rollout, observation, nowMs);
  const outcome = withRefusal(situation, decideLife(situation));
  const told = { ...outcome, status: withGoneText(outcome.status, rollout.request) };
  return clearRequest(situation, finish(situation, told));
};

const decideLife = (situation: Situation): Outcome => {
  const { stored } = situation;
  if (inProgress(stored)) return decideAttempt(readAttempt(situation, stored));
  if (situation.rollout.isDeleting) return withoutFinalizer(situation, { status: stored ?? NOT_BEGUN, isUndecided: true });
  return withoutFinalizer(situation, hasStable(stored) ? decideIdle(situation, stored) : adopt(situation));
};

/** Nothing begins for a Rollout that is on its way out. */
const NOT_BEGUN: RolloutStatus = { phase: 'Pending', reason: 'Deleted', message: 'deleted before anything was decided' };

const hasStable = (status: RolloutStatus | undefined): status is RolloutStatus & { stableVersion: string } =>
  status?.stableVersion !== undefined;

/** A request that cannot be acted on changes nothing but `lastRequest` (R22), and holds nothing back. */
const withRefusal = ({ rollout, stored, nowMs }: Situation, outcome: Outcome): Outcome => {
  if (rollout.request === undefined || stored === undefined) return outcome;
  const request = parseRequest(rollout.request);
  if (isAnswered(request, stored, nowMs)) return outcome;
  const refusal = 'refusal' in request ? request.refusal : refusalOf(request, stored, nowMs);
  if (refusal === undefined) return outcome;
  return { ...outcome, status: withOutcome(outcome.status, request, `refused: ${refusal}`, nowMs) };
};

/** The annotation goes once the outcome is stored. */
const clearRequest = ({ rollout, stored, nowMs }: Situation, decision: Decision): Decision => {
  if (rollout.request === undefined || !isAnswered(parseRequest(rollout.request), stored, nowMs)) return decision;
  return { ...decision, actions: [...decision.actions, { kind: 'removeRequest', request: rollout.request }] };
};
