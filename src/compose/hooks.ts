import { createWebhookAnswerHook } from '../adapters/webhook/answers.ts';
import type { Config } from '../config/load.ts';
import type { AnswerHook } from '../controller/channel-ports.ts';
import type { Clock } from '../controller/ports.ts';

/** The programs that may bring answers of people, by path. `slack`: its buttons, where there are some. */
export const createAnswerHooks = (
  { approvals }: Pick<Config, 'approvals'>,
  { clock, slack }: { readonly clock: Clock; readonly slack: AnswerHook | undefined },
): Readonly<Record<string, AnswerHook>> => ({
  ...(slack === undefined ? {} : { '/hooks/slack': slack }),
  ...Object.fromEntries(
    approvals.webhooks.map(({ name, secret }) => [`/hooks/approvals/${name}`, createWebhookAnswerHook({ name, secret, clock })]),
  ),
});
