import { readFileSync } from 'node:fs';
import { placeOf } from '../cluster/cluster.ts';
import type { CliIo } from '../io.ts';

/** As they were written. */
export type WrittenOptions = {
  readonly namespace?: string;
  readonly step?: string;
  readonly revision?: string;
  readonly comment?: string;
  readonly server?: string;
  readonly insecureHttp?: boolean;
  readonly certificateAuthority?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly output: 'text' | 'json' | 'yaml';
};

/** What a person wants to be sent where, as far as the command line says it. */
export type Asked = {
  readonly name: string;
  readonly server: URL;
  readonly authorityFile?: string;
  /** Absent: that of the kubeconfig. */
  readonly token?: string;
  /** Absent: that of the kubeconfig's context. */
  readonly namespace?: string;
  readonly step?: number;
  readonly revision?: string;
  readonly comment?: string;
  readonly kubeconfig: { readonly kubeconfigPath?: string; readonly context?: string };
};

const NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;
const NAMESPACE = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const REVISION = /^[\w.-]{1,128}$/;
const LONGEST_COMMENT = 1_000;

/** How somebody reaches a server that has no address of its own. */
export const PORT_FORWARD = 'kubectl -n sluice-system port-forward service/sluice 8080:8080';

/** What is wrong with the command line, all of it, or what it says. No problem quotes a token. */
export const readOptions = (
  name: string,
  written: WrittenOptions,
  env: CliIo['env'],
): Asked | { readonly problems: readonly string[] } => {
  const problems: string[] = [];
  const matching = (option: string, value: string | undefined, [pattern, expected]: readonly [RegExp, string]): void => {
    if (value !== undefined && !pattern.test(value)) problems.push(`${option} is ${JSON.stringify(value)}, expected ${expected}`);
  };
  matching('NAME', name, [NAME, 'the name of a Rollout']);
  matching('--namespace', written.namespace, [NAMESPACE, 'the name of a namespace']);
  matching('--step', written.step, [/^[1-9]\d{0,3}$/, 'the number of a step, from 1 on']);
  matching('--revision', written.revision, [REVISION, 'a revision as the status has it, such as 7c1f09d2']);
  if ((written.comment ?? '').length > LONGEST_COMMENT) problems.push(`--comment has more than ${LONGEST_COMMENT} characters`);
  const server = readServer(written, env, problems);
  const token = readToken(written, problems);
  if (problems.length > 0 || server === undefined) return { problems };
  const { namespace, step, revision, comment, certificateAuthority } = written;
  return {
    name,
    server,
    ...(certificateAuthority === undefined ? {} : { authorityFile: certificateAuthority }),
    ...(token === undefined ? {} : { token }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(step === undefined ? {} : { step: Number(step) }),
    ...(revision === undefined ? {} : { revision }),
    ...(comment === undefined ? {} : { comment }),
    kubeconfig: placeOf(written, env),
  };
};

/** Whoever reads a token on its way can do what its owner can. */
const readServer = (written: WrittenOptions, env: CliIo['env'], problems: string[]): URL | undefined => {
  const text = written.server ?? (env['SLUICE_SERVER'] || undefined);
  if (text === undefined) {
    problems.push(
      `--server is missing, and $SLUICE_SERVER is not set: where Sluice is served. Without an address of its own: \`${PORT_FORWARD}\`, then --server http://127.0.0.1:8080`,
    );
    return undefined;
  }
  if (!URL.canParse(text) || !/^https?:\/\/[^/]/.test(text)) {
    problems.push('--server is no http(s) URL, expected one such as https://sluice.example.com');
    return undefined;
  }
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') problems.push('--server names a user or a password, expected an address only');
  if (url.search !== '' || url.hash !== '') problems.push('--server has a query or a fragment, expected an address only');
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && written.insecureHttp !== true) {
    problems.push(
      `--server is ${url.origin}, and a token is sent over https or to this machine only: use https, or \`${PORT_FORWARD}\` with --server http://127.0.0.1:8080; --insecure-http sends it all the same, for a mesh that encrypts what pods say to each other`,
    );
  }
  return url;
};

const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);

const readToken = ({ token, tokenFile }: WrittenOptions, problems: string[]): string | undefined => {
  if (token !== undefined && tokenFile !== undefined) {
    problems.push('--token and --token-file are both there, expected one of them');
    return undefined;
  }
  const text = tokenFile === undefined ? token : readTokenFile(tokenFile, problems)?.trim();
  if (text === undefined) return undefined;
  if (!/^[\x21-\x7e]+$/.test(text)) {
    const option = tokenFile === undefined ? '--token' : `--token-file ${tokenFile}`;
    problems.push(`${option} holds no token, expected one line without spaces`);
  }
  return text;
};

const readTokenFile = (file: string, problems: string[]): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    problems.push(`--token-file ${file} cannot be read (${code})`);
    return undefined;
  }
};
