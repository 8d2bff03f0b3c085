import type { ApprovalSpec, RolloutSpec, SpecProblem } from '../spec.ts';
import { error, notYet } from './problem.ts';

/** Approvals that nobody could ever give, or that say what to do at a time that never comes (R19). */
export const checkApprovals = (
  { strategy: { canary, blueGreen } }: RolloutSpec,
  areAnswered: boolean,
): readonly SpecProblem[] => {
  const given = [
    ...(canary?.steps ?? []).map(({ approval }, index) => [approval, `spec.strategy.canary.steps[${index}].approval`] as const),
    [blueGreen?.approval, 'spec.strategy.blueGreen.approval'] as const,
  ];
  return given.flatMap(([approval, path]) => {
    if (approval === undefined) return [];
    return areAnswered ? check(approval, path) : notYet(path, true, 'use pause: {} and promote the step by request');
  });
};

const check = (approval: ApprovalSpec, path: string): readonly SpecProblem[] => {
  const { approvers, required = 1, timeout, onTimeout } = approval;
  const persons = new Set(approvers).size;
  const hasGroup = approvers.some(approver => approver.startsWith('group:'));
  return [
    ...(persons < required && !hasGroup
      ? [error(`${path}.required`, `is ${required}, but approvers names only ${persons}: nobody could ever approve it`)]
      : []),
    ...(onTimeout === 'rollback' && timeout === undefined
      ? [error(`${path}.onTimeout`, 'is rollback, which needs a timeout', 'add timeout: 4h')]
      : []),
  ];
};
