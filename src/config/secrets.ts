import { readFileSync } from 'node:fs';
import type { Settings } from './settings.ts';
import type { Complaint } from './yaml/complaints.ts';
import { type Found, type Path, placesOf } from './yaml/path.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * User name and password or token. Asked for before each use, because files with secrets change; throws an Error that
 * names the file when it cannot be read.
 */
export type Credentials = () => { readonly username?: string; readonly password: string };

/** One secret; asked for before each use like Credentials, and throws like them. */
export type Secret = () => string;

const WITH_SECRETS = [
  'sources[].auth',
  'sources[].push',
  'providers.prometheus',
  'providers.zipkin',
  'webhookGates',
  'notify.webhooks[]',
  'notify.slack',
  'approvals.webhooks[]',
];

/** Variables that are not set and files that cannot be read, found before anything starts. */
export function secretProblems(value: unknown, env: Environment): readonly Complaint[] {
  const references = WITH_SECRETS.flatMap(pattern =>
    placesOf(value, pattern).flatMap(({ path, content }) => leaves(content, path)),
  );
  return references.flatMap(({ path, content }): readonly Complaint[] => {
    const name = String(path.at(-1));
    if (typeof content !== 'string') return [];
    if (name.endsWith('Env') && !env[content]) {
      return [
        {
          path,
          message: `names the environment variable ${shown(content, /^[A-Z][A-Z0-9_]*$/)}, which is not set`,
          part: 'value',
        },
      ];
    }
    if (!name.endsWith('File')) return [];
    const problem = fileProblem(content);
    return problem === undefined
      ? []
      : [{ path, message: `names the file ${shown(content, /^\.{0,2}\//)}, which ${problem}`, part: 'value' }];
  });
}

/** Not everything that stands in the place of a name is one: a secret that was put there must not get into a log. */
const shown = (name: string, usual: RegExp): string => (usual.test(name) ? name : '(not shown)');

function leaves(content: unknown, path: Path): readonly Found[] {
  if (typeof content !== 'object' || content === null) return [{ path, content }];
  return Object.entries(content).flatMap(([name, item]) => leaves(item, [...path, name]));
}

function fileProblem(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim() === '' ? 'is empty' : undefined;
  } catch (error) {
    return `cannot be read (${codeOf(error)})`;
  }
}

/** The code of a system error, such as ENOENT. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

type Auth = NonNullable<Settings['sources'][number]['auth']>;

export function toCredentials(auth: Auth, env: Environment): Credentials {
  const usernameOf = toSecret({ secretEnv: auth.usernameEnv, secretFile: auth.usernameFile }, env);
  const passwordOf = toSecret(
    { secretEnv: auth.passwordEnv ?? auth.tokenEnv, secretFile: auth.passwordFile ?? auth.tokenFile },
    env,
  );
  return () => {
    const username = usernameOf?.();
    const password = passwordOf?.() ?? '';
    return username === undefined ? { password } : { username, password };
  };
}

type SecretReference = { readonly secretEnv?: string | undefined; readonly secretFile?: string | undefined };

/** `undefined` when none is configured. */
export function toSecret({ secretEnv, secretFile }: SecretReference, env: Environment): Secret | undefined {
  if (secretEnv !== undefined) return () => env[secretEnv] ?? '';
  return secretFile === undefined ? undefined : () => readSecret(secretFile);
}

function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Error(`reading secret ${file}: ${codeOf(error)}`);
  }
}
