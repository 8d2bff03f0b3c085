import { describe, inject } from 'vitest';
import { evidenceContract } from '../contracts/evidence.contract.ts';
import { openBed } from './bed/bed.ts';
import { installSluice } from './installed.ts';

const bed = openBed(inject('bedDirectory'));

describe.runIf(bed.has('istiod'))('contracts', () => {
  evidenceContract('kube-apiserver', async () => ({ controller: await installSluice(bed), admin: bed.kubeconfig }));
});
