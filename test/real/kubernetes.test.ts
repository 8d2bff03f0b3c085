import { beforeAll, describe, expect, inject, test } from 'vitest';
import { kubernetesContract } from '../contracts/kubernetes.contract.ts';
import { meshContract } from '../contracts/mesh.contract.ts';
import { openBed } from './bed/bed.ts';
import { createKubernetes } from './bed/kubernetes.ts';
import { installSluice, SLUICE_NAMESPACE } from './installed.ts';

const bed = openBed(inject('bedDirectory'));

interface Review {
  readonly status: { readonly allowed: boolean };
}

describe.runIf(bed.has('istiod'))('contracts', () => {
  kubernetesContract('kube-apiserver', async () => {
    await installSluice(bed);
    return bed.kubeconfig;
  });
  meshContract('kube-apiserver', async () => bed.kubeconfig);
});

describe.runIf(bed.has('istiod'))('the ServiceAccount that `sluice install` makes', () => {
  beforeAll(async () => {
    await installSluice(bed);
  });

  // that it may do what it needs, stories show
  test.for([
    ['get', '', 'secrets'],
    ['get', '', 'configmaps'],
    ['delete', '', 'pods'],
    ['patch', 'apps', 'deployments'],
    ['create', 'networking.istio.io', 'virtualservices'],
    ['delete', 'networking.istio.io', 'virtualservices'],
    ['delete', 'networking.istio.io', 'destinationrules'],
    ['update', 'networking.istio.io', 'virtualservices'],
    ['patch', 'networking.istio.io', 'gateways'],
    ['patch', 'apiextensions.k8s.io', 'customresourcedefinitions'],
    ['update', 'coordination.k8s.io', 'leases'],
  ] as const)('may not %s %s/%s', async ([verb, group, resource]) => {
    const token = await bed.serviceAccountToken(SLUICE_NAMESPACE, 'sluice');
    const sluice = createKubernetes({ apiUrl: bed.apiUrl, caFile: bed.caFile, token });
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb, group, resource, namespace: 'default' } },
    };
    const { status } = await sluice.request<Review>('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review);
    expect(status.allowed).toBe(false);
  });
});
