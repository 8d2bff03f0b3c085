import type { Bed } from './bed/bed.ts';

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly conditions: readonly { readonly type: string }[] };
  }[];
}

interface ReadinessChange {
  readonly namespace: string;
  readonly version: string;
  readonly ready: boolean;
  /** Default: all of the version. */
  readonly pods?: number;
}

/** Writes what a kubelet writes when the readiness probe of Pods fails, or is good again. Resolves when the last one is stored. */
export async function setReady(bed: Bed, { namespace, version, ready, pods }: ReadinessChange): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const { items } = await bed.kubernetes.get<PodList>(`${path}?labelSelector=version%3D${version}`);
  await Promise.all(
    items.slice(0, pods ?? items.length).map(({ metadata, status }) => {
      const stored = ready ? 'True' : 'False';
      const conditions = status.conditions.map(one => (/Ready$/.test(one.type) ? { ...one, status: stored } : one));
      return bed.kubernetes.patch(`${path}/${metadata.name}/status`, { status: { conditions } });
    }),
  );
}
