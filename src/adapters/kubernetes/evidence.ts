import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Evidence, type EvidenceStore, type Logger, SystemError } from '../../controller/ports.ts';
import type { JsonPatchOperation, KubeClient } from './client.ts';
import { escapedKey, labelsBeside, nameBeside, ownersOf, testsOfLabels } from './ownedConfigMap.ts';
import { CONFIG_MAPS, type KubeObject } from './resources.ts';

const compress = promisify(gzip);

/** The API server takes 1 MiB; all of it is sent to whoever watches ConfigMaps. */
const MOST_BYTES = 512 * 1024;
/** Attempts that this process remembers; it learns anew from the next answer what it has forgotten. */
const MOST_KNOWN = 500;

export type ConfigMapEvidenceOptions = {
  readonly client: Pick<KubeClient, 'create' | 'jsonPatch' | 'mergePatch' | 'delete'>;
  /** Attempts of a Rollout that are kept, the present one among them. */
  readonly attempts: number;
  readonly logger: Logger;
};

/** Bytes of each record by its key. */
type Sizes = ReadonlyMap<string, number>;

/**
 * Keeps records in ConfigMaps beside the Rollout, one for each attempt, which go with the Rollout. A record is one patch;
 * nothing is ever read but the answers of writes. A ConfigMap of that name that is not ours is left alone: it has not our
 * labels, which each patch tests.
 */
export function createConfigMapEvidence({ client, attempts, logger }: ConfigMapEvidenceOptions): EvidenceStore {
  const known = new Map<string, Sizes>();

  const remember = (place: string, object: KubeObject): void => {
    known.delete(place);
    known.set(place, sizesOf(object));
    const [oldest] = known.keys();
    if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest);
  };

  /** Those before it were deleted when the attempts after them began. */
  const dropOldest = async ({ rollout, attempt }: Evidence, signal: AbortSignal): Promise<void> => {
    const oldest = attempt - attempts;
    if (oldest < 1) return;
    const { namespace } = rollout;
    const name = nameOf(rollout.name, oldest);
    try {
      if (!known.has(`${namespace}/${name}`) && !(await isOurs({ namespace, name }, rollout.name, signal))) return;
      await client.delete(CONFIG_MAPS, { namespace, name }, { signal });
    } catch (error) {
      if (!isKind(error, 'notFound'))
        logger.warn({ configMap: `${namespace}/${name}`, err: error }, 'cannot delete evidence of an early attempt');
    }
  };

  /** Asks by a patch that changes nothing, since reading is no right of ours. */
  const isOurs = async (ref: ConfigMapRef, rollout: string, signal: AbortSignal): Promise<boolean> => {
    try {
      await client.jsonPatch(CONFIG_MAPS, ref, testsOf(rollout), { signal });
      return true;
    } catch (error) {
      if (isKind(error, 'conflict')) return false;
      throw error;
    }
  };

  /** One record more, as one patch; where its parts are not as they were left, as one that needs none of them. */
  const addRecord = async (evidence: Evidence, object: ConfigMap, bytes: Buffer, signal: AbortSignal): Promise<KubeObject> => {
    const { namespace } = evidence.rollout;
    const ref = { namespace, name: object.metadata.name };
    const dropped = surplus(known.get(`${namespace}/${ref.name}`), evidence, bytes);
    try {
      return await client.jsonPatch(CONFIG_MAPS, ref, additionOf(evidence, object, dropped), { signal });
    } catch (error) {
      if (!isKind(error, 'conflict')) throw error;
    }
    if (!(await isOurs(ref, evidence.rollout.name, signal))) throw new ForeignConfigMap(ref);
    const patch = { ...object, binaryData: { ...object.binaryData, ...dropped } };
    return await client.mergePatch(CONFIG_MAPS, ref, patch, { signal });
  };

  return {
    name: 'configMaps',
    write: async (evidence, signal) => {
      const { namespace } = evidence.rollout;
      const bytes = await compress(evidence.text);
      if (bytes.length > MOST_BYTES) return { lost: `it has ${bytes.length} bytes, expected at most ${MOST_BYTES}` };
      const object = toConfigMap(evidence, bytes);
      const place = `${namespace}/${object.metadata.name}`;
      const begins = isFirst(evidence, known.get(place));
      const add = async (): Promise<void> => {
        remember(place, await addRecord(evidence, object, bytes, signal));
        if (begins) await dropOldest(evidence, signal);
      };
      const make = async (): Promise<void> => {
        remember(place, await client.create(CONFIG_MAPS, object, { signal }));
        await dropOldest(evidence, signal);
      };
      const ways = begins ? [make, add, make] : [add, make, add];
      for (const way of ways) {
        try {
          await way();
          return 'written';
        } catch (error) {
          if (error instanceof ForeignConfigMap) return { lost: error.message };
          known.delete(place);
          if (way === make && isKind(error, 'notFound')) return { lost: `namespace ${namespace} is gone` };
          if (!isKind(error, way === make ? 'conflict' : 'notFound')) throw error;
        }
      }
      throw new SystemError('kubernetes', `writing ConfigMap ${place}`, 'conflict', 'it comes and goes meanwhile');
    },
  };
}

/** An attempt begins with the record of its start: then there is no ConfigMap yet, most likely. */
const isFirst = ({ name }: Evidence, sizes: Sizes | undefined): boolean => sizes === undefined && name.endsWith('-started');

const keyOf = ({ name }: Evidence): string => `${name}.json.gz`;

const sizesOf = ({ binaryData }: KubeObject): Sizes =>
  new Map(
    Object.entries((binaryData ?? {}) as Record<string, string>).map(([key, text]) => [key, Math.floor((text.length * 3) / 4)]),
  );

/**
 * What has to go for one record more, as a merge patch says it. The first record and the last one of each way back tell
 * most; of the others the oldest go first.
 */
function surplus(sizes: Sizes | undefined, evidence: Evidence, bytes: Uint8Array): Readonly<Record<string, null>> {
  const keys = [...(sizes?.keys() ?? [])].filter(key => key !== keyOf(evidence)).sort();
  const dear = new Set([
    keys[0],
    ...['-lowered.json.gz', '-rolledBack.json.gz'].map(end => keys.findLast(key => key.endsWith(end))),
  ]);
  let total = bytes.length + keys.reduce((sum, key) => sum + (sizes?.get(key) ?? 0), 0);
  const dropped: Record<string, null> = {};
  for (const key of [...keys.filter(key => !dear.has(key)), ...keys.filter(key => dear.has(key))]) {
    if (total <= MOST_BYTES) break;
    dropped[key] = null;
    total -= sizes?.get(key) ?? 0;
  }
  return dropped;
}

type ConfigMapRef = { readonly namespace: string; readonly name: string };

class ForeignConfigMap extends Error {
  constructor({ namespace, name }: ConfigMapRef) {
    super(`ConfigMap ${namespace}/${name} exists and is not ours, expected the labels of Sluice; rename or delete it`);
    this.name = 'ForeignConfigMap';
  }
}

const testsOf = (rollout: string): readonly JsonPatchOperation[] => testsOfLabels(labelsBeside(rollout));

/** A ConfigMap that a deleted Rollout of this name has left behind is taken over. */
const additionOf = (
  evidence: Evidence,
  { metadata, binaryData }: ConfigMap,
  dropped: Readonly<Record<string, null>>,
): readonly JsonPatchOperation[] => [
  ...testsOf(evidence.rollout.name),
  { op: 'add', path: '/metadata/ownerReferences', value: metadata['ownerReferences'] },
  ...Object.entries(binaryData).map(([key, value]) => ({ op: 'add', path: `/binaryData/${escapedKey(key)}`, value }) as const),
  ...Object.keys(dropped).map(key => ({ op: 'remove', path: `/binaryData/${escapedKey(key)}` }) as const),
];

type ConfigMap = KubeObject & {
  readonly metadata: { readonly name: string };
  readonly binaryData: Readonly<Record<string, string>>;
};

function toConfigMap(evidence: Evidence, bytes: Buffer): ConfigMap {
  const { namespace, name, uid } = evidence.rollout;
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: nameOf(name, evidence.attempt),
      namespace,
      labels: labelsBeside(name),
      ownerReferences: ownersOf({ name, uid }),
    },
    binaryData: { [keyOf(evidence)]: bytes.toString('base64') },
  };
}

function nameOf(rollout: string, attempt: number): string {
  return nameBeside(rollout, `-evidence-${attempt}`);
}

function isKind(error: unknown, kind: SystemError['kind']): boolean {
  return error instanceof SystemError && error.kind === kind;
}
