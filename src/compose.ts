import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRepository } from './adapters/git/repository.ts';
import { createScheduler } from './adapters/git/schedule.ts';
import { createIstioRouter } from './adapters/istio/router.ts';
import { withoutManagedFields } from './adapters/kubernetes/cache.ts';
import { createKubeClient, type KubeClient } from './adapters/kubernetes/client.ts';
import { createElector, type Elector } from './adapters/kubernetes/elector.ts';
import { createEventSink } from './adapters/kubernetes/events.ts';
import { createInformer, type Informer } from './adapters/kubernetes/informer.ts';
import { findMissing, istioVersion } from './adapters/kubernetes/missing.ts';
import { createPodSource, toPod, toService } from './adapters/kubernetes/pods.ts';
import { type KubeObject, PODS, type Resource, ROLLOUTS, SERVICES } from './adapters/kubernetes/resources.ts';
import { createRolloutStore } from './adapters/kubernetes/rollouts.ts';
import { createRolloutWriter } from './adapters/kubernetes/rolloutWriter.ts';
import { createSourcedRollouts } from './adapters/kubernetes/sourcedRollouts.ts';
import { createPrometheus } from './adapters/prometheus/prometheus.ts';
import { parseRollouts } from './adapters/spec/parse.ts';
import { createRenderer } from './adapters/templates/render.ts';
import { createZipkin } from './adapters/zipkin/zipkin.ts';
import type { Config } from './config/load.ts';
import { createController } from './controller/controller.ts';
import { createMeasurer } from './controller/measure.ts';
import {
  type Clock,
  type EventSink,
  type Logger,
  type Providers,
  type RolloutStore,
  type Router,
  SystemError,
} from './controller/ports.ts';
import { createTelling } from './controller/source/telling.ts';
import { createSource } from './controller/sources.ts';
import { createMetrics, type Metrics } from './server/metrics.ts';
import { startServer } from './server/server.ts';

export type RunningController = {
  /** Where health and metrics are served. */
  readonly address: string;
  /** Resolves when all caches are filled. */
  readonly ready: Promise<void>;
  /** Finishes the action in hand, releases the lease, closes everything. */
  stop(): Promise<void>;
};

/** Something has to be installed first; the message says what and how. */
export class MissingError extends Error {}

/** A write must end before the lease can; istiod's webhook alone may take several seconds. */
const WRITE_TIMEOUT_MS = 5_000;
const DRAIN_MS = 2_000;
const clock: Clock = { now: () => Date.now() };

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
  const events = createEventSink({ client, clock, logger });
  const providers = createProviders(config, metrics);
  const controller = createController(
    {
      router: createRouter(writer, informers, istio),
      pods: createPodSource(pods, services),
      installation: { prometheus: Object.keys(providers.prometheus), zipkin: Object.keys(providers.zipkin) },
      epoch: leadership.epoch,
      store,
      measurer: createMeasurer({ providers, render: createRenderer() }),
      events,
      clock,
      logger,
      onStored: metrics.stored,
      mayWrite: leadership.mayWrite,
    },
    metrics.round,
  );
  metrics.watch({ store, queueDepth: controller.depth, isLeader: leadership.mayWrite });

  const all = [rollouts, pods, services, informers.virtualServices, informers.destinationRules];
  let isStopping = false;
  const waitingFor = (): string | undefined => {
    if (isStopping) return 'stopping';
    const empty = Object.entries(informers).flatMap(([name, informer]) => (informer.hasSynced() ? [] : [name]));
    return empty.length === 0 ? undefined : `caches are not filled yet: ${empty.join(', ')}; the log says why`;
  };
  const server = await startServer(config.listen, { metrics, waitingFor });
  const sources = await createSources(config, writer, { logger, metrics, events, store, rollouts });
  for (const informer of all) informer.start();
  const ready = Promise.all(all.map(informer => informer.synced)).then(() => {
    leadership.onChange(isLeader => {
      if (isLeader) controller.wakeAll();
      sources.follow(isLeader);
    });
    leadership.start();
  });

  return {
    address: server.address,
    ready,
    stop: async () => {
      isStopping = true;
      await sources.stop();
      await controller.stop();
      await events.drain(DRAIN_MS);
      await leadership.stop();
      await Promise.all([...all.map(informer => informer.stop()), server.close()]);
      client.close();
    },
  };
};

/** Without leader election this process is always the leader. */
type Leadership = {
  start(): void;
  stop(): Promise<void>;
  mayWrite(): boolean;
  epoch(): number;
  /** Throws when a write that is about to be sent could outlive the lease (R31). */
  guard(): void;
  onChange(callback: (isLeader: boolean) => void): void;
};

const createLeadership = (config: Config, client: KubeClient, logger: Logger): Leadership => {
  const { enabled, namespace, name } = config.leaderElection;
  if (!enabled) {
    const callbacks: ((isLeader: boolean) => void)[] = [];
    // Before the caches are full, what is not there yet looks as if it were gone.
    let isStarted = false;
    return {
      start: () => {
        isStarted = true;
        for (const callback of callbacks) callback(true);
      },
      stop: async () => {},
      mayWrite: () => isStarted,
      epoch: () => 0,
      guard: () => {},
      onChange: callback => callbacks.push(callback),
    };
  }
  const identity = `${hostname()}_${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
  const elector: Elector = createElector({ client, namespace, name, identity, clock, logger });
  const mayWrite = (): boolean => elector.isLeader() && elector.remainingMs(clock.now()) > WRITE_TIMEOUT_MS;
  return {
    start: () => elector.start(),
    stop: () => elector.stop(),
    mayWrite,
    epoch: () => elector.epoch(),
    guard: () => {
      if (!mayWrite())
        throw new SystemError('sluice', 'writing', 'refused', 'the lease is held by another process, or is about to end');
    },
    onChange: callback => elector.onChange(callback),
  };
};

type Informers = {
  readonly rollouts: Informer<KubeObject>;
  readonly virtualServices: Informer<KubeObject>;
  readonly destinationRules: Informer<KubeObject>;
  readonly pods: Informer<ReturnType<typeof toPod>>;
  readonly services: Informer<ReturnType<typeof toService>>;
};

const istioResource = (version: string, plural: string): Resource => ({
  group: 'networking.istio.io',
  version,
  plural,
  namespaced: true,
});

const createInformers = (
  { watchNamespaces: namespaces }: Config,
  client: KubeClient,
  istio: string,
  logger: Logger,
): Informers => {
  const common = { client, namespaces, logger };
  const whole = { ...common, transform: withoutManagedFields };
  return {
    rollouts: createInformer({ ...whole, resource: ROLLOUTS }),
    virtualServices: createInformer({ ...whole, resource: istioResource(istio, 'virtualservices') }),
    destinationRules: createInformer({ ...whole, resource: istioResource(istio, 'destinationrules') }),
    pods: createInformer({ ...common, resource: PODS, transform: toPod }),
    services: createInformer({ ...common, resource: SERVICES, transform: toService }),
  };
};

const createRouter = (client: KubeClient, { virtualServices, destinationRules }: Informers, istio: string): Router => {
  const resources = {
    VirtualService: istioResource(istio, 'virtualservices'),
    DestinationRule: istioResource(istio, 'destinationrules'),
  };
  return createIstioRouter({
    virtualServices,
    destinationRules,
    clock,
    patch: (kind, namespace, name, operations) => client.jsonPatch(resources[kind], { namespace, name }, operations),
    refresh: async (kind, namespace, name) => {
      try {
        return await client.get(resources[kind], { namespace, name });
      } catch (error) {
        if (error instanceof SystemError && error.kind === 'notFound') return undefined;
        throw error;
      }
    },
  });
};

const createProviders = ({ providers }: Config, metrics: Metrics): Providers => {
  // Providers of both kinds may have one name; the label is what `status.gates` calls the source.
  const countOf =
    (kind: keyof Providers) =>
    (name: string, outcome: string): void =>
      metrics.providerRequest(`${kind}/${name}`, outcome);
  const each = <Settings, Provider>(
    settings: Readonly<Record<string, Settings>>,
    create: (name: string, setting: Settings) => Provider,
  ): Readonly<Record<string, Provider>> =>
    Object.fromEntries(Object.entries(settings).map(([name, setting]) => [name, create(name, setting)]));
  return {
    prometheus: each(providers.prometheus, (name, setting) =>
      createPrometheus({ ...setting, name, onRequest: countOf('prometheus') }),
    ),
    zipkin: each(providers.zipkin, (name, setting) => createZipkin({ ...setting, name, onRequest: countOf('zipkin'), clock })),
  };
};

type Sources = {
  /** Only the leader reads Git and writes what it says. */
  follow(isLeader: boolean): void;
  stop(): Promise<void>;
};

type SourceSurroundings = {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly events: EventSink;
  readonly store: RolloutStore;
  readonly rollouts: Informer<KubeObject>;
};

const createSources = async (config: Config, client: KubeClient, around: SourceSurroundings): Promise<Sources> => {
  const { logger, metrics, store, events } = around;
  const folder = await mkdtemp(join(tmpdir(), 'sluice-git-'));
  const shared = {
    parser: (text: string, file: string) => parseRollouts(text, file, { namespace: 'required' }),
    writer: createRolloutWriter(client),
    objects: createSourcedRollouts(around.rollouts),
    scheduler: createScheduler(logger),
    logger,
    clock,
  };
  const opened = config.sources.map(({ credentials, ...source }) => {
    const { url, branch, path } = source;
    const repository = openRepository({ url, branch, path, dir: join(folder, source.name), auth: credentials });
    const created = createSource({
      ...shared,
      config: source,
      repository,
      onSync: (status, turn) => metrics.sourceTurn(status, turn),
      onProblem: createTelling({ store, events }),
    });
    return { name: source.name, source: created, repository };
  });
  const stop = async (): Promise<void> => {
    await Promise.all(opened.map(({ source }) => source.stop()));
    for (const { name } of opened) metrics.sourceStopped(name);
  };
  let turn = Promise.resolve();
  return {
    follow: isLeader => {
      turn = turn.then(async () => {
        if (isLeader) for (const { source } of opened) source.start();
        else await stop();
      });
    },
    stop: async () => {
      await turn;
      await stop();
      for (const { repository } of opened) repository.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
