import type { Clock } from '../../controller/ports.ts';
import type { Subset } from '../../rollout/index.ts';
import { subsetIdentities, subsetsByVersion } from './destinationRule.ts';
import type { MeshObject } from './resource.ts';

/** Remembers when this process first saw a subset, from where its settle time counts (R3); forgets those that went. */
export type SubsetSightings = {
  look(key: string, destinationRule: MeshObject | undefined): void;
  /** By version. */
  subsets(
    key: string | undefined,
    destinationRule: MeshObject | undefined,
    versionLabel: string,
  ): Readonly<Record<string, Subset>>;
};

export function createSubsetSightings(clock: Clock): SubsetSightings {
  const seen = new Map<string, ReadonlyMap<string, number>>();
  return {
    look(key, destinationRule) {
      if (destinationRule === undefined) {
        seen.delete(key);
        return;
      }
      const before = seen.get(key);
      const identities = subsetIdentities(destinationRule);
      seen.set(key, new Map([...identities.values()].map(identity => [identity, before?.get(identity) ?? clock.now()])));
    },
    subsets(key, destinationRule, versionLabel) {
      if (key === undefined || destinationRule === undefined) return {};
      const identities = subsetIdentities(destinationRule);
      const entries = [...subsetsByVersion(destinationRule, versionLabel)].map(([version, name]) => {
        const seenAtMs = seen.get(key)?.get(identities.get(name) ?? '') ?? clock.now();
        return [version, { name, seenAtMs }] as const;
      });
      return Object.fromEntries(entries);
    },
  };
}
