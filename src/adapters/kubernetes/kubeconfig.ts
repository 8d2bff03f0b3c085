import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import type { SystemError } from '../../controller/ports.ts';
import { KubeError } from './errors.ts';

function fail(operation: string, kind: SystemError['kind'], reason: string): never {
  throw new KubeError(operation, { kind, reason });
}

type Entries = readonly { readonly name?: unknown; readonly user?: Record<string, unknown> }[];
type Document = { readonly clusters?: unknown; readonly users?: Entries; readonly contexts?: unknown };

function parseFile(operation: string, path: string): Document {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    const missing = code === 'ENOENT';
    return fail(
      operation,
      missing ? 'notFound' : 'refused',
      missing ? 'there is no such file' : `the file cannot be read (${code})`,
    );
  }
  let document: unknown;
  try {
    document = parse(text, { prettyErrors: false });
  } catch (error) {
    // The parser's own text may quote the file, which holds credentials.
    const at = error instanceof Error && 'pos' in error && Array.isArray(error.pos) ? Number(error.pos[0]) : 0;
    return fail(operation, 'badAnswer', `line ${text.slice(0, at).split('\n').length} is not YAML`);
  }
  if (typeof document !== 'object' || document === null || !('clusters' in document)) {
    return fail(operation, 'badAnswer', 'expected a kubeconfig with clusters, users and contexts');
  }
  return document as Document;
}

/** The library reads a `tokenFile` never or once; as a provider of tokens it reads it again every minute. */
function withTokenFiles(document: Document, folder: string): Document {
  if (!Array.isArray(document.users)) return document;
  const users = (document.users as Entries).map(entry => {
    const { tokenFile, ...user } = entry.user ?? {};
    if (typeof tokenFile !== 'string' || user['token'] !== undefined) return entry;
    const config = { tokenFile: resolve(folder, tokenFile) };
    return { ...entry, user: { ...user, 'auth-provider': { name: 'tokenFile', config } } };
  });
  return { ...document, users };
}

function loadFile(path: string): KubeConfig {
  const operation = `reading kubeconfig ${path}`;
  const folder = dirname(resolve(path));
  const document = withTokenFiles(parseFile(operation, path), folder);
  const config = new KubeConfig();
  try {
    config.loadFromString(JSON.stringify(document));
    (config as unknown as { makePathsAbsolute(folder: string): void }).makePathsAbsolute(folder);
  } catch (error) {
    fail(operation, 'badAnswer', error instanceof Error ? error.message : 'it is not a kubeconfig');
  }
  return config;
}

function loadDefault(): KubeConfig {
  const operation = 'looking for a kubeconfig';
  const config = new KubeConfig();
  try {
    config.loadFromDefault();
  } catch (error) {
    // Only the first line: a parser quotes the file, which holds credentials, in those that follow.
    fail(operation, 'badAnswer', (error instanceof Error && error.message.split('\n')[0]) || 'it is not a kubeconfig');
  }
  // What the library makes up when it finds nothing at all.
  const server = config.getCurrentCluster()?.server;
  if (config.currentContext === 'loaded-context' && server === 'http://localhost:8080') {
    fail(operation, 'notFound', 'none was named, and there is neither $KUBECONFIG nor ~/.kube/config nor a service account');
  }
  return config;
}

function choose(config: KubeConfig, context: string, operation: string): void {
  if (config.getContextObject(context) === null) {
    const known = config.getContexts().map(({ name }) => name);
    const there = known.length === 1 ? 'there is' : 'there are';
    fail(operation, 'notFound', `there is no context ${context}; ${there} ${known.join(', ') || 'none'}`);
  }
  config.setCurrentContext(context);
}

function check(config: KubeConfig, operation: string): void {
  const context = config.getContextObject(config.getCurrentContext());
  if (!config.getCurrentContext()) fail(operation, 'badAnswer', 'current-context is not set');
  if (!context) fail(operation, 'badAnswer', `there is no context ${config.getCurrentContext()}, which current-context names`);
  const cluster = config.getCurrentCluster();
  if (!cluster) fail(operation, 'badAnswer', `there is no cluster ${context.cluster}, which context ${context.name} names`);
  const user = config.getCurrentUser();
  if (!user) fail(operation, 'badAnswer', `there is no user ${context.user}, which context ${context.name} names`);
  if (!/^https?:\/\/[^/]/.test(cluster.server)) fail(operation, 'badAnswer', `server ${cluster.server} is not an http(s) URL`);
  for (const file of [cluster.caFile, user.certFile, user.keyFile]) {
    if (file && !existsSync(file)) fail(operation, 'notFound', `there is no file ${file}, which it refers to`);
  }
}

/**
 * Loads the kubeconfig at `path`; without a path $KUBECONFIG, ~/.kube/config, then the pod's service account. `context`
 * takes the place of its current-context. Throws KubeError that says what is wrong with which file.
 */
export function loadKubeConfig(path?: string, context?: string): KubeConfig {
  const config = path === undefined ? loadDefault() : loadFile(path);
  const operation = path === undefined ? 'reading the default kubeconfig' : `reading kubeconfig ${path}`;
  if (context !== undefined) choose(config, context, operation);
  check(config, operation);
  // The library refuses plain HTTP unless certificates need no check, which over HTTP says nothing.
  const clusters = config.clusters.map(cluster => ({
    ...cluster,
    skipTLSVerify: cluster.skipTLSVerify || cluster.server.startsWith('http:'),
  }));
  config.loadFromOptions({ clusters, contexts: config.contexts, users: config.users, currentContext: config.currentContext });
  return config;
}
