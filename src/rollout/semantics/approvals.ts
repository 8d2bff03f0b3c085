import type { Installation } from '../observation.ts';
import type { ApprovalSpec, RolloutSpec, SpecProblem } from '../spec.ts';
import { error, warning } from './problem.ts';

/** Approvals that nobody could ever give, or that say what to do at a time that never comes (R19). */
export const checkApprovals = (
  { strategy: { canary, blueGreen } }: RolloutSpec,
  installation?: Installation,
): readonly SpecProblem[] => {
  const given = [
    ...(canary?.steps ?? []).map(({ approval }, index) => [approval, `spec.strategy.canary.steps[${index}].approval`] as const),
    [blueGreen?.approval, 'spec.strategy.blueGreen.approval'] as const,
  ];
  return given.flatMap(([approval, path]) =>
    approval === undefined ? [] : [...check(approval, path), ...checkChannels(approval, path, installation)],
  );
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

/** Approvers whom this installation never hears of; what is not known of it is not checked. */
const checkChannels = (
  { approvers }: ApprovalSpec,
  path: string,
  { approvalWebhooks, slackButtons }: Partial<Installation> = {},
): readonly SpecProblem[] =>
  approvers.flatMap((approver, index): readonly SpecProblem[] => {
    const at = `${path}.approvers[${index}]`;
    const webhook = /^webhook:(.*)$/.exec(approver)?.[1];
    if (webhook !== undefined && approvalWebhooks?.includes(webhook) === false) {
      const known = approvalWebhooks.length === 0 ? 'it names none' : `it names ${approvalWebhooks.join(', ')}`;
      return [error(at, `is ${approver}, which approvals.webhooks of the configuration does not name: ${known}`)];
    }
    if (!approver.startsWith('slack:') || slackButtons !== false) return [];
    const message = `is ${approver}, but the configuration has no notify.slack.signingSecret: there are no buttons, and only who is known by another name in people can answer`;
    return [warning(at, message)];
  });

/** A channel that nobody writes to harms no traffic, but people may wait for it. */
export const checkNotify = ({ notify }: RolloutSpec, installation?: Installation): readonly SpecProblem[] =>
  notify?.slack === undefined || installation?.slack !== false
    ? []
    : [warning('spec.notify.slack', `is ${notify.slack}, but the configuration has no notify.slack: nobody is told there`)];
