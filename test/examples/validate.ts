import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One line of what `sluice validate --cluster -o json` finds. */
export interface Finding {
  /** `namespace/name`. */
  readonly rollout: string;
  readonly code: string;
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

interface ValidateOptions {
  /** The built command line. */
  readonly program: string;
  readonly kubeconfig: string;
  /** Where the file with the Rollouts is written. */
  readonly folder: string;
}

/** Asks the program about Rollouts in a cluster; that it finds errors is an answer like any other. */
export const validateCluster = async ({ program, kubeconfig, folder }: ValidateOptions, rollouts: readonly object[]) => {
  const file = join(folder, 'mesh-care.yaml');
  await writeFile(file, rollouts.map(rollout => JSON.stringify(rollout)).join('\n---\n'));
  const args = [program, 'validate', '--cluster', '--kubeconfig', kubeconfig, '-o', 'json', file];
  const { stdout, stderr } = await new Promise<{ readonly stdout: string; readonly stderr: string }>(resolve =>
    execFile(process.execPath, args, (_error, out, err) => resolve({ stdout: out, stderr: err })),
  );
  if (!stdout.startsWith('{')) throw new Error(`sluice ${args.slice(1).join(' ')} answered: ${stdout}${stderr}`);
  return (JSON.parse(stdout) as { readonly findings: readonly Finding[] }).findings;
};
