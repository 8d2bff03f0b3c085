import type { NotifierMemory } from '../../controller/channel-ports.ts';
import { SystemError } from '../../controller/ports.ts';
import type { JsonPatchOperation, KubeClient } from './client.ts';
import { labelsBeside, nameBeside, ownersOf, testsOfLabels } from './ownedConfigMap.ts';
import { CONFIG_MAPS, type KubeObject } from './resources.ts';

type Rollout = Parameters<NotifierMemory['load']>[0];

export type ConfigMapMemoryOptions = {
  readonly client: Pick<KubeClient, 'create' | 'jsonPatch'>;
  /** Whose memory it is; part of the ConfigMap's name: `slack`. */
  readonly notifier: string;
};

const MEMORY_LABEL = 'sluice.dev/memory';
const KEY = 'memory';
const TEXT = `/data/${KEY}`;
/** Texts that are remembered as they were stored last; of others the next write asks. */
const MOST_KNOWN = 2_000;

/**
 * Keeps a notifier's memory in one ConfigMap beside each Rollout, which goes with it. Nothing is read but the answers of
 * patches, as there is no right to read ConfigMaps. A ConfigMap of that name without our labels is left alone: `refused`.
 * What another process has stored meanwhile is not overwritten: `conflict`.
 */
export const createConfigMapMemory = ({ client, notifier }: ConfigMapMemoryOptions): NotifierMemory => {
  const known = new Map<string, string>();

  const remember = ({ uid }: Rollout, text: string | undefined): void => {
    known.delete(uid);
    if (text !== undefined) known.set(uid, text);
    const [oldest] = known.keys();
    if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest);
  };

  /** A patch that changes nothing answers with the object; `undefined`: there is none. */
  const look = async (rollout: Rollout, signal: AbortSignal): Promise<KubeObject | undefined> => {
    const ref = refOf(rollout, notifier);
    try {
      return await client.jsonPatch(CONFIG_MAPS, ref, testsOf(rollout, notifier), { signal });
    } catch (error) {
      if (isKind(error, 'notFound')) return undefined;
      throw isKind(error, 'conflict') ? foreign(ref) : error;
    }
  };

  const create = async (rollout: Rollout, text: string, signal: AbortSignal): Promise<void> => {
    try {
      await client.create(CONFIG_MAPS, toConfigMap(rollout, notifier, text), { signal });
    } catch (error) {
      // Somebody was faster; or the namespace goes, and all that is in it.
      throw isKind(error, 'notFound') ? new SystemError('kubernetes', operationOf(rollout), 'refused', 'it goes away') : error;
    }
  };

  /** Also what a deleted Rollout of this name has left behind is taken over. */
  const replace = async (rollout: Rollout, text: string, signal: AbortSignal): Promise<void> => {
    const before = known.get(rollout.uid);
    const found = before === undefined ? await look(rollout, signal) : undefined;
    if (before === undefined && found === undefined) return await create(rollout, text, signal);
    const stored = before ?? (found === undefined ? undefined : textIn(found));
    const patch: readonly JsonPatchOperation[] = [
      ...testsOf(rollout, notifier),
      ...(stored === undefined ? [] : [{ op: 'test', path: TEXT, value: stored } as const]),
      { op: 'add', path: '/metadata/ownerReferences', value: ownersOf(rollout) },
      { op: 'add', path: '/data', value: { [KEY]: text } },
    ];
    await client.jsonPatch(CONFIG_MAPS, refOf(rollout, notifier), patch, { signal });
  };

  return {
    load: async (rollout, signal) => {
      const found = await look(rollout, signal);
      const text = found === undefined || !isOf(found, rollout) ? undefined : textIn(found);
      remember(rollout, text);
      return text;
    },
    save: async (rollout, text, signal) => {
      try {
        await replace(rollout, text, signal);
        remember(rollout, text);
      } catch (error) {
        remember(rollout, undefined);
        if (!isKind(error, 'notFound')) throw error;
        await create(rollout, text, signal);
        remember(rollout, text);
      }
    },
  };
};

const operationOf = ({ namespace, name }: Rollout): string => `storing what was told of ${namespace}/${name}`;

const foreign = ({ namespace, name }: { readonly namespace: string; readonly name: string }): SystemError =>
  new SystemError(
    'kubernetes',
    `reading ConfigMap ${namespace}/${name}`,
    'refused',
    'it exists and is not ours, expected the labels of Sluice; rename or delete it',
  );

const refOf = ({ namespace, name }: Rollout, notifier: string) => ({
  namespace,
  name: nameBeside(name, `-memory-${notifier}`),
});

const labelsOf = ({ name }: Rollout, notifier: string): Readonly<Record<string, string>> =>
  labelsBeside(name, { [MEMORY_LABEL]: notifier });

const testsOf = (rollout: Rollout, notifier: string): readonly JsonPatchOperation[] => testsOfLabels(labelsOf(rollout, notifier));

/** One that a deleted Rollout of the same name has left is not this one's. */
const isOf = ({ metadata }: KubeObject, { uid }: Rollout): boolean =>
  metadata.ownerReferences?.some(owner => owner.uid === uid) ?? false;

const textIn = ({ data }: KubeObject): string | undefined => {
  const text = (data as Readonly<Record<string, unknown>> | undefined)?.[KEY];
  return typeof text === 'string' ? text : undefined;
};

const toConfigMap = (rollout: Rollout, notifier: string, text: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    ...refOf(rollout, notifier),
    labels: labelsOf(rollout, notifier),
    ownerReferences: ownersOf(rollout),
  },
  data: { [KEY]: text },
});

const isKind = (error: unknown, kind: SystemError['kind']): boolean => error instanceof SystemError && error.kind === kind;
