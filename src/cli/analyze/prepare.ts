import { serviceHost } from '../../adapters/istio/hosts.ts';
import {
  checkSpec,
  incomparable,
  inProgress,
  type RolloutSpec,
  type RolloutStatus,
  takesCopiesOnly,
} from '../../rollout/index.ts';
import { findSides, type Surroundings } from './findSides.ts';
import type { Asked, Range } from './options.ts';
import { readWrittenRollout } from './rolloutFile.ts';
import type { Side } from './sides.ts';
import type { Subjects } from './walk.ts';

/** All that has to be known before the first measurement. */
export type Prepared = {
  readonly subjects: Subjects & { readonly stable: Side; readonly canary: Side };
  /** Whose gates are judged, for people. */
  readonly gatesOf: string;
  /** Prometheus knows requests to the host in this time; absent: it was not asked. */
  readonly isHostSeen?: boolean;
  /** What was taken for granted, for people. */
  readonly assumed: readonly string[];
};

type Problems = { readonly problems: readonly string[] };

/** Finds out who is compared by what. Throws SystemError when the cluster or Prometheus do not answer. */
export const prepare = async (asked: Asked, around: Surroundings): Promise<Prepared | Problems> => {
  const found = await findRollout(asked, around);
  if ('problems' in found) return found;
  const wanted = wantedOf(asked, found);
  if ('problems' in wanted) return wanted;
  const { versions, host } = wanted;
  const spec = found.spec ?? smallest(versions.canary, asked.range);
  const wrong = checkSpec(spec, around.installation).filter(({ severity }) => severity === 'error');
  if (wrong.length > 0)
    return { problems: wrong.map(({ path, message }) => `${found.name ?? 'the default gates'}: ${path}: ${message}`) };
  const sides = await findSides(asked, around, { host, versions, versionLabel: spec.versionLabel ?? 'version' });
  const { stable, canary, isHostSeen } = sides;
  const shared = stable.workloads.find(workload => canary.workloads.includes(workload));
  if (shared !== undefined) return { problems: [sameWorkload(shared, versions)] };
  const traffic = trafficNow(found.status, versions);
  const why = differentPeople(traffic);
  const copies = traffic !== undefined && takesCopiesOnly(traffic);
  const { namespace, name = host.split('.')[0] ?? host } = found;
  return {
    subjects: {
      ...{ namespace, name, host, stable, canary, spec, range: asked.range },
      ...(why === undefined ? {} : { incomparable: why }),
      ...(copies ? { copies } : {}),
      ...(asked.intervalMs === undefined ? {} : { intervalMs: asked.intervalMs }),
    },
    gatesOf: found.from,
    ...(isHostSeen === undefined ? {} : { isHostSeen }),
    assumed: [...(copies ? [ONLY_COPIES] : why === undefined ? [AT_RANDOM] : []), ...sides.assumed],
  };
};

type Found = {
  readonly namespace: string;
  readonly name?: string;
  readonly spec?: RolloutSpec;
  readonly status?: RolloutStatus;
  /** For people. */
  readonly from: string;
};

const DEFAULT_NAMESPACE = 'default';

const findRollout = async (asked: Asked, { installation, cluster }: Surroundings): Promise<Found | Problems> => {
  const { rollout, namespace = cluster?.namespace ?? DEFAULT_NAMESPACE } = asked;
  if (rollout === undefined) return { namespace, from: 'default gates' };
  if ('file' in rollout) {
    const written = await readWrittenRollout(rollout.file, installation);
    if ('problems' in written) return written;
    const own = written.namespace ?? namespace;
    if (asked.namespace !== undefined && own !== asked.namespace)
      return { problems: [`--namespace is ${asked.namespace}, but the Rollout in ${rollout.file} is in ${own}`] };
    // Which version is stable does not stand in a file, as a rule.
    const status = asked.versions.stable === undefined ? (await cluster?.rollout(own, written.name))?.status : undefined;
    return { ...written, namespace: own, from: `gates of ${rollout.file}`, ...(status === undefined ? {} : { status }) };
  }
  const stored = await cluster?.rollout(namespace, rollout.name);
  if (stored === undefined)
    return {
      problems: [`there is no Rollout ${namespace}/${rollout.name}, expected one in the cluster, or a file such as ./x.yaml`],
    };
  const { name, spec, status } = stored;
  return { namespace, name, spec, from: `gates of Rollout ${namespace}/${name}`, ...(status === undefined ? {} : { status }) };
};

type Versions = { readonly stable: string; readonly canary: string };

/** Of the attempt in progress, else of the last one, else of the one that the spec would start. */
const wantedOf = (asked: Asked, found: Found): { readonly versions: Versions; readonly host: string } | Problems => {
  const { spec, status } = found;
  const canary = asked.versions.canary ?? status?.target?.canary ?? spec?.version;
  const known = [status?.target?.stable, status?.stableVersion, status?.previous?.version, spec?.initialVersion];
  const stable = asked.versions.stable ?? known.find(version => version !== undefined && version !== canary);
  const host = hostOf(asked, found, canary);
  const problems = [
    ...(stable === undefined ? ['--stable is needed: nothing tells which version is compared with'] : []),
    ...(canary === undefined ? ['--canary is needed: nothing tells which version is judged'] : []),
    ...(host === undefined ? ['--host is needed: no Rollout is named whose host it could be'] : []),
  ];
  if (stable === undefined || canary === undefined || host === undefined) return { problems };
  return stable === canary
    ? { problems: [`both versions are ${stable}, expected two different ones: name them with --stable and --canary`] }
    : { versions: { stable, canary }, host };
};

/** In full. */
const hostOf = ({ host }: Asked, { spec, status, name, namespace }: Found, canary: string | undefined): string | undefined => {
  if (host !== undefined) return serviceHost(host, namespace);
  if (status?.target !== undefined && status.target.canary === canary) return status.target.host;
  const own = spec?.host ?? name;
  return own === undefined ? undefined : serviceHost(own, namespace);
};

/** Half of the traffic for the whole time: what the default gates are made for. */
const smallest = (version: string, { fromMs, toMs }: Range): RolloutSpec => ({
  version,
  strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: `${Math.round((toMs - fromMs) / 1000)}s` } }] } },
});

const ONLY_COPIES = 'the new version got nothing but mirrored copies in all of this time, as it does now';

const AT_RANDOM = 'requests were shared out between the versions at random, and not by header or user';

const sameWorkload = (workload: string, { stable, canary }: Versions): string =>
  `both ${stable} and ${canary} are workload ${workload}, expected different ones: name them with --workloads-stable and --workloads-canary`;

/** What the new version gets in the attempt that is in progress with these versions. */
const trafficNow = (status: RolloutStatus | undefined, { stable, canary }: Versions): RolloutStatus['traffic'] => {
  if (status === undefined || !inProgress(status)) return undefined;
  return status.target.canary === canary && status.target.stable === stable ? status.traffic : undefined;
};

/** A header route leads other people to the new version than to stable. */
const differentPeople = (traffic: RolloutStatus['traffic']): string | undefined =>
  traffic === undefined ? undefined : incomparable({ ...traffic, weight: 0 });
