import { checkMesh } from '../../adapters/istio/meshCheck/checker.ts';
import { placeOf } from '../../adapters/istio/meshCheck/ground.ts';
import { hostOf } from '../../adapters/istio/resolve.ts';
import { createKubeClient } from '../../adapters/kubernetes/client.ts';
import { loadCaller } from '../../adapters/kubernetes/credentials.ts';
import { type ParsedRollout, parseRollouts } from '../../adapters/spec/parse.ts';
import { compilePlan, type MeshFinding, type MeshObservation, type Rollout, type RolloutStatus } from '../../rollout/index.ts';
import { type LiveMesh, readMesh } from './cluster.ts';
import type { ClusterFinding } from './report.ts';

/** Which cluster, and the namespace of Rollouts whose file names none. */
export type ClusterPlace = { readonly kubeconfigPath?: string; readonly context?: string; readonly namespace?: string };

/** What the cluster shows about the Rollouts of some files. Throws SystemError when it cannot be asked. */
export const findInCluster = async (
  texts: readonly { readonly file: string; readonly text: string }[],
  { namespace, ...place }: ClusterPlace,
): Promise<readonly ClusterFinding[]> => {
  const parsed = texts.flatMap(({ text, file }) => parseRollouts(text, file).rollouts);
  if (parsed.length === 0) return [];
  const fallback = namespace ?? loadCaller(place).namespace;
  const wanted = parsed.map(rollout => ({ parsed: rollout, rollout: toRollout(rollout, fallback) }));
  const client = createKubeClient(place);
  try {
    const rollouts = wanted.map(({ rollout }) => rollout);
    const namespaces = rollouts.flatMap(rollout => [rollout.namespace, placeOf(hostOf(rollout))?.namespace ?? rollout.namespace]);
    const mesh = await readMesh(client, { namespaces: [...new Set(namespaces)], rollouts });
    return wanted.flatMap(({ parsed: { file, locate }, rollout }) => {
      const place = locate('spec');
      const name = `${rollout.namespace}/${rollout.name}`;
      return findingsFor(mesh, rollout).map(finding => ({
        file,
        line: place.line,
        column: place.column,
        rollout: name,
        ...finding,
      }));
    });
  } finally {
    client.close();
  }
};

const toRollout = ({ metadata, spec }: ParsedRollout, fallback: string): Rollout => ({
  uid: '',
  namespace: metadata.namespace ?? fallback,
  name: metadata.name,
  generation: 0,
  spec,
});

/** Names of providers do not matter here: gates are only looked at for where their numbers come from. */
const planOf = ({ spec }: Rollout): RolloutStatus['plan'] => compilePlan(spec, { prometheus: [], zipkin: [] }, undefined);

/** What is found for one Rollout as it is written, with the status that the cluster knows. */
export const findingsFor = (mesh: LiveMesh, written: Rollout): readonly MeshFinding[] => {
  const { namespace, name, spec } = written;
  const known = mesh.statusOf(namespace, name);
  const plan = planOf(written);
  const status: RolloutStatus = {
    ...(known?.status ?? { phase: 'Pending' }),
    ...(plan === undefined ? {} : { plan }),
  } as RolloutStatus;
  const rollout: Rollout = { ...written, uid: known?.uid ?? '', status };
  const versions = [known?.status.stableVersion, spec.version, spec.initialVersion].filter(version => version !== undefined);
  const seen = mesh.router.resolve(rollout, [...new Set(versions)]);
  if (seen.kind === 'problem') {
    return [{ code: 'WaitingForMesh', severity: 'error', object: `Rollout ${namespace}/${name}`, message: seen.message }];
  }
  const target = { ...seen.target, stable: stableOf(mesh, rollout, seen), canary: spec.version };
  return checkMesh(mesh.world, rollout, target);
};

/** What Sluice remembers, what most requests go to, what the file says, what else runs; else nothing is to be moved. */
const stableOf = (mesh: LiveMesh, { namespace, spec, status }: Rollout, seen: Resolved): string => {
  if (status?.stableVersion !== undefined) return status.stableVersion;
  const shares = seen.objects.flatMap(({ weights }) => Object.entries(weights.versions)).filter(([version]) => version !== '*');
  const [most] = shares.filter(([version, weight]) => weight > 0 && version !== spec.version).sort(([, a], [, b]) => b - a);
  if (most !== undefined) return most[0];
  const running = Object.keys(mesh.pods.versions(namespace, seen.target.host, seen.target.versionLabel));
  return spec.initialVersion ?? running.find(version => version !== spec.version) ?? spec.version;
};

type Resolved = Extract<MeshObservation, { kind: 'resolved' }>;
