import type { SeenWorkload } from '../../adapters/prometheus/seenWorkloads.ts';
import type { Installation, VersionPods } from '../../rollout/index.ts';
import { type Cluster, type Service, serviceOf } from './cluster.ts';
import type { Asked, Range } from './options.ts';
import { type Side, workloadsOf } from './sides.ts';

/** Where clues about the versions come from. */
export type Surroundings = {
  readonly installation: Installation;
  /** Absent: none is asked. */
  readonly cluster: Cluster | undefined;
  /** Absent: no Prometheus is configured. Throws SystemError. */
  readonly findWorkloads: ((host: string, time: Range) => Promise<readonly SeenWorkload[]>) | undefined;
};

type Wanted = {
  /** Full name. */
  readonly host: string;
  readonly versions: { readonly stable: string; readonly canary: string };
  readonly versionLabel: string;
};

type FoundSides = {
  readonly stable: Side;
  readonly canary: Side;
  /** Prometheus knows requests to the host in this time; absent: it was not asked. */
  readonly isHostSeen?: boolean;
  readonly assumed: readonly string[];
};

const REFERENCE_MS = 600_000;

/** Both versions as the providers know them. Throws SystemError when the cluster or Prometheus do not answer. */
export const findSides = async (asked: Asked, around: Surroundings, wanted: Wanted): Promise<FoundSides> => {
  const { workloads: named, range } = asked;
  const { host, versions } = wanted;
  const service = serviceOf(host);
  const { pods, subsets } = await lookIntoCluster(asked, around, { ...wanted, service });
  const seen = await around.findWorkloads?.(host, { fromMs: range.fromMs - REFERENCE_MS, toMs: range.toMs });
  const side = (of: 'stable' | 'canary'): Side => {
    const version = versions[of];
    const ofPods = Object.hasOwn(pods, version) ? (pods[version]?.workloads ?? []) : [];
    const clues = { named: named[of], ofPods, seen, service: service?.name ?? host };
    return { version, subset: subsets?.get(version) ?? version, ...workloadsOf(version, clues) };
  };
  const [stable, canary] = [side('stable'), side('canary')];
  const areSubsetsAssumed = around.installation.zipkin.length > 0 && subsets === undefined;
  return {
    stable,
    canary,
    ...(seen === undefined ? {} : { isHostSeen: seen.length > 0 }),
    assumed: areSubsetsAssumed ? [`the subsets are called ${stable.subset} and ${canary.subset}: no cluster was asked`] : [],
  };
};

type Looked = {
  readonly pods: Readonly<Record<string, VersionPods>>;
  /** By version; absent: nobody was asked. */
  readonly subsets?: ReadonlyMap<string, string>;
};

/** Only what is needed: who has no right to the rest can do without it. */
const lookIntoCluster = async (
  { workloads }: Asked,
  { installation, cluster }: Surroundings,
  { service, versionLabel }: Wanted & { readonly service: Service | undefined },
): Promise<Looked> => {
  if (cluster === undefined || service === undefined) return { pods: {} };
  const areNamed = workloads.stable !== undefined && workloads.canary !== undefined;
  const pods = areNamed ? {} : await cluster.pods(service, versionLabel);
  return installation.zipkin.length === 0 ? { pods } : { pods, subsets: await cluster.subsets(service, versionLabel) };
};
