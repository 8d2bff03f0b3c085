import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** A kubeconfig with one cluster, one user with a bearer token, and the namespace of the example. `certificate` is PEM. */
export function kubeconfigOf(server: string, certificate: string, token: string): string {
  const authority = Buffer.from(certificate).toString('base64');
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'sandbox', cluster: { server, 'certificate-authority-data': authority } }],
      users: [{ name: 'sandbox', user: { token } }],
      contexts: [{ name: 'sandbox', context: { cluster: 'sandbox', user: 'sandbox', namespace: 'weather' } }],
      'current-context': 'sandbox',
    },
    { lineWidth: 0 },
  );
}

/** Writes a kubeconfig for its owner only: to the wanted file, which stays, or to a temporary folder that `remove` takes away. */
export async function writeKubeconfig(
  text: string,
  wanted: string | undefined,
): Promise<{ path: string; remove: () => Promise<void> }> {
  const folder = wanted ? undefined : await mkdtemp(join(tmpdir(), 'sluice-sandbox-'));
  const path = wanted ?? join(folder ?? '', 'kubeconfig');
  await writeFile(path, text, { mode: 0o600 });
  return { path, remove: async () => (folder ? rm(folder, { recursive: true, force: true }) : undefined) };
}
