import { expect } from 'vitest';
import type { KubernetesObject } from '../real/bed/kubernetes.ts';
import { objectsIn, placedIn } from './folder.ts';
import { isReady, type Place } from './place.ts';
import type { Finding } from './validate.ts';

/** What `sluice validate --cluster` says for a mesh in which this file was applied over the good one. */
const FINDINGS: Readonly<Record<string, readonly [code: string, severity: 'error' | 'warning']>> = {
  'port-name': ['PortNotHttp', 'error'],
  'subset-labels': ['SubsetWithoutPods', 'error'],
  'unreachable-route': ['UnreachableRoute', 'error'],
  'gateway-host': ['NoEntrance', 'error'],
  'two-virtual-services': ['DuplicateVirtualService', 'warning'],
  mtls: ['MtlsClash', 'error'],
  delegate: ['DelegateNotSubset', 'error'],
  autoscaler: ['AutoscalerShrinks', 'warning'],
};

const BROKEN = Object.keys(FINDINGS);

/** System 10: each broken mesh is found before traffic moves, and the good one is not. */
export async function meshCare(place: Place, namespace: string): Promise<void> {
  const good = ['1-workloads.yaml', '2-mesh.yaml'].flatMap(file => objectsIn(`mesh-care/${file}`));
  const placeOf = (name: string) => `${namespace}-${name}`;
  const files: Record<string, readonly KubernetesObject[]> = {};
  for (const name of ['good', ...BROKEN]) {
    const broken = name === 'good' ? [] : objectsIn(`mesh-care/broken/${name}.yaml`);
    await place.kubernetes.apply(...place.fitted(placedIn(placeOf(name), [...good, ...broken])));
    files[name] = placedIn(placeOf(name), objectsIn('mesh-care/rollout.yaml'));
  }
  await place.until('all pods', async () => {
    for (const name of Object.keys(files)) if (!(await isReady(place, placeOf(name)))) return false;
    return true;
  });
  let found: readonly Finding[] = [];
  // a server that does not answer in time is asked again
  await place.until('an answer of sluice validate', async () => {
    found = await place.validate(Object.values(files).flat());
    return true;
  });
  const codes = (name: string) =>
    found.flatMap(({ rollout, code, severity }) => (rollout === `${placeOf(name)}/forecast` ? [[code, severity]] : []));
  for (const [name, expected] of Object.entries(FINDINGS))
    expect({ name, codes: codes(name) }).toEqual({ name, codes: expect.arrayContaining([expected]) });
  expect(codes('good').filter(([, severity]) => severity === 'error')).toEqual([]);
  for (const [code] of Object.values(FINDINGS)) expect(codes('good').map(([one]) => one)).not.toContain(code);
}
