import type { Bed } from './bed/bed.ts';

const RBAC = 'rbac.authorization.k8s.io';
const GROUP = 'sluice.dev';

/** What somebody may do on the dashboard. */
const RIGHTS = {
  read: [{ apiGroups: [GROUP], resources: ['rollouts'], verbs: ['get'] }],
  act: [
    { apiGroups: [GROUP], resources: ['rollouts'], verbs: ['get', 'update', 'approve'] },
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] },
  ],
} as const;

type Subject = { readonly kind: 'User' | 'ServiceAccount'; readonly name: string; readonly namespace?: string };

/**
 * Lets somebody look at all rollouts, or steer them too and read their records. Returns what takes the right away: other
 * files want to see people refused.
 */
export async function allow(bed: Bed, right: keyof typeof RIGHTS, subject: Subject): Promise<() => Promise<void>> {
  const name = `dashboard-${right}-${subject.name}`;
  const apiVersion = `${RBAC}/v1`;
  const group = subject.kind === 'User' ? { apiGroup: RBAC } : {};
  await bed.kubernetes.apply(
    { apiVersion, kind: 'ClusterRole', metadata: { name }, rules: RIGHTS[right] },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
      subjects: [{ ...group, ...subject }],
    },
  );
  return async () => void (await bed.kubernetes.delete(`/apis/${apiVersion}/clusterrolebindings/${name}`));
}

/** The API server lets a token count for so long after its end, as clocks differ. */
const LEEWAY_S = 60;

/** A token that counts for so many seconds, of a ServiceAccount that may look. */
export async function tokenForSeconds(bed: Bed, namespace: string, seconds: number): Promise<string> {
  await bed.kubernetes.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'istio-injection': 'enabled' } } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'looker', namespace } },
  );
  await allow(bed, 'read', { kind: 'ServiceAccount', name: 'looker', namespace });
  return bed.earlierServiceAccountToken(namespace, 'looker', 1 - (seconds - LEEWAY_S) / 3_600);
}
