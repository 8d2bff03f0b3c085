import { createGateCaller } from '../adapters/webhook/gate.ts';
import { createWebhookNotifier } from '../adapters/webhook/notifier.ts';
import type { Config } from '../config/load.ts';
import { createOutbox, type Outbox, type OutboxOptions } from '../controller/outbox.ts';
import type { Clock, GateCaller } from '../controller/ports.ts';
import type { Metrics } from '../server/metrics.ts';

type Around = Omit<OutboxOptions, 'notifiers' | 'onMessage'> & { readonly metrics: Metrics };

/** Everybody whom the configuration names is told. */
export const createMessages = ({ notify }: Config, { metrics, ...around }: Around): Outbox => {
  const notifiers = notify.webhooks.map(webhook => createWebhookNotifier({ ...webhook, clock: around.clock }));
  const outbox = createOutbox({ ...around, notifiers, onMessage: metrics.outbox.message });
  metrics.outbox.watch(outbox.depths);
  return outbox;
};

/** `apiServer`: the URL that no gate may lead to. */
export const createGates = (
  { webhookGates }: Config,
  { metrics, clock, apiServer }: { metrics: Metrics; clock: Clock; apiServer: string },
): GateCaller =>
  createGateCaller({
    ...webhookGates,
    apiServer,
    clock,
    onRequest: (host, outcome) => metrics.providerRequest(`webhook/${host}`, outcome),
  });
