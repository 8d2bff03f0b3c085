import type { Installation } from '../rollout/index.ts';
import type { Config } from './load.ts';

/** What this configuration offers to Rollouts. */
export const installationOf = ({
  providers,
  gateTemplates,
  defaults,
  webhookGates,
  drift,
  notify,
  approvals,
}: Config): Installation => ({
  prometheus: Object.keys(providers.prometheus),
  zipkin: Object.keys(providers.zipkin),
  gateTemplates,
  ...defaults,
  webhookGates: webhookGates.allow,
  restore: drift.restore,
  slack: notify.slack !== undefined,
  slackButtons: notify.slack?.signingSecret !== undefined,
  approvalWebhooks: approvals.webhooks.map(({ name }) => name),
});
