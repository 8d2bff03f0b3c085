import { builtInTemplates, readTemplates } from '../adapters/templates/messageFiles.ts';
import { createMessageRenderer } from '../adapters/templates/messages.ts';
import { createRenderer } from '../adapters/templates/render.ts';
import { createGateCaller } from '../adapters/webhook/gate.ts';
import { createWebhookNotifier } from '../adapters/webhook/notifier.ts';
import { installationOf } from '../config/installation.ts';
import type { Config } from '../config/load.ts';
import type { Notifier, RenderMessage } from '../controller/channel-ports.ts';
import { createOutbox, type Outbox, type OutboxOptions } from '../controller/outbox.ts';
import type { Clock, GateCaller, Logger } from '../controller/ports.ts';
import type { Further } from '../controller/view-ports.ts';
import type { Metrics } from '../server/metrics.ts';
import { createAsk, createLinks } from './links.ts';

/** Throws an Error when this installation lacks templates of its own. */
export const createMessageRender = (
  { templatesDir, publicUrl }: Pick<Config, 'templatesDir' | 'publicUrl'>,
  logger: Logger,
): RenderMessage => {
  const overrides = templatesDir === undefined ? {} : readTemplates(templatesDir).templates;
  return createMessageRenderer({ builtIn: builtInTemplates(), overrides, logger, publicUrl });
};

/** What people are shown beside what the status says, in messages and on pages. */
export const createFurther = (config: Config): Required<Further> => {
  const fill = createRenderer();
  const linksOf = createLinks({ ...config, installation: installationOf(config), render: fill });
  return { linksOf, askOf: createAsk(fill) };
};

type Around = Omit<OutboxOptions, 'notifiers' | 'onMessage'> & {
  readonly metrics: Metrics;
  readonly render: RenderMessage;
  /** Those that are made elsewhere, because people answer there too. */
  readonly chats: readonly Notifier[];
};

/** Everybody whom the configuration names is told. */
export const createMessages = (config: Config, { metrics, render, chats, ...around }: Around): Outbox => {
  const webhooks = config.notify.webhooks.map(webhook => createWebhookNotifier({ ...webhook, render, clock: around.clock }));
  const notifiers = [...chats, ...webhooks];
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
