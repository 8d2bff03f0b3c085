import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPushHook } from '../adapters/git/push.ts';
import { openRepository } from '../adapters/git/repository.ts';
import { createScheduler } from '../adapters/git/schedule.ts';
import type { KubeClient } from '../adapters/kubernetes/client.ts';
import type { Informer } from '../adapters/kubernetes/informer.ts';
import type { KubeObject } from '../adapters/kubernetes/resources.ts';
import { createRolloutWriter } from '../adapters/kubernetes/rolloutWriter.ts';
import { createSourcedRollouts } from '../adapters/kubernetes/sourcedRollouts.ts';
import type { Config } from '../config/load.ts';
import type { PushHook } from '../controller/channel-ports.ts';
import type { Clock, EventSink, Logger, RolloutStore } from '../controller/ports.ts';
import { createTelling } from '../controller/source/telling.ts';
import type { RolloutParser } from '../controller/source-ports.ts';
import { createSource } from '../controller/sources.ts';
import type { Metrics } from '../server/metrics.ts';

type Sources = {
  /** Only the leader reads Git and writes what it says. */
  follow(isLeader: boolean): void;
  /** One for each source that has a secret for pushes. */
  readonly pushHooks: readonly PushHook[];
  /** Somebody has pushed to the repository of this source. Does nothing while another process leads. */
  wake(name: string): void;
  stop(): Promise<void>;
};

type SourceSurroundings = {
  readonly parser: RolloutParser;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly events: EventSink;
  readonly store: RolloutStore;
  readonly rollouts: Informer<KubeObject>;
};

/** Git, as far as the configuration names it. */
export const createSources = async (config: Config, client: KubeClient, around: SourceSurroundings): Promise<Sources> => {
  const { logger, metrics, store, events, clock } = around;
  const folder = await mkdtemp(join(tmpdir(), 'sluice-git-'));
  const shared = {
    parser: around.parser,
    writer: createRolloutWriter(client),
    objects: createSourcedRollouts(around.rollouts),
    scheduler: createScheduler(logger),
    logger,
    clock,
  };
  const opened = config.sources.map(({ credentials, pushSecret, ...source }) => {
    const { url, branch, path } = source;
    const repository = openRepository({ url, branch, path, dir: join(folder, source.name), auth: credentials });
    const created = createSource({
      ...shared,
      config: source,
      repository,
      onSync: (status, turn) => metrics.sourceTurn(status, turn),
      onProblem: createTelling({ store, events }),
    });
    const hooks = pushSecret === undefined ? [] : [createPushHook({ source: source.name, secret: pushSecret, logger })];
    return { name: source.name, source: created, repository, hooks };
  });
  const stop = async (): Promise<void> => {
    await Promise.all(opened.map(({ source }) => source.stop()));
    for (const { name } of opened) metrics.sourceStopped(name);
  };
  let turn = Promise.resolve();
  return {
    pushHooks: opened.flatMap(({ hooks }) => hooks),
    wake: name => opened.find(source => source.name === name)?.source.pushed(),
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
