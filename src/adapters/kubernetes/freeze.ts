import { type Logger, SystemError } from '../../controller/ports.ts';
import type { Freeze } from '../../rollout/index.ts';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import { createReflector, type ReflectorTiming } from './reflector.ts';
import { CONFIG_MAPS, type KubeObject } from './resources.ts';

const NAME = 'sluice-freeze';

/** Follows the ConfigMap that stops all forward movement of an installation (R20). */
export type FreezeWatch = {
  start(): void;
  stop(): Promise<void>;
  /** Resolves when it was read for the first time, or could not be. */
  readonly known: Promise<void>;
  /**
   * Absent: nothing is frozen. A ConfigMap that could never be read may be a freeze, so it counts as one; one that cannot
   * be read any more is as it was last seen.
   */
  current(): Freeze | undefined;
  onChange(callback: () => void): void;
};

type FreezeWatchOptions = {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly namespace: string;
  readonly logger: Logger;
  readonly clock: { now(): number };
  readonly timing?: ReflectorTiming;
};

/** One watch of one object; an installation at rest costs no request. */
export const createFreezeWatch = ({ client, namespace, logger, clock, timing }: FreezeWatchOptions): FreezeWatch => {
  const callbacks: (() => void)[] = [];
  let state: { readonly freeze: Freeze | undefined } | undefined;
  let resolveKnown = (): void => {};
  const known = new Promise<void>(resolve => {
    resolveKnown = resolve;
  });

  const learn = (freeze: Freeze | undefined): void => {
    const isNews = JSON.stringify(state?.freeze) !== JSON.stringify(freeze);
    state = { freeze };
    resolveKnown();
    if (!isNews) return;
    if (freeze === undefined) logger.info({ configMap: `${namespace}/${NAME}` }, 'the freeze is over');
    else logger.warn({ ...freeze, configMap: `${namespace}/${NAME}` }, 'frozen: nothing moves forward');
    for (const callback of callbacks) callback();
  };

  /**
   * Before anything was read, the safe side is to stand still; afterwards the last state is better than none. A server that
   * does not answer is waited for, like the other watches do.
   */
  const unreadable = (error: unknown): void => {
    if (state !== undefined || !(error instanceof SystemError) || error.kind === 'unavailable') return;
    const reason = error.message;
    logger.error({ reason }, 'the freeze cannot be read; nothing moves forward until it can');
    learn({
      by: 'Sluice itself',
      since: new Date(clock.now()).toISOString(),
      reason: `the freeze cannot be read: ${reason}`,
      end: `when the ConfigMap ${namespace}/${NAME} can be read, which the Role ${NAME} allows (sluice install prints it)`,
    });
  };

  const watched = async <T>(request: () => Promise<T>): Promise<T> => {
    try {
      return await request();
    } catch (error) {
      unreadable(error);
      throw error;
    }
  };

  const reflector = createReflector<KubeObject>({
    client: {
      list: (...query) => watched(() => client.list(...query)),
      watch: (...query) => client.watch(...query),
    },
    resource: CONFIG_MAPS,
    namespace,
    fieldSelector: `metadata.name=${NAME}`,
    transform: object => object,
    sink: {
      listing: () => {},
      replace: objects => learn(objects[0] && freezeOf(objects[0])),
      set: object => learn(freezeOf(object)),
      delete: () => learn(undefined),
    },
    logger,
    ...(timing === undefined ? {} : { timing }),
  });

  return {
    start: () => reflector.start(),
    stop: () => reflector.stop(),
    known,
    current: () => state?.freeze,
    onChange: callback => callbacks.push(callback),
  };
};

/** The ConfigMap alone is enough, so that `kubectl create configmap` works in an emergency. */
const freezeOf = ({ data, metadata }: KubeObject): Freeze => {
  const fields = typeof data === 'object' && data !== null ? (data as Readonly<Record<string, unknown>>) : {};
  const text = (name: string): string | undefined =>
    typeof fields[name] === 'string' && fields[name] !== '' ? String(fields[name]).replace(/\s+/g, ' ').slice(0, 200) : undefined;
  const reason = text('reason');
  return {
    by: text('by') ?? 'somebody',
    since: text('since') ?? metadata.creationTimestamp ?? '',
    ...(reason === undefined ? {} : { reason }),
  };
};

/** The freeze that stands, read once; `undefined`: none. Throws KubeError. */
export const readFreeze = async (client: Pick<KubeClient, 'get'>, namespace: string): Promise<Freeze | undefined> => {
  try {
    return freezeOf(await client.get(CONFIG_MAPS, { namespace, name: NAME }));
  } catch (error) {
    if (error instanceof KubeError && error.kind === 'notFound') return undefined;
    throw error;
  }
};

type FreezeWrites = Pick<KubeClient, 'create' | 'delete' | 'get'>;

/** Makes the ConfigMap; answers the freeze that stands, and whether it was there already. Throws KubeError. */
export const freeze = async (
  client: FreezeWrites,
  namespace: string,
  wanted: Freeze,
): Promise<{ readonly freeze: Freeze; readonly isNew: boolean }> => {
  const { by, since, reason } = wanted;
  const labels = { 'app.kubernetes.io/part-of': 'sluice' };
  const data = { by, since, ...(reason === undefined ? {} : { reason }) };
  try {
    await client.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: NAME, labels }, data });
    return { freeze: wanted, isNew: true };
  } catch (error) {
    if (!(error instanceof KubeError) || error.code !== 409) throw error;
    return { freeze: freezeOf(await client.get(CONFIG_MAPS, { namespace, name: NAME })), isNew: false };
  }
};

/** Deletes the ConfigMap; answers the freeze that stood there, or `undefined` when there was none. Throws KubeError. */
export const unfreeze = async (client: FreezeWrites, namespace: string): Promise<Freeze | undefined> => {
  try {
    const stood = freezeOf(await client.get(CONFIG_MAPS, { namespace, name: NAME }));
    await client.delete(CONFIG_MAPS, { namespace, name: NAME });
    return stood;
  } catch (error) {
    if (error instanceof KubeError && error.kind === 'notFound') return undefined;
    throw error;
  }
};
