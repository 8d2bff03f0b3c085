import { describe, inject } from 'vitest';
import { reflectorContract } from '../contracts/reflector.contract.ts';
import { openBed } from './bed/bed.ts';

const bed = openBed(inject('bedDirectory'));

describe.runIf(bed.has('kube-apiserver'))('contracts', () => {
  reflectorContract('kube-apiserver', async () => ({ kubeconfigPath: bed.kubeconfig }));
});
