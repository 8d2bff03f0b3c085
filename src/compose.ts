import { randomUUID } from 'node:crypto';
import { createMeshPreview } from './adapters/istio/preview.ts';
import { createAccess } from './adapters/kubernetes/access.ts';
import { createKubeClient } from './adapters/kubernetes/client.ts';
import { createEventSink } from './adapters/kubernetes/events.ts';
import { createFreezeWatch } from './adapters/kubernetes/freeze.ts';
import { findMissing, istioVersion } from './adapters/kubernetes/missing.ts';
import { createPodSource } from './adapters/kubernetes/pods.ts';
import { createRecordReader } from './adapters/kubernetes/recordReader.ts';
import { createRequestWriter } from './adapters/kubernetes/requestWriter.ts';
import { createRolloutStore } from './adapters/kubernetes/rollouts.ts';
import { createWorkloads } from './adapters/kubernetes/workloads.ts';
import { createFindings, createSourceParser } from './adapters/spec/check.ts';
import { checkTemplate, createRenderer } from './adapters/templates/render.ts';
import { createInformers, createRouter } from './compose/cluster.ts';
import { createEvidence } from './compose/evidence.ts';
import { createAnswerHooks } from './compose/hooks.ts';
import { createLeadership, WRITE_TIMEOUT_MS } from './compose/leadership.ts';
import { createMeshCheck } from './compose/meshCheck.ts';
import { createProviders } from './compose/providers.ts';
import { createSlack } from './compose/slack.ts';
import { createSources } from './compose/sources.ts';
import { createFurther, createGates, createMessageRender, createMessages } from './compose/webhooks.ts';
import { installationOf } from './config/installation.ts';
import type { Config } from './config/load.ts';
import { packageRoot } from './config/packageRoot.ts';
import { createApprovalDesk } from './controller/approvals.ts';
import { createClock } from './controller/clock.ts';
import { createController } from './controller/controller.ts';
import { createMeasurer } from './controller/measure.ts';
import { createDirectory } from './controller/people.ts';
import type { Logger } from './controller/ports.ts';
import { createRequestDesk } from './controller/requests.ts';
import { createMetrics } from './server/metrics.ts';
import { createNewest } from './server/newest.ts';
import { startServer } from './server/server.ts';

export type RunningController = {
  /** Where health, metrics and the API are served. */
  readonly address: string;
  /** Where webhooks are received; absent when nothing is configured that sends some. */
  readonly hooks?: string;
  /** Resolves when all caches are filled. */
  readonly ready: Promise<void>;
  /** Finishes the action in hand, releases the lease, closes everything. */
  stop(): Promise<void>;
};

/** Something has to be installed first; the message says what and how. */
export class MissingError extends Error {}

const DRAIN_MS = 2_000;
/** Answers of people that are not stored by then are told to be not. */
const ANSWERS_MS = 1_500;
/** Messages that are not sent by then are told again by the next process. */
const TELL_MS = 1_000;
const clock = createClock(
  () => Date.now(),
  () => performance.now(),
);

/** Builds all parts and connects them; nothing else in the program does. Throws SystemError or MissingError. */
export const runController = async (
  config: Config,
  kubeconfigPath: string | undefined,
  logger: Logger,
): Promise<RunningController> => {
  const metrics = createMetrics(clock);
  const client = createKubeClient({
    onRequest: metrics.kubeRequest,
    timeoutMs: WRITE_TIMEOUT_MS,
    ...(kubeconfigPath === undefined ? {} : { kubeconfigPath }),
  });
  const missing = await findMissing(client);
  if (missing.length > 0) throw new MissingError(missing.join('\n'));
  const istio = (await istioVersion(client)) ?? 'v1';

  const leadership = createLeadership(config, client, logger);
  const writer = client.withGuard(leadership.guard);
  const informers = createInformers(config, client, istio, logger);
  const { rollouts, pods, services } = informers;
  const store = createRolloutStore(writer, rollouts);
  const newest = createNewest({ store, clock, logger });
  const events = createEventSink({ client, clock, logger });
  const render = createMessageRender(config, logger);
  // Like events, messages and records of what this process has decided are sent even after it has lost the lease.
  const slack = createSlack(config, { store, client, render, epoch: leadership.epoch, clock, logger, metrics });
  const chats = slack === undefined ? [] : [slack.notifier];
  const further = createFurther(config);
  const outbox = createMessages(config, { events, store, clock, logger, metrics, render, chats, ...further });
  const evidence = createEvidence(config, client, { logger, metrics });
  const freeze = createFreezeWatch({ client, namespace: config.leaderElection.namespace, logger, clock });
  const providers = createProviders(config, metrics, clock);
  const callGate = createGates(config, { metrics, clock, apiServer: client.server });
  const podSource = createPodSource(pods, services);
  const meshCheck = createMeshCheck({ config, client, informers, podSource, logger });
  const installation = installationOf(config);
  const templates = { render: createRenderer(), check: checkTemplate };
  const desk = createApprovalDesk({
    store,
    directory: createDirectory(config.people),
    wake: key => controller.wake(key),
  });
  const records = createRecordReader({ kubeconfigPath });
  const requestWriter = createRequestWriter(writer, rollouts);
  const requests = createRequestDesk({ store, writer: requestWriter, clock, newId: randomUUID });
  const controller = createController(
    {
      router: createRouter(writer, informers, { istio, clock }),
      pods: podSource,
      checker: meshCheck.checker,
      installation,
      findings: createFindings(templates, installation),
      epoch: leadership.epoch,
      answers: desk.waiting,
      freeze: freeze.current,
      clockJumps: clock.jumps,
      store,
      workloads: createWorkloads(writer, { pods, services }),
      measurer: createMeasurer({ providers, render: templates.render, callGate }),
      events: outbox,
      evidence,
      clock,
      logger,
      onStored: (rollout, next) => {
        metrics.stored(rollout, next);
        desk.stored(rollout, next);
      },
      onDecided: newest.decided,
      mayWrite: leadership.mayWrite,
    },
    metrics.round,
    desk.roundEnded,
  );
  metrics.watch({ store, queueDepth: controller.depth, isLeader: leadership.mayWrite });

  const all = [rollouts, pods, services, informers.virtualServices, informers.destinationRules];
  let isStopping = false;
  const waitingFor = (): string | undefined => {
    if (isStopping) return 'stopping';
    const empty = Object.entries(informers).flatMap(([name, informer]) => (informer.hasSynced() ? [] : [name]));
    return empty.length === 0 ? undefined : `caches are not filled yet: ${empty.join(', ')}; the log says why`;
  };
  const parser = createSourceParser(templates, installation);
  const sources = await createSources(config, writer, { parser, clock, logger, metrics, events: outbox, store, rollouts });
  const server = await startServer(config, {
    metrics,
    waitingFor,
    leader: () => (isStopping ? { kind: 'nobody' } : leadership.leader()),
    access: createAccess({ client, clock }),
    newest,
    mesh: createMeshPreview({ ...informers, clock, pods: podSource }),
    ...further,
    version: __SLUICE_VERSION__,
    freeze: freeze.current,
    pages: new URL('dist/dashboard/', packageRoot()),
    answer: desk.answer,
    wish: requests.ask,
    records,
    answerHooks: createAnswerHooks(config, { clock, slack: slack?.hook }),
    pushHooks: sources.pushHooks,
    wakeSource: sources.wake,
    clock,
    logger,
  }).catch(async (error: unknown) => {
    // clones go to a folder that nobody else takes away
    await sources.stop();
    throw error;
  });
  leadership.announce(server.reachedAt);
  for (const informer of all) informer.start();
  meshCheck.onChange(() => controller.wakeAll());
  meshCheck.start();
  freeze.onChange(() => controller.wakeAll());
  freeze.start();
  const ready = Promise.all([freeze.known, meshCheck.settled, ...all.map(informer => informer.synced)]).then(() => {
    leadership.onChange(isLeader => {
      outbox.follow(isLeader);
      if (isLeader) controller.wakeAll();
      sources.follow(isLeader);
    });
    leadership.start();
  });

  return {
    address: server.address,
    ...(server.hooks === undefined ? {} : { hooks: server.hooks }),
    ready,
    stop: async () => {
      isStopping = true;
      server.endStreams();
      // what people were told is taken is stored first
      await Promise.all([desk.drain(ANSWERS_MS), requests.drain(ANSWERS_MS)]);
      await sources.stop();
      await controller.stop();
      const told = outbox.drain(TELL_MS);
      await Promise.all([events.drain(DRAIN_MS), evidence.drain(DRAIN_MS)]);
      await leadership.stop();
      await Promise.all([told, ...all.map(informer => informer.stop()), meshCheck.stop(), freeze.stop(), server.close()]);
      records.close();
      client.close();
    },
  };
};
