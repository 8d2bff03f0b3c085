import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { requestJson } from '../bed/http.ts';
import { PROGRAM } from '../installed.ts';

type Line = Readonly<Record<string, string>>;

/** A program in a process of its own. */
export interface Program {
  readonly pid: number;
  /** The line of its output by which it said that it is ready. */
  readonly said: Line;
  readonly stop: () => Promise<void>;
}

/** The program's own sandbox in a process of its own: an API server, a mesh, traffic and telemetry, without anything real. */
export interface Sandboxed {
  /** Where its parts are, by name. */
  readonly place: Line;
  readonly kubeconfig: string;
  /** For files; gone at the end. */
  readonly folder: string;
  /** A request to its API server as the administrator, who has this token. Throws for every status but 2xx. */
  readonly api: <T>(method: string, path: string, body?: unknown, contentType?: string) => Promise<T>;
  /** Pulls a lever of the sandbox. */
  readonly control: (lever: string, body: object) => Promise<void>;
  /** Starts a controller with this configuration, and waits until its caches are filled; it ends with the sandbox at the latest. */
  readonly controller: (configuration: object) => Promise<Program & { readonly url: string }>;
  readonly close: () => Promise<void>;
}

const STOP_WITHIN_MS = 10_000;
const PROJECT = dirname(dirname(PROGRAM));

/** Starts a Node program that writes a JSON object a line. Throws with what it complained of when it ends before it is ready. */
function startNode(args: readonly string[], isReady: (line: Line) => boolean): Promise<Program> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
  const kill = () => child.kill('SIGKILL');
  // it does not outlive this process, however that ends
  process.once('exit', kill);
  void ended.then(() => process.off('exit', kill));
  let complaints = '';
  child.stderr.on('data', data => {
    complaints += String(data);
  });
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(kill, STOP_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  };
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', text => {
      if (!text.startsWith('{')) return;
      const said = JSON.parse(text) as Line;
      if (isReady(said)) resolve({ pid: child.pid ?? 0, said, stop });
    });
    child.once('error', reject);
    void ended.then(() => reject(new Error(`starting ${args.slice(0, 2).join(' ')}: it ended\n${complaints}`)));
  });
}

interface Kubeconfig {
  readonly users: readonly { readonly user: { readonly token: string } }[];
}

async function tokenIn(kubeconfig: string): Promise<string> {
  const { users } = parse(await readFile(kubeconfig, 'utf8')) as Kubeconfig;
  return users[0]?.user.token ?? '';
}

/** Starts it with the definition of Rollouts. */
export async function startSandboxed(scenario: 'weather' | 'empty'): Promise<Sandboxed> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sandboxed-'));
  const closers: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const kubeconfig = join(folder, 'kubeconfig');
    const args = [join(dirname(PROGRAM), 'sandbox.js'), '--json', '--scenario', scenario, '--kubeconfig', kubeconfig];
    const sandbox = await startNode(args, ({ event }) => event === 'ready');
    closers.push(sandbox.stop);
    const place = sandbox.said;
    const authorization = `Bearer ${await tokenIn(kubeconfig)}`;
    const api: Sandboxed['api'] = (method, path, body, contentType = 'application/json') =>
      requestJson(`${place['api']}${path}`, {
        method,
        timeoutMs: 30_000,
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': contentType }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    const definition: unknown = parse(await readFile(join(PROJECT, 'templates/crd/rollouts.sluice.dev.yaml'), 'utf8'));
    await api('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
    let controllers = 0;
    return {
      place,
      kubeconfig,
      folder,
      api,
      control: async (lever, body) => {
        const headers = { 'content-type': 'application/json' };
        await requestJson(`${place['control']}/${lever}`, { method: 'POST', headers, body: JSON.stringify(body) });
      },
      controller: async configuration => {
        controllers += 1;
        const config = join(folder, `sluice-${controllers}.yaml`);
        await writeFile(config, JSON.stringify(configuration));
        const addresses = ['--listen', '127.0.0.1:0', '--hooks-listen', '127.0.0.1:0'];
        const files = ['--config', config, '--kubeconfig', kubeconfig];
        const controller = await startNode([PROGRAM, 'controller', ...files, ...addresses], ({ msg }) => msg === 'ready');
        closers.push(controller.stop);
        return { ...controller, url: `http://${controller.said['address']}` };
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
