import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { type DemoWorld, post } from './world.ts';

type Person = {
  /** Names the file, too. */
  readonly name: string;
  /** As the Kubernetes API knows them. */
  readonly user: string;
  readonly may: readonly {
    readonly verb: string;
    readonly group?: string;
    readonly resource?: string;
    readonly namespace?: string;
  }[];
};

/** Gives somebody a token with these rights, and a kubeconfig with it. */
export const addPerson = async (
  { urls, kubeconfig, folder }: DemoWorld,
  { name, user, may }: Person,
): Promise<{ readonly token: string; readonly kubeconfig: string }> => {
  const token = randomBytes(16).toString('hex');
  await post(`${urls.control}/people`, { token, user, may });
  const admin = parse(await readFile(kubeconfig, 'utf8')) as { readonly users: readonly { readonly name: string }[] };
  const file = join(folder, name);
  const users = admin.users.map(entry => ({ name: entry.name, user: { token } }));
  await writeFile(file, stringify({ ...admin, users }, { lineWidth: 0 }), { mode: 0o600 });
  return { token, kubeconfig: file };
};
