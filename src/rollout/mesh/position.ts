import { carriedGates } from '../gates/gates.ts';
import type { Position, SteeredObject } from '../observation.ts';
import type { GateStatus, Plan, RolloutStatus, Routes } from '../status.ts';
import { routesOf } from './routes.ts';

/**
 * Brings a stored status up to what the mesh objects say was written last (R3): the position travels with the weight, so
 * after a crash between the two writes the mesh knows more. For the same revision the higher seq wins, never the clock.
 * `latest`: the gates of the stored step, with all that was measured in it.
 */
export const catchUp = (
  status: RolloutStatus,
  objects: readonly SteeredObject[],
  latest: () => readonly GateStatus[],
): RolloutStatus => {
  const ours = objects.flatMap(({ position }) =>
    position !== undefined && position.revision === status.revision ? [position] : [],
  );
  const seq = Math.max(status.seq ?? 0, ...ours.map(position => position.seq));
  const last = ours.filter(position => position.seq === seq).sort((a, b) => (a.time < b.time ? 1 : -1))[0];
  if (last === undefined || status.plan === undefined) return status;
  if (seq > (status.seq ?? 0)) return written({ ...status, gates: latest() }, status.plan, last);
  return startsLater(status, last) ? { ...status, step: { index: 0, count: 0, ...status.step, startedAt: last.time } } : status;
};

/** With several objects the step's clock starts with the write of the last one (R29). */
const startsLater = ({ step }: RolloutStatus, latest: Position): boolean =>
  latest.reason !== 'PodsLost' &&
  latest.state === 'raised' &&
  step?.index === latest.step &&
  step.startedAt !== undefined &&
  latest.time > step.startedAt;

/** The status that the writer of this position was about to store. */
const written = (status: RolloutStatus, plan: Plan, position: Position): RolloutStatus => {
  const { seq, step: index, weight, time, reason } = position;
  const base = { ...status, seq, traffic: { weight, ...routesAt(plan, position) }, position: { step: index, time }, reason };
  if (position.state === 'safe') return { ...base, phase: 'RollingBack' };
  const before = status.step;
  if (reason === 'PodsLost') {
    const podsLost = (before?.podsLost ?? 0) + (before?.lowReadySince === time ? 0 : 1);
    return {
      ...base,
      phase: 'Progressing',
      step: { ...before, index, count: plan.steps.length, podsLost, lowReadySince: time },
    };
  }
  if (before?.index === index && before.startedAt === time) return base;
  const name = plan.steps[index - 1]?.name;
  return {
    ...base,
    phase: 'Progressing',
    step: {
      index,
      count: plan.steps.length,
      startedAt: time,
      ...(name === undefined ? {} : { name }),
      ...(before?.podsLost === undefined ? {} : { podsLost: before.podsLost }),
    },
    gates: carriedGates(status.gates),
  };
};

/** The plan says what the digest in a position stands for; all routes that a step has are carried over to it. */
const routesAt = ({ steps }: Plan, { step, routes }: Position): Routes =>
  routes === undefined ? {} : routesOf(steps[step - 1] ?? {});

/** The highest seq that any object carries for this Rollout, whatever the revision; new writes count on from it. */
export const highestSeq = (status: RolloutStatus | undefined, objects: readonly SteeredObject[]): number =>
  Math.max(status?.seq ?? 0, ...objects.map(({ position }) => position?.seq ?? 0));

/** The position of a write between attempts: no step, and nothing for the new version. */
export const positionAtRest = (
  status: RolloutStatus,
  objects: readonly SteeredObject[],
  move: Pick<Position, 'reason' | 'time' | 'epoch'>,
): Position => ({
  seq: highestSeq(status, objects) + 1,
  revision: status.revision ?? '',
  plan: status.planHash ?? '',
  step: 0,
  weight: 0,
  state: 'done',
  ...move,
});
