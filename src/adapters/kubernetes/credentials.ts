import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { KubeError } from './errors.ts';
import { loadKubeConfig } from './kubeconfig.ts';

/** How to reach the server as the user of the kubeconfig. */
export type Connection = {
  readonly server: URL;
  readonly agent: HttpAgent;
  readonly headers: Readonly<Record<string, string>>;
  /** `user:password`, when the kubeconfig has them. */
  readonly auth?: string;
};

export type Credentials = {
  /** Throws KubeError `refused` when a plugin or a file does not give the credentials. */
  connection(): Promise<Connection>;
  /** The server refused them: ask for them anew. */
  forget(): void;
  close(): void;
};

/** Token files and plugins have caches of their own; asking them more often than this gains nothing. */
const KEEP_MS = 10_000;
const PLUGIN_TIMEOUT_MS = 30_000;
const TLS_FIELDS = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const;

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // Token files often end with a line feed, which no header may contain.
    if (value !== undefined) headers[name] = String(value).trim();
  }
  return headers;
}

function explain(error: unknown): string {
  // The text of a syntax error quotes what a plugin printed, which may be a token.
  if (error instanceof SyntaxError) return 'the credential plugin did not print a JSON object';
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n')[0]?.slice(0, 200) || 'the credential plugin failed without a message';
}

async function withTimeout<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`the credential plugin did not end within ${PLUGIN_TIMEOUT_MS / 1000} s`)),
      PLUGIN_TIMEOUT_MS,
    );
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Gives the same agent, with its open connections, for as long as the certificates stay the same. */
function createAgents(server: URL, proxied: boolean) {
  let known: { readonly fingerprint: string; readonly agent: HttpAgent } | undefined;
  return {
    agentFor: (options: RequestOptions): HttpAgent => {
      const present = TLS_FIELDS.filter(name => options[name] !== undefined);
      const tls = Object.fromEntries(present.map(name => [name, options[name]]));
      const fingerprint = JSON.stringify(Object.values(tls).map(String));
      if (known?.fingerprint === fingerprint) return known.agent;
      const direct = () =>
        server.protocol === 'http:' ? new HttpAgent({ keepAlive: true }) : new HttpsAgent({ ...tls, keepAlive: true });
      // Requests in flight keep the sockets of the agent they began with.
      known = { fingerprint, agent: proxied ? (options.agent as HttpAgent) : direct() };
      return known.agent;
    },
    close: () => known?.agent.destroy(),
  };
}

async function applied(config: KubeConfig): Promise<RequestOptions> {
  const options: RequestOptions = {};
  try {
    await withTimeout(config.applyToHTTPSOptions(options));
  } catch (error) {
    throw new KubeError('getting credentials for the API server', { kind: 'refused', reason: explain(error) });
  }
  return options;
}

/** The person who runs a command, as the kubeconfig knows them. */
export type Caller = {
  /** The namespace of the context. */
  readonly namespace: string;
  /** What the kubeconfig calls the user; the API server may know them by another name. */
  readonly user: string;
  /**
   * What proves to another server who that is. Throws KubeError `refused` when a plugin or a file does not give it, or when
   * the user has a certificate or a password instead.
   */
  bearerToken(): Promise<string>;
};

/** Throws KubeError when the kubeconfig is missing or wrong. */
export function loadCaller(options: { readonly kubeconfigPath?: string; readonly context?: string }): Caller {
  const config = loadKubeConfig(options.kubeconfigPath, options.context);
  return {
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    user: config.getCurrentUser()?.name ?? '',
    bearerToken: async () => {
      const [, token] = /^Bearer (\S+)$/.exec(headersOf(await applied(config))['Authorization'] ?? '') ?? [];
      if (token !== undefined) return token;
      const has = config.getCurrentUser()?.certFile || config.getCurrentUser()?.certData ? 'a client certificate' : 'no token';
      throw new KubeError('getting a token', {
        kind: 'refused',
        reason: `the user ${config.getCurrentUser()?.name ?? ''} of the kubeconfig has ${has}, which another server cannot check`,
      });
    },
  };
}

/** Asks the kubeconfig's token, token file, certificates or plugin for what a request needs. */
export function createCredentials(config: KubeConfig): Credentials {
  const cluster = config.getCurrentCluster();
  const server = new URL(cluster?.server ?? '');
  const agents = createAgents(server, Boolean(cluster?.proxyUrl));
  let current: { readonly untilMs: number; readonly connection: Promise<Connection> } | undefined;

  async function load(): Promise<Connection> {
    const options = await applied(config);
    const auth = typeof options.auth === 'string' ? { auth: options.auth } : {};
    return { server, agent: agents.agentFor(options), headers: headersOf(options), ...auth };
  }

  return {
    connection: () => {
      if (current === undefined || current.untilMs < performance.now()) {
        const entry = { untilMs: performance.now() + KEEP_MS, connection: load() };
        current = entry;
        entry.connection.catch(() => {
          if (current === entry) current = undefined;
        });
      }
      return current.connection;
    },
    forget: () => {
      current = undefined;
    },
    close: () => agents.close(),
  };
}
