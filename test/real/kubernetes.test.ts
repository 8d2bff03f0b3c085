import { describe, inject } from 'vitest';
import { kubernetesContract } from '../contracts/kubernetes.contract.ts';
import { openBed } from './bed/bed.ts';
import { installSluice } from './installed.ts';

const bed = openBed(inject('bedDirectory'));

describe.runIf(bed.has('kube-apiserver', 'istiod'))('contracts', () => {
  kubernetesContract('kube-apiserver', async () => {
    await installSluice(bed);
    return bed.kubeconfig;
  });
});
