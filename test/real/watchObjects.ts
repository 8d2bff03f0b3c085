import { readFileSync } from 'node:fs';
import https from 'node:https';
import type { Bed } from './bed/bed.ts';
import type { KubernetesObject } from './bed/kubernetes.ts';

/** One state of an object, in the order in which the API server stored them. */
export interface Sighting<T> {
  readonly atMs: number;
  readonly object: T;
}

interface ObjectWatch<T> {
  /** Every state since the watch began, the first one included. */
  readonly sightings: readonly Sighting<T>[];
  readonly stop: () => void;
}

type Line<T> = { readonly type: string; readonly object: T };

/** The API server to watch: that of a bed, or another one with the same access. */
type ApiAccess = Pick<Bed, 'apiUrl' | 'caFile' | 'tokenOf'>;

/** Records every state of the objects of a namespace that the API server tells of; resolves when the watch is open. */
export function watchObjects<T extends KubernetesObject>(bed: ApiAccess, path: string): Promise<ObjectWatch<T>> {
  const sightings: Sighting<T>[] = [];
  const options = {
    ca: readFileSync(bed.caFile),
    headers: { authorization: `Bearer ${bed.tokenOf('admin')}` },
  };
  return new Promise((resolve, reject) => {
    const outgoing = https.get(`${bed.apiUrl}${path}?watch=1&timeoutSeconds=600`, options, incoming => {
      if (incoming.statusCode !== 200) {
        incoming.destroy();
        reject(new Error(`watching ${path}: status ${incoming.statusCode}`));
        return;
      }
      let rest = '';
      incoming.on('error', () => {
        // the end of the watch, or of the bed: what was seen stays
      });
      incoming.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const { type, object } = JSON.parse(line) as Line<T>;
          if (type === 'ADDED' || type === 'MODIFIED') sightings.push({ atMs: Date.now(), object });
        }
      });
      resolve({ sightings, stop: () => outgoing.destroy() });
    });
    outgoing.on('error', reject);
  });
}
