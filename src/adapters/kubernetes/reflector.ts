import type { Logger } from '../../controller/ports.ts';
import { wait } from './delay.ts';
import { KubeError } from './errors.ts';
import { describe, type KubeObject, type Resource } from './resources.ts';
import type { KubeClient, WatchEvent } from './rest.ts';

/** Takes what the reflector learns. `listing` comes before the request whose answer `replace` brings. */
export type ReflectorSink<T> = {
  listing(): void;
  /** All objects that exist. */
  replace(objects: readonly T[]): void;
  set(object: T): void;
  delete(object: T): void;
};

export type ReflectorTiming = {
  /** Objects per page of a list. */
  readonly pageSize?: number;
  /** The server ends each watch after a time between these, so that not all watches end together. */
  readonly watchSeconds?: readonly [least: number, most: number];
  /** A watch that says nothing for so long is taken for dead; servers send a bookmark about every minute. */
  readonly inactivityMs?: number;
  readonly firstDelayMs?: number;
  readonly longestDelayMs?: number;
  /** A watch that lasted so long was healthy: the back-off begins anew. */
  readonly livedMs?: number;
};

export type ReflectorOptions<T> = {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly resource: Resource;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Keeps only what is needed, page by page, so that many objects need little memory. */
  readonly transform: (object: KubeObject) => T;
  readonly sink: ReflectorSink<T>;
  readonly logger: Logger;
  /** 0 <= x < 1. */
  readonly random?: () => number;
  readonly timing?: ReflectorTiming;
};

/** Keeps a sink equal to the objects of one resource, by list and watch, until it is stopped. */
export type Reflector = {
  start(): void;
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>;
  /** Resolves when the first complete list is there and is being kept up to date by a watch. */
  readonly synced: Promise<void>;
  hasSynced(): boolean;
};

const DEFAULTS = {
  pageSize: 500,
  watchSeconds: [240, 300],
  inactivityMs: 120_000,
  firstDelayMs: 200,
  longestDelayMs: 10_000,
  livedMs: 5_000,
} as const satisfies Required<ReflectorTiming>;

/** The server has forgotten the version to go on from, or cannot serve it; only a list helps. */
class Expired extends Error {}

/** Nothing came on a watch for too long; the connection may be half-open. */
class Silent extends Error {}

/** Without an answer, or when told to come later, the version is still good; any other failure may come from it. */
function keepsVersion(error: unknown): boolean {
  if (error instanceof KubeError) return error.kind === 'unavailable' && (error.code === undefined || error.code === 429);
  return !(error instanceof Expired);
}

/** Ends a watch on which nothing has come for some time: a half-open connection looks alive for ever. */
function createWatchdog(inactivityMs: number, stopped: AbortSignal) {
  const controller = new AbortController();
  const end = () => controller.abort();
  stopped.addEventListener('abort', end);
  if (stopped.aborted) end();
  let silent = false;
  const timer = setTimeout(() => {
    silent = true;
    controller.abort();
  }, inactivityMs);
  return {
    signal: controller.signal,
    alive: () => void timer.refresh(),
    wasSilent: () => silent,
    dispose: () => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', end);
    },
  };
}

class ListWatch<T> implements Reflector {
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions<T>;
  readonly #timing: Required<ReflectorTiming>;
  readonly #scope: Pick<ReflectorOptions<T>, 'namespace' | 'labelSelector' | 'fieldSelector'>;
  readonly #logger: Logger;
  readonly #random: () => number;
  readonly #stopping = new AbortController();
  #resourceVersion: string | undefined;
  #hasSynced = false;
  /** A connection broke since the server last said a version: behind the next one there may be an older state. */
  #isSuspect = false;
  #resolveSynced: () => void = () => {};
  #running: Promise<void> | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#timing = { ...DEFAULTS, ...options.timing };
    this.#random = options.random ?? Math.random;
    this.#scope = {
      ...(options.namespace ? { namespace: options.namespace } : {}),
      ...(options.labelSelector ? { labelSelector: options.labelSelector } : {}),
      ...(options.fieldSelector ? { fieldSelector: options.fieldSelector } : {}),
    };
    this.#logger = options.logger.child({ resource: describe(options.resource, this.#scope) });
    this.synced = new Promise<void>(resolve => {
      this.#resolveSynced = resolve;
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  hasSynced(): boolean {
    return this.#hasSynced;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    // Watches in a row that ended before they had lived, in order or not.
    let failures = 0;
    while (!signal.aborted) {
      let watchedFromMs: number | undefined;
      let failure: { readonly error: unknown } | undefined;
      try {
        const version = this.#resourceVersion ?? (await this.#list());
        watchedFromMs = performance.now();
        await this.#watch(version);
      } catch (error) {
        failure = { error };
      }
      if (signal.aborted) return;
      if (watchedFromMs !== undefined && performance.now() - watchedFromMs >= this.#timing.livedMs) failures = 0;
      if (failure) this.#onFailure(failure.error, failures + 1);
      const atOnce = failures === 0 && watchedFromMs !== undefined && (!failure || failure.error instanceof Expired);
      if (!atOnce) await wait(this.#delayMs(failures), signal);
      failures += 1;
    }
  }

  /** Gives the version from which to watch. */
  async #list(): Promise<string> {
    const { client, resource, sink, transform } = this.#options;
    sink.listing();
    const objects: T[] = [];
    let next: string | undefined;
    let version: string | undefined;
    do {
      const paging = { limit: this.#timing.pageSize, ...(next === undefined ? {} : { continue: next }) };
      const page = await client.list(resource, { ...this.#scope, ...paging }, this.#stopping.signal);
      // Of the first page: a later one may be younger, and what changed in between stood on pages that were read before.
      version ??= page.resourceVersion;
      for (const item of page.items) this.#isolated(() => objects.push(transform(item)));
      next = page.continue;
    } while (next !== undefined);
    this.#isolated(() => sink.replace(objects));
    this.#resourceVersion = version;
    this.#isSuspect = false;
    return version;
  }

  async #watch(resourceVersion: string): Promise<void> {
    const { client, resource } = this.#options;
    const [least, most] = this.#timing.watchSeconds;
    const timeoutSeconds = Math.floor(least + this.#random() * (most - least));
    const watchdog = createWatchdog(this.#timing.inactivityMs, this.#stopping.signal);
    const event = (given: WatchEvent) => {
      this.#isSuspect = false;
      watchdog.alive();
      if (!this.#stopping.signal.aborted) this.#take(given);
    };
    // A list alone is as good as nothing: without the right to watch, what is in the sink would be old.
    const open = () => {
      this.#hasSynced = true;
      this.#resolveSynced();
    };
    try {
      await client.watch(resource, { ...this.#scope, resourceVersion, timeoutSeconds }, { open, event }, watchdog.signal);
    } catch (error) {
      if (!watchdog.wasSilent()) throw error;
      const reason = `nothing came for ${this.#timing.inactivityMs / 1000} s`;
      // No bookmark either is everyday life: the later pages of a list tell the version of the whole store, which may be ahead of
      // this resource for long. After a broken connection it may be a server that was set back to a backup.
      throw this.#isSuspect ? new Expired(reason) : new Silent(reason);
    } finally {
      watchdog.dispose();
    }
  }

  #take(event: WatchEvent): void {
    const { sink, transform } = this.#options;
    if (event.type === 'ERROR') {
      const status = event.object as { readonly code?: unknown; readonly message?: unknown };
      throw new Expired(`${String(status.code ?? '')} ${String(status.message ?? 'the watch failed')}`.trim());
    }
    if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#isolated(() => sink.set(transform(event.object)));
    else if (event.type === 'DELETED') this.#isolated(() => sink.delete(transform(event.object)));
    this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
  }

  /** One object that a handler cannot take must not keep the others away. */
  #isolated(work: () => unknown): void {
    try {
      work();
    } catch (error) {
      this.#logger.error({ err: error }, 'a handler of a Kubernetes object failed');
    }
  }

  #onFailure(error: unknown, failures: number): void {
    if (!keepsVersion(error)) this.#resourceVersion = undefined;
    if (!(error instanceof Silent)) this.#isSuspect = true;
    const fields = { err: error, failures };
    // An outage is said once, and again from time to time; a single broken watch is everyday life.
    const loud = (failures === 1 && !this.#hasSynced) || failures === 3 || failures % 30 === 0;
    if (loud) this.#logger.warn(fields, 'cannot list or watch Kubernetes objects, trying again');
    else this.#logger.debug(fields, 'watch of Kubernetes objects ended, trying again');
  }

  #delayMs(failures: number): number {
    const { firstDelayMs, longestDelayMs } = this.#timing;
    return Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(failures, 30)) * (0.5 + this.#random() / 2);
  }
}

export function createReflector<T>(options: ReflectorOptions<T>): Reflector {
  return new ListWatch(options);
}
