import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DemoWorld } from './world.ts';

/**
 * Writes a file that makes another terminal one of the demo's: the words `sluice` and `kubectl sluice`, the cluster as the
 * owner of the kubeconfig, the server, and the repository as `$FLEET`. Answers with its path.
 */
export const writeShell = async ({ folder, urls, repository }: DemoWorld, kubeconfig: string): Promise<string> => {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const script = `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(process.argv[1] ?? '')} "$@"\n`;
  for (const name of ['sluice', 'kubectl-sluice']) await writeFile(join(bin, name), script, { mode: 0o755 });
  const settings = [
    ['PATH', `"${bin}:$PATH"`],
    ['KUBECONFIG', quoted(kubeconfig)],
    ['SLUICE_SERVER', quoted(urls.server)],
    ['FLEET', quoted(repository)],
  ];
  const file = join(folder, 'env');
  await writeFile(file, settings.map(([name, value]) => `export ${name}=${value}\n`).join(''));
  return file;
};

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
