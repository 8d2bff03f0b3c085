import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { withoutManagedFields } from '../../src/adapters/kubernetes/cache.ts';
import { createKubeClient, type KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { createInformer, type Informer } from '../../src/adapters/kubernetes/informer.ts';
import type { ReflectorTiming } from '../../src/adapters/kubernetes/reflector.ts';
import type { KubeObject, Resource } from '../../src/adapters/kubernetes/resources.ts';
import { createLines, type Line } from '../adapters/kubernetes/quiet.ts';
import { type ApiProxy, type Asked, startApiProxy } from './apiProxy.ts';

/** A kind of the contract's own: no server has any history of it from before. */
export const NOTES: Resource = { group: 'contract.sluice.dev', version: 'v1', plural: 'notes', namespaced: true };
const LABEL = 'reflector';
/** A machine that stands still for some seconds is no server that is silent. */
const REQUEST_TIMEOUT_MS = 60_000;

/** Back-off in milliseconds. */
const QUICK: ReflectorTiming = { firstDelayMs: 10, longestDelayMs: 200, livedMs: 1_000 };

/** Where a contract runs: an API server with a namespace of the contract's own. */
export type Place = {
  readonly kubeconfigPath: string;
  readonly admin: KubeClient;
  readonly namespace: string;
  readonly folder: string;
};

export type CellOptions = {
  readonly timing?: ReflectorTiming;
  /** How long a request may take; default a minute. */
  readonly requestTimeoutMs?: number;
  readonly transform?: (object: KubeObject) => KubeObject;
  readonly onChange?: (after: KubeObject | undefined) => void;
};

/** Objects of one label, a reflector with a cache that follows them, and a proxy between it and the server. */
export type Cell = {
  readonly proxy: ApiProxy;
  readonly informer: Informer<KubeObject>;
  readonly log: readonly Line[];
  /** What was said of the cache's changes that cannot be: something lost, told twice, or gone back. */
  readonly contradictions: readonly string[];
  /** Each change that the cache told: `set a`, `delete a`. */
  readonly told: readonly string[];
  make(name: string, text?: string): Promise<KubeObject>;
  change(name: string, text: string): Promise<KubeObject>;
  remove(name: string): Promise<void>;
  /** Waits until the cache holds what the server holds, no more and no less. */
  agrees(): Promise<void>;
  asked(kind: Asked['kind']): readonly Asked[];
  close(): Promise<void>;
};

const labelled = (place: Place, label: string, name: string, text: string): KubeObject => ({
  apiVersion: 'contract.sluice.dev/v1',
  kind: 'Note',
  metadata: { namespace: place.namespace, name: `${label}-${name}`, labels: { [LABEL]: label } },
  data: { text },
});

/** Opens a cell; its reflector begins with `informer.start()`. */
export const openCell = async (place: Place, options: CellOptions = {}): Promise<Cell> => {
  const { admin, namespace } = place;
  const label = randomBytes(4).toString('hex');
  const proxy = await startApiProxy(place.kubeconfigPath, join(place.folder, `kubeconfig-${label}`));
  const client = createKubeClient({
    kubeconfigPath: proxy.kubeconfigPath,
    timeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
  });
  const { lines, logger } = createLines();
  const informer = createInformer({
    client,
    resource: NOTES,
    namespaces: [namespace],
    labelSelector: `${LABEL}=${label}`,
    transform: options.transform ?? withoutManagedFields,
    logger,
    timing: { ...QUICK, ...options.timing },
  });
  const witness = createWitness();
  informer.onChange((before, after) => {
    witness.take(before, after);
    options.onChange?.(after);
  });
  const ref = (name: string) => ({ namespace, name: `${label}-${name}` });
  const onServer = async () => (await admin.list(NOTES, { namespace, labelSelector: `${LABEL}=${label}` })).items;
  return {
    proxy,
    informer,
    log: lines,
    contradictions: witness.contradictions,
    told: witness.told,
    make: (name, text = '') => admin.create(NOTES, labelled(place, label, name, text)),
    change: (name, text) => admin.mergePatch(NOTES, ref(name), { data: { text } }),
    remove: name => admin.delete(NOTES, ref(name)),
    agrees: async () => {
      const isSame = async () => expect(shown(informer.list())).toEqual(shown(await onServer()));
      await vi.waitFor(isSame, { timeout: 60_000, interval: 25 });
      expect(witness.known()).toEqual(shown(informer.list()));
    },
    asked: kind => proxy.asked.filter(request => request.kind === kind),
    close: async () => {
      await informer.stop();
      client.close();
      await proxy.close();
    },
  };
};

const shown = (objects: readonly KubeObject[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    objects.map(({ metadata: { name = '', uid, resourceVersion }, data }) => [name, { uid, resourceVersion, data }]),
  );

/** Lives by what the cache tells alone, and compares. */
const createWitness = () => {
  const held = new Map<string, KubeObject>();
  const contradictions: string[] = [];
  const told: string[] = [];
  const take = (before: KubeObject | undefined, after: KubeObject | undefined): void => {
    const name = (after ?? before)?.metadata.name ?? '';
    const known = held.get(name)?.metadata;
    const [old, next] = [before?.metadata, after?.metadata];
    const short = name.slice(name.indexOf('-') + 1);
    told.push(`${after === undefined ? 'delete' : 'set'} ${short}`);
    if (known?.resourceVersion !== old?.resourceVersion) contradictions.push(`${short}: another state before than was told`);
    if (old === undefined && next === undefined) contradictions.push(`${short}: deleted and never there`);
    if (old !== undefined && next !== undefined && old.uid === next.uid) {
      const rise = BigInt(next.resourceVersion ?? 0) - BigInt(old.resourceVersion ?? 0);
      if (rise <= 0n) contradictions.push(`${short}: ${rise === 0n ? 'told twice' : 'went back'}`);
    }
    if (after === undefined) held.delete(name);
    else held.set(name, after);
  };
  return { contradictions, told, take, known: () => shown([...held.values()]) };
};
