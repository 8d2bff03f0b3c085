import type { AnswerHook } from '../../controller/channel-ports.ts';
import type { Clock } from '../../controller/ports.ts';
import { readAnswerBody } from './answerBody.ts';
import type { Secret } from './signature.ts';
import { verifySigned } from './verify.ts';

export type WebhookAnswerOptions = {
  /** Its name in the configuration, which approvers name as `webhook:<name>`. */
  readonly name: string;
  /** Read for each request. */
  readonly secret: Secret;
  readonly clock: Clock;
};

/**
 * Takes answers of another program, signed as Standard Webhooks are. They count as given when they were signed, so one that
 * is sent again after people were asked anew is about a question that is gone.
 */
export const createWebhookAnswerHook = ({ name, secret, clock }: WebhookAnswerOptions): AnswerHook => ({
  name: `webhook/${name}`,
  verify: async request => void verifySigned(request, secret, clock.now()),
  read: async request => {
    const nowMs = clock.now();
    const signedMs = verifySigned(request, secret, nowMs);
    return {
      ...readAnswerBody(request),
      identity: `webhook:${name}`,
      groups: [],
      via: `webhook/${name}`,
      at: new Date(Math.min(signedMs, nowMs)).toISOString(),
    };
  },
});
