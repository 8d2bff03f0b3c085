import type { MeshFinding } from '../../../rollout/index.ts';
import { fieldsOf, keyOf, listOf, type MeshObject, namespaceOf, textOf } from '../resource.ts';
import { finding } from './checks.ts';
import { type Ground, hasLabels, podsOf } from './ground.ts';
import { type MeshPod, ROOT_NAMESPACE } from './world.ts';

/** What callers are told to speak, against what the pods accept. */
export const checkMutualTls = (ground: Ground): readonly MeshFinding[] => {
  const { rule, target } = ground;
  if (rule === undefined) return [];
  for (const version of [target.canary, target.stable]) {
    const pods = podsOf(ground, version).filter(({ proxy }) => proxy === 'sidecar');
    const spoken = spokenTo(rule, ground.subsetOf(version));
    const clash = spoken === undefined ? undefined : clashOf(ground, pods, spoken);
    if (clash === undefined) continue;
    const { accepted, by, count } = clash;
    const means = `it has callers of ${version} speak with tls mode ${spoken}, and ${by} has ${count} of its pods accept ${accepted} only, so its requests would get 503`;
    const mend =
      accepted === 'mutual TLS' ? 'set the mode to ISTIO_MUTUAL, or leave tls out' : `set the mode to DISABLE, or mend ${by}`;
    return [finding('MtlsClash', `DestinationRule ${keyOf(rule)}`, `${means}; ${mend}`)];
  }
  return [];
};

/** The TLS mode for a subset; `undefined`: none, or one that differs by port. */
const spokenTo = (rule: MeshObject, subset: string | undefined): string | undefined => {
  const spec = fieldsOf(rule.spec);
  const entry = listOf(spec['subsets'])
    .map(fieldsOf)
    .find(({ name }) => name === subset);
  const policies = [fieldsOf(entry?.['trafficPolicy']), fieldsOf(spec['trafficPolicy'])];
  if (policies.some(policy => listOf(policy['portLevelSettings']).some(port => fieldsOf(port)['tls'] !== undefined)))
    return undefined;
  const [tls] = policies.flatMap(policy => (policy['tls'] === undefined ? [] : [fieldsOf(policy['tls'])]));
  return textOf(tls?.['mode']);
};

type Clash = { readonly accepted: 'mutual TLS' | 'plain text'; readonly by: string; readonly count: number };

const clashOf = (ground: Ground, pods: readonly MeshPod[], spoken: string): Clash | undefined => {
  const wanted = spoken === 'DISABLE' || spoken === 'SIMPLE' ? 'STRICT' : spoken === 'ISTIO_MUTUAL' ? 'DISABLE' : undefined;
  if (wanted === undefined) return undefined;
  const policies = pods.flatMap(pod => policyFor(ground, pod) ?? []).filter(({ mode }) => mode === wanted);
  const [first] = policies;
  if (first === undefined) return undefined;
  const accepted = wanted === 'STRICT' ? 'mutual TLS' : 'plain text';
  return { accepted, by: `PeerAuthentication ${first.key}`, count: policies.length };
};

type Policy = { readonly mode: string; readonly key: string };

/** The narrowest policy that says a mode; `undefined`: none does, several do, or it differs by port. */
const policyFor = ({ world, place }: Ground, pod: MeshPod): Policy | undefined => {
  const all = world.list('PeerAuthentication') ?? [];
  const inNamespace = all.filter(policy => namespaceOf(policy) === place?.namespace);
  const inRoot = place?.namespace === ROOT_NAMESPACE ? [] : all.filter(policy => namespaceOf(policy) === ROOT_NAMESPACE);
  const levels = [
    inNamespace.filter(policy => isSelecting(policy, pod)),
    inNamespace.filter(policy => selectorOf(policy) === undefined),
    inRoot.filter(policy => selectorOf(policy) === undefined),
  ];
  for (const level of levels) {
    const [first, second] = level.filter(policy => modeOf(policy) !== 'UNSET' || hasPorts(policy));
    if (first === undefined) continue;
    if (second !== undefined || hasPorts(first)) return undefined;
    return { mode: modeOf(first), key: keyOf(first) };
  }
  return undefined;
};

const modeOf = (policy: MeshObject): string => textOf(fieldsOf(fieldsOf(policy.spec)['mtls'])['mode']) ?? 'UNSET';

const hasPorts = (policy: MeshObject): boolean => Object.keys(fieldsOf(fieldsOf(policy.spec)['portLevelMtls'])).length > 0;

const selectorOf = (policy: MeshObject): Readonly<Record<string, unknown>> | undefined => {
  const labels = fieldsOf(fieldsOf(fieldsOf(policy.spec)['selector'])['matchLabels']);
  return Object.keys(labels).length === 0 ? undefined : labels;
};

const isSelecting = (policy: MeshObject, pod: MeshPod): boolean => {
  const labels = selectorOf(policy);
  return labels !== undefined && hasLabels(pod, labels);
};
