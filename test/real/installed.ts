import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bed } from './bed/bed.ts';
import { run } from './bed/command.ts';
import { watchObjects } from './watchObjects.ts';

/** The program as it is shipped; `npm run test:real` builds it. */
export const PROGRAM = fileURLToPath(new URL('../../dist/sluice.js', import.meta.url));

/** Namespace of the controller, its ServiceAccount and its lease. */
export const SLUICE_NAMESPACE = 'sluice-system';

/**
 * Applies what `sluice install` prints, as its documentation says, and returns a kubeconfig of the ServiceAccount that it made: whoever uses it
 * has the rights of an installed controller and no more.
 */
export async function installSluice(bed: Bed): Promise<string> {
  const manifests = await run(process.execPath, [PROGRAM, 'install', '--namespace', SLUICE_NAMESPACE]);
  const file = join(bed.directory, 'install.yaml');
  await writeFile(file, manifests);
  const kubectl = (...args: string[]) => run(bed.kubectl, ['--kubeconfig', bed.kubeconfig, ...args]);
  await kubectl('apply', '--server-side', '--force-conflicts', '--filename', file);
  await kubectl('wait', '--for=condition=Established', 'customresourcedefinition/rollouts.sluice.dev', '--timeout=150s');
  // a new kind can be written a moment before it can be watched
  await bed.until('a watch of Rollouts', async () => {
    (await watchObjects(bed, '/apis/sluice.dev/v1alpha1/rollouts')).stop();
    return true;
  });
  return bed.writeKubeconfig('sluice', await bed.serviceAccountToken(SLUICE_NAMESPACE, 'sluice'));
}
