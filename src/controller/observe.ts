import { type Installation, inProgress, type MeshObservation, type Observation, type VersionPods } from '../rollout/index.ts';
import type { Memory } from './memory.ts';
import type { PodSource, Router, StoredRollout } from './ports.ts';

export type Eyes = {
  readonly router: Router;
  readonly pods: PodSource;
  readonly installation: Installation;
  /** The lease holder's term. */
  readonly epoch: () => number;
};

/** One consistent look at the world, from caches only: no request, no waiting. */
export const observe = ({ router, pods, installation, epoch }: Eyes, rollout: StoredRollout, memory: Memory): Observation => {
  const mesh = observeMesh(router, rollout);
  const found = observePods(pods, rollout);
  for (const [version, { workloads }] of Object.entries(found)) {
    memory.workloads.set(version, new Set([...(memory.workloads.get(version) ?? []), ...workloads]));
  }
  return {
    installation,
    mesh,
    pods: found,
    measurements: Object.fromEntries(memory.measurements),
    measuredStep: memory.step,
    epoch: epoch(),
    ...(memory.reference === undefined ? {} : { reference: memory.reference }),
    ...(memory.share === undefined ? {} : { share: memory.share }),
    ...(memory.writeError === undefined ? {} : { writeError: memory.writeError }),
  };
};

/** Going back uses only the target of the attempt; the spec matters where none is in progress. */
const observeMesh = (router: Router, rollout: StoredRollout): MeshObservation => {
  const { status, spec } = rollout;
  const named = [status?.stableVersion, status?.canaryVersion, spec.version, spec.initialVersion];
  const versions = [...new Set(named.filter(version => version !== undefined))];
  return inProgress(status) ? router.observe(rollout, status.target, versions) : router.resolve(rollout, versions);
};

const observePods = (pods: PodSource, { status, spec, namespace, name }: StoredRollout): Readonly<Record<string, VersionPods>> =>
  inProgress(status)
    ? pods.versions(namespace, status.target.host, status.target.versionLabel)
    : pods.versions(namespace, spec.host ?? name, spec.versionLabel ?? 'version');
