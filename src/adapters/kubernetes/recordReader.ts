import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { KubeConfig } from '@kubernetes/client-node';
import type { RecordReader, StoredRecord } from '../../controller/view-ports.ts';
import { type Credentials, createCredentials } from './credentials.ts';
import { connectionFailure, failureOf, KubeError } from './errors.ts';
import { loadKubeConfig } from './kubeconfig.ts';
import { labelsBeside, nameBeside } from './ownedConfigMap.ts';
import { CONFIG_MAPS, type KubeObject } from './resources.ts';
import { type Call, parseObject, reads } from './rest.ts';
import { exchange } from './transport.ts';

export type RecordReaderOptions = {
  /** Names the API server; none of its credentials are used. Absent: the default one. */
  readonly kubeconfigPath?: string | undefined;
  /** Default 5 s. */
  readonly timeoutMs?: number;
};

const decompress = promisify(gunzip);

/** More attempts than anybody keeps in the cluster. */
const MOST_CONFIG_MAPS = 20;
/** A text that is larger was not written by Sluice, which keeps at most 512 KiB of an attempt, compressed. */
const MOST_RECORD_BYTES = 8 * 1024 * 1024;
/** Of one answer; the newest first. */
const MOST_BYTES = 32 * 1024 * 1024;
const MOST_AT_ONCE = 4;

/** Reads the ConfigMaps beside a Rollout as the caller, whose token is sent to the API server and nowhere else. */
export const createRecordReader = ({
  kubeconfigPath,
  timeoutMs = 5_000,
}: RecordReaderOptions = {}): RecordReader & {
  close(): void;
} => {
  const nobody = createCredentials(withoutUser(loadKubeConfig(kubeconfigPath)));
  let reading = 0;

  const list = async (token: string, rollout: Place, signal: AbortSignal): Promise<readonly KubeObject[]> => {
    const credentials = asCaller(nobody, token);
    const { list } = reads(call => send(credentials, call, timeoutMs));
    const labelSelector = Object.entries(labelsBeside(rollout.name)).map(entry => entry.join('='));
    const query = { namespace: rollout.namespace, labelSelector: labelSelector.join(), limit: MOST_CONFIG_MAPS };
    return (await list(CONFIG_MAPS, query, signal)).items;
  };

  return {
    read: async (token, rollout, signal) => {
      if (reading >= MOST_AT_ONCE)
        throw new KubeError('listing configmaps', { kind: 'unavailable', reason: 'too many records are being read at once' });
      reading += 1;
      try {
        return await recordsIn(await list(token, rollout, signal), rollout.name);
      } finally {
        reading -= 1;
      }
    },
    close: () => nobody.close(),
  };
};

type Place = { readonly namespace: string; readonly name: string };

/** The same server and authority, and nobody's credentials. */
const withoutUser = (config: KubeConfig): KubeConfig => {
  const cluster = config.getCurrentCluster();
  const anonymous = new KubeConfig();
  anonymous.loadFromOptions({
    clusters: cluster === null ? [] : [cluster],
    users: [{ name: 'nobody' }],
    contexts: [{ name: 'nobody', user: 'nobody', cluster: cluster?.name ?? '' }],
    currentContext: 'nobody',
  });
  return anonymous;
};

const asCaller = (nobody: Credentials, token: string): Credentials => ({
  connection: async () => ({ ...(await nobody.connection()), headers: { Authorization: `Bearer ${token}` } }),
  forget: () => {},
  close: () => {},
});

const send = async (credentials: Credentials, { operation, exchange: request }: Call, timeoutMs: number): Promise<unknown> => {
  const { server } = await credentials.connection();
  const answer = await exchange(credentials, { timeoutMs, ...request }).catch((error: unknown) => {
    if (request.signal?.aborted) throw error;
    throw new KubeError(operation.text, connectionFailure(error, server.href));
  });
  if (answer.code !== 200) throw new KubeError(operation.text, failureOf(operation, answer.code, answer.body));
  return parseObject(operation, answer.body);
};

/** Newest last; what cannot be read as a record is left out, as anybody who may write ConfigMaps can have put it there. */
const recordsIn = async (objects: readonly KubeObject[], rollout: string): Promise<readonly StoredRecord[]> => {
  const packed = objects.flatMap(object => packedIn(object, rollout)).sort((one, other) => (one.name < other.name ? 1 : -1));
  const records: StoredRecord[] = [];
  let bytes = 0;
  for (const { attempt, name, data } of packed) {
    const text = await textOf(data);
    if (text === undefined) continue;
    bytes += text.length;
    if (bytes > MOST_BYTES) break;
    records.unshift({ digest: createHash('sha256').update(text).digest('hex'), attempt, name, text: text.toString('utf8') });
  }
  return records;
};

type Packed = { readonly attempt: number; readonly name: string; readonly data: string };

const NAME = /^(\d{8}T\d{9}Z-[A-Za-z]+)\.json\.gz$/;

const packedIn = ({ metadata, binaryData }: KubeObject, rollout: string): readonly Packed[] => {
  const attempt = Number(/-evidence-(\d{1,9})$/.exec(metadata.name ?? '')?.[1]);
  if (metadata.name !== nameBeside(rollout, `-evidence-${attempt}`)) return [];
  if (typeof binaryData !== 'object' || binaryData === null) return [];
  return Object.entries(binaryData).flatMap(([key, data]: [string, unknown]) => {
    const name = NAME.exec(key)?.[1];
    return name === undefined || typeof data !== 'string' ? [] : [{ attempt, name, data }];
  });
};

const textOf = async (data: string): Promise<Buffer | undefined> => {
  try {
    return await decompress(Buffer.from(data, 'base64'), { maxOutputLength: MOST_RECORD_BYTES });
  } catch {
    return undefined;
  }
};
