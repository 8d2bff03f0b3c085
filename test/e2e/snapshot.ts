import { expect } from 'vitest';
import type { Running } from './running.ts';
import type { World } from './world.ts';

/** Everything that a controller or its user could have changed. */
const COLLECTIONS = [
  ...['namespaces', 'pods', 'services', 'events'].map(plural => `/api/v1/${plural}`),
  '/apis/apps/v1/deployments',
  ...['virtualservices', 'destinationrules', 'gateways'].map(plural => `/apis/networking.istio.io/v1/${plural}`),
  '/apis/coordination.k8s.io/v1/leases',
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  '/apis/sluice.dev/v1alpha1/rollouts',
];

/** The version of each object in the cluster, by path; those whose path holds one of `but` are left out. */
export const snapshot = async ({ api }: World, ...but: readonly string[]): Promise<Readonly<Record<string, string>>> => {
  const versions: Record<string, string> = {};
  for (const path of COLLECTIONS) {
    const { items = [] } = (await api.get(path)).body;
    for (const { metadata } of items) {
      const key = `${path}/${metadata.namespace ?? ''}/${metadata.name}`;
      if (!but.some(part => key.includes(part))) versions[key] = metadata.resourceVersion;
    }
  }
  return versions;
};

/** What a message has to say, part by part. */
export type Says = readonly (string | RegExp)[];

export const expectSays = (text: string, says: Says): void => {
  for (const part of says) {
    if (typeof part === 'string') expect(text).toContain(part);
    else expect(text).toMatch(part);
  }
};

/** The next line of the log that fits, from now on. */
export const nextLine = (running: Running, fits: (line: Running['log'][number]) => boolean) => {
  const from = running.log.length;
  return running.logged(line => running.log.indexOf(line) >= from && fits(line));
};
