import { describe, expect, it } from 'vitest';
import { findMissing, istioVersion } from '../../../src/adapters/kubernetes/missing.ts';
import { refusal } from './memoryObjects.ts';

const cluster = (served: Readonly<Record<string, readonly string[]>>) => ({
  getPath: async (path: string) => {
    const names = served[path.replace('/apis/', '')];
    if (!names) throw refusal('notFound');
    return { resources: names.map(name => ({ name })) };
  },
});

const ROUTING = ['virtualservices', 'destinationrules', 'gateways'];

describe('what has to be installed', () => {
  it('nothing, when all is there', async () => {
    const whole = cluster({ 'sluice.dev/v1alpha1': ['rollouts', 'rollouts/status'], 'networking.istio.io/v1': ROUTING });
    expect(await findMissing(whole)).toEqual([]);
    expect(await istioVersion(whole)).toBe('v1');
  });

  it('an older Istio is enough; one without DestinationRules is not', async () => {
    expect(await istioVersion(cluster({ 'networking.istio.io/v1beta1': ROUTING }))).toBe('v1beta1');
    expect(await istioVersion(cluster({ 'networking.istio.io/v1': ['virtualservices'] }))).toBeUndefined();
  });

  it('is named, with the way to mend it', async () => {
    const [sluice, istio] = await findMissing(cluster({ 'networking.istio.io/v1alpha3': ROUTING }));
    expect(sluice).toContain('rollouts.sluice.dev (v1alpha1) is not installed: run `sluice install');
    expect(istio).toContain('virtualservices.networking.istio.io and destinationrules.networking.istio.io');
  });

  it('a cluster that does not answer is an error, not an empty one', async () => {
    const away = { getPath: async () => Promise.reject(refusal('unavailable')) };
    await expect(findMissing(away)).rejects.toMatchObject({ kind: 'unavailable' });
  });
});
