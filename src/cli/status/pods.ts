import { toPod } from '../../adapters/kubernetes/pods.ts';
import type { KubeObject } from '../../adapters/kubernetes/resources.ts';
import type { RolloutView } from '../../rollout/index.ts';

/** The pods of one version behind the host. */
export type VersionPods = {
  readonly version: string;
  readonly role?: 'stable' | 'new';
  readonly ready: number;
  readonly total: number;
  readonly restarts: number;
  /** What containers wait for or died of, and how many pods: `ImagePullBackOff`; most pods first. */
  readonly troubles: readonly { readonly reason: string; readonly pods: number }[];
};

/** Pods by version, or why nothing can be told. */
export type PodsView = { readonly versions: readonly VersionPods[] } | { readonly problem: string };

/** Stable first, then the new version, then others that have pods. `pods` are those of the Service. */
export const podsByVersion = (
  pods: readonly KubeObject[],
  { stable, canary, wanted }: RolloutView['versions'],
  versionLabel: string,
): readonly VersionPods[] => {
  const living = pods.filter(pod => !toPod(pod).leaving);
  const versionOf = ({ metadata }: KubeObject): string => metadata.labels?.[versionLabel] ?? '';
  const known = [stable, canary, wanted].filter(version => version !== undefined);
  const others = living
    .map(versionOf)
    .filter(version => version !== '')
    .sort();
  return [...new Set([...known, ...others])].map(version => {
    const its = living.filter(pod => versionOf(pod) === version);
    const role = version === stable ? 'stable' : version === canary || version === wanted ? 'new' : undefined;
    return {
      version,
      ...(role === undefined ? {} : { role }),
      ready: its.filter(pod => toPod(pod).ready).length,
      total: its.length,
      restarts: its.reduce((sum, pod) => sum + restartsOf(pod), 0),
      troubles: troublesOf(its),
    };
  });
};

type ContainerStatus = {
  readonly restartCount?: number;
  readonly state?: { readonly waiting?: { readonly reason?: string } };
  readonly lastState?: { readonly terminated?: { readonly reason?: string } };
};

const containersOf = (pod: KubeObject): readonly ContainerStatus[] => {
  const status = (pod['status'] ?? {}) as {
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
  return [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
};

const restartsOf = (pod: KubeObject): number => containersOf(pod).reduce((sum, { restartCount = 0 }) => sum + restartCount, 0);

/** Every pod begins with these. */
const ORDINARY: readonly string[] = ['ContainerCreating', 'PodInitializing'];

const troubleOf = (pod: KubeObject): string | undefined => {
  const containers = containersOf(pod);
  const waiting = containers
    .map(({ state }) => state?.waiting?.reason)
    .find(reason => reason !== undefined && !ORDINARY.includes(reason));
  if (waiting !== undefined) return waiting;
  if (toPod(pod).ready) return undefined;
  const { conditions = [] } = (pod['status'] ?? {}) as {
    readonly conditions?: readonly { type?: string; status?: string; reason?: string }[];
  };
  const unscheduled = conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  return (
    unscheduled?.reason ?? containers.map(({ lastState }) => lastState?.terminated?.reason).find(reason => reason !== undefined)
  );
};

const troublesOf = (pods: readonly KubeObject[]): VersionPods['troubles'] => {
  const counts = new Map<string, number>();
  for (const reason of pods.map(troubleOf)) if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => ({ reason, pods: count })).sort((a, b) => b.pods - a.pods);
};
