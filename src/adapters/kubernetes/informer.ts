import type { Logger } from '../../controller/ports.ts';
import { type Cache, type CachedObject, createCache } from './cache.ts';
import type { KubeClient } from './client.ts';
import { createReflector, type ReflectorTiming } from './reflector.ts';
import type { KubeObject, Resource } from './resources.ts';

/** A cache that fills itself. */
export type Informer<T extends CachedObject> = Cache<T> & {
  start(): void;
  /** Resolves when nothing of it runs any more; the cache stays as it is. */
  stop(): Promise<void>;
  /** Resolves when the cache is complete for the first time, and watched. */
  readonly synced: Promise<void>;
  hasSynced(): boolean;
};

export type InformerOptions<T extends CachedObject> = {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly resource: Resource;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly labelSelector?: string;
  readonly transform: (object: KubeObject) => T;
  readonly logger: Logger;
  readonly random?: () => number;
  readonly timing?: ReflectorTiming;
};

/** A cache of one resource with one reflector per namespace, or one for all namespaces. */
export function createInformer<T extends CachedObject>(options: InformerOptions<T>): Informer<T> {
  const { client, resource, logger, transform, namespaces } = options;
  const { cache, sink } = createCache({ logger, transform });
  const scopes = namespaces.length === 0 ? [undefined] : [...new Set(namespaces)];
  const reflectors = scopes.map(namespace =>
    createReflector({
      client,
      resource,
      logger,
      transform,
      sink: sink(namespace),
      ...(namespace === undefined ? {} : { namespace }),
      ...(options.labelSelector ? { labelSelector: options.labelSelector } : {}),
      ...(options.random ? { random: options.random } : {}),
      ...(options.timing ? { timing: options.timing } : {}),
    }),
  );
  return {
    get: (namespace, name) => cache.get(namespace, name),
    list: () => cache.list(),
    byNamespace: namespace => cache.byNamespace(namespace),
    onChange: callback => cache.onChange(callback),
    put: object => cache.put(object),
    start: () => {
      for (const reflector of reflectors) reflector.start();
    },
    stop: async () => {
      await Promise.all(reflectors.map(reflector => reflector.stop()));
    },
    synced: Promise.all(reflectors.map(reflector => reflector.synced)).then(() => {}),
    hasSynced: () => reflectors.every(reflector => reflector.hasSynced()),
  };
}
