import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Bed } from './bed/bed.ts';
import { request } from './bed/http.ts';
import { localUrl } from './bed/layout.ts';
import { logOf, pidOf, restartServer, type ServerPlan, signalServer, startServer, stopServer } from './bed/process.ts';
import { PROGRAM } from './installed.ts';

interface ControllerSettings {
  readonly kubeconfig: string;
  /** Namespaces that it looks after, and that its Git source may write to; none: all. */
  readonly namespaces: readonly string[];
  /** Repository with Rollouts, asked every second. Without it Rollouts come through the API only. */
  readonly repositoryUrl?: string;
  readonly leaderElection: boolean;
  /** Namespace of the lease. Default: that of the installation. */
  readonly leaseNamespace?: string;
  /** More of the configuration file; takes the place of what stands there otherwise. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Options of Node. Default: stacks name lines of the source, which costs memory. */
  readonly nodeOptions?: readonly string[];
}

interface ControllerOptions extends ControllerSettings {
  /** Two of them may run side by side. */
  readonly port: 'controller' | 'otherController';
}

/** `sluice controller` in a process of its own, with the Prometheus and Zipkin of the bed. */
export interface ControllerProcess {
  /** Where health, metrics and the API are served. */
  readonly url: string;
  /** Number of the process. Throws when it does not run. */
  readonly pid: () => number;
  /** SIGKILL, as when a machine is lost. */
  readonly kill: () => Promise<void>;
  /** Starts it again after `kill`, and waits until it is ready. */
  readonly start: () => Promise<void>;
  /** Makes it hang (SIGSTOP): it keeps its connections and does nothing, until `resume`. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** SIGTERM; throws when it does not end within the 10 s that it has. */
  readonly stop: () => Promise<void>;
  /** Whether it says that it may write. */
  readonly leads: () => Promise<boolean>;
  /** Its own metrics, in Prometheus text format. */
  readonly metrics: () => Promise<string>;
  /** All that it has logged. */
  readonly log: () => Promise<string>;
}

const STOP_WITHIN_MS = 60_000;

function configuration(bed: Bed, settings: ControllerSettings): string {
  const { namespaces, repositoryUrl, leaderElection, leaseNamespace, more } = settings;
  const source = { name: 'fleet', url: repositoryUrl, path: 'rollouts', namespaces, schedule: '*/1 * * * * *' };
  const zipkin = { zipkin: { default: { url: bed.zipkinUrl, timeout: '20s', lag: '3s' } } };
  return stringify({
    leaderElection: { enabled: leaderElection, ...(leaseNamespace === undefined ? {} : { namespace: leaseNamespace }) },
    watchNamespaces: namespaces,
    sources: repositoryUrl === undefined ? [] : [source],
    providers: {
      prometheus: { default: { url: bed.prometheusUrl, timeout: '20s' } },
      ...(bed.has('zipkin') ? zipkin : {}),
    },
    ...more,
  });
}

/** Writes the configuration of a controller, and answers how to run it; it is ready when its caches are filled. */
export async function planController(bed: Bed, name: string, port: number, settings: ControllerSettings): Promise<ServerPlan> {
  const config = join(bed.directory, `${name}.yaml`);
  await writeFile(config, configuration(bed, settings));
  const url = localUrl(port);
  const files = ['--config', config, '--kubeconfig', settings.kubeconfig];
  return {
    name,
    command: process.execPath,
    args: [
      ...(settings.nodeOptions ?? ['--enable-source-maps']),
      PROGRAM,
      'controller',
      ...files,
      '--listen',
      url.replace('http://', ''),
    ],
    env: {},
    cwd: bed.directory,
    ready: { url: `${url}/readyz` },
    readyTimeoutMs: 180_000,
    stopGraceMs: STOP_WITHIN_MS,
  };
}

/** Starts a controller and waits until its caches are filled. */
export async function startController(bed: Bed, options: ControllerOptions): Promise<ControllerProcess> {
  const name = options.port === 'controller' ? 'controller' : 'other-controller';
  const url = localUrl(bed.ports[options.port]);
  await startServer(bed.directory, await planController(bed, name, bed.ports[options.port], options));
  const metrics = async () => (await request(`${url}/metrics`)).body;
  return {
    url,
    pid: () => pidOf(bed.directory, name),
    kill: () => stopServer(bed.directory, name, 0),
    start: () => restartServer(bed.directory, name),
    pause: () => signalServer(bed.directory, name, 'SIGSTOP'),
    resume: () => signalServer(bed.directory, name, 'SIGCONT'),
    stop: async () => {
      const startMs = Date.now();
      await stopServer(bed.directory, name, STOP_WITHIN_MS);
      if (Date.now() - startMs >= STOP_WITHIN_MS)
        throw new Error(`stopping ${name}: still there ${STOP_WITHIN_MS} ms after SIGTERM`);
    },
    leads: async () => /^sluice_leader 1$/m.test(await metrics()),
    metrics,
    log: () => readFile(logOf(bed.directory, name), 'utf8'),
  };
}
