import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from './http.ts';
import { identityOf, isAlive, type ProcessIdentity, signalGroup } from './processIdentity.ts';

/** How to run one server and how to see that it is ready. Written to the bed's directory, so that every process can start it again. */
export interface ServerPlan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly ready: ReadyCheck;
  readonly readyTimeoutMs: number;
  /** Time between SIGTERM and SIGKILL. */
  readonly stopGraceMs: number;
}

interface ReadyCheck {
  /** Answers 200 when the server is ready. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly caFile?: string;
}

const POLL_MS = 50;
const LOG_TAIL_CHARACTERS = 1_500;

function pidDirectory(directory: string): string {
  return join(directory, 'pids');
}

/** Path of the log that holds the output of a server. */
export function logOf(directory: string, name: string): string {
  return join(directory, 'logs', `${name}.log`);
}

function recordOf(directory: string, name: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(join(pidDirectory(directory), `${name}.json`), 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

/** The process of a server, while it runs. */
function processOf(directory: string, name: string): ProcessIdentity | undefined {
  const identity = recordOf(directory, name);
  return identity && isAlive(identity) ? identity : undefined;
}

function launch(directory: string, plan: ServerPlan): ProcessIdentity {
  mkdirSync(pidDirectory(directory), { recursive: true });
  mkdirSync(join(directory, 'logs'), { recursive: true });
  const log = openSync(logOf(directory, plan.name), 'a');
  try {
    const base = { PATH: process.env['PATH'] ?? '', HOME: directory };
    // detached: a process group of its own, out of reach of the terminal's Ctrl-C, and to be signalled as a whole
    const child = spawn(plan.command, plan.args, {
      cwd: plan.cwd,
      env: { ...base, ...plan.env },
      stdio: ['ignore', log, log],
      detached: true,
    });
    child.on('error', () => {
      // told below: there is no process number then
    });
    child.unref();
    if (child.pid === undefined) throw new Error(`starting ${plan.name}: ${plan.command} cannot be run`);
    const identity = identityOf(child.pid);
    writeFileSync(join(pidDirectory(directory), `${plan.name}.json`), JSON.stringify(identity));
    return identity;
  } finally {
    closeSync(log);
  }
}

async function isReady(check: ReadyCheck): Promise<boolean> {
  try {
    const { url, ...options } = check;
    return (await request(url, { ...options, timeoutMs: 2_000 })).status === 200;
  } catch {
    return false;
  }
}

async function failed(directory: string, plan: ServerPlan, what: string): Promise<Error> {
  const path = logOf(directory, plan.name);
  const log = await readFile(path, 'utf8').catch(() => '');
  return new Error(`starting ${plan.name}: ${what}; end of ${path}:\n${log.slice(-LOG_TAIL_CHARACTERS)}`);
}

/** Starts a server without waiting for it. Throws when it runs already. */
export function launchServer(directory: string, plan: ServerPlan): void {
  if (processOf(directory, plan.name)) throw new Error(`starting ${plan.name}: it runs already`);
  mkdirSync(join(directory, 'plans'), { recursive: true });
  writeFileSync(join(directory, 'plans', `${plan.name}.json`), JSON.stringify(plan));
  launch(directory, plan);
}

/** Waits until a launched server is ready. Throws with the end of its log when it ends or takes too long. */
export async function awaitServer(directory: string, plan: ServerPlan): Promise<void> {
  const deadlineMs = performance.now() + plan.readyTimeoutMs;
  while (!(await isReady(plan.ready))) {
    if (!processOf(directory, plan.name)) throw await failed(directory, plan, 'it ended');
    if (performance.now() > deadlineMs) throw await failed(directory, plan, `not ready after ${plan.readyTimeoutMs / 1000} s`);
    await sleep(POLL_MS);
  }
}

/** Starts a server and waits until it is ready. */
export async function startServer(directory: string, plan: ServerPlan): Promise<void> {
  launchServer(directory, plan);
  await awaitServer(directory, plan);
}

/** Starts a server again that was started before, maybe by another process. */
export async function restartServer(directory: string, name: string): Promise<void> {
  const plan = JSON.parse(await readFile(join(directory, 'plans', `${name}.json`), 'utf8')) as ServerPlan;
  await startServer(directory, plan);
}

async function ended(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  while (isAlive(identity)) {
    if (performance.now() > deadlineMs) return false;
    await sleep(20);
  }
  return true;
}

/** Ends a server: SIGTERM, and SIGKILL when it is still there after `graceMs`. Nothing happens when it does not run. */
export async function stopServer(directory: string, name: string, graceMs: number): Promise<void> {
  const identity = processOf(directory, name);
  if (identity) {
    signalGroup(identity, graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
    signalGroup(identity, 'SIGCONT');
    if (!(await ended(identity, graceMs))) {
      signalGroup(identity, 'SIGKILL');
      await ended(identity, 10_000);
    }
  }
  rmSync(join(pidDirectory(directory), `${name}.json`), { force: true });
}

/** Number of the process of a running server. Throws when it does not run. */
export function pidOf(directory: string, name: string): number {
  const identity = processOf(directory, name);
  if (!identity) throw new Error(`looking for ${name}: it does not run`);
  return identity.pid;
}

/** Stops a server in its tracks (SIGSTOP), or lets it go on (SIGCONT). Throws when it does not run. */
export function signalServer(directory: string, name: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const identity = processOf(directory, name);
  if (!identity) throw new Error(`signalling ${name}: it does not run`);
  signalGroup(identity, signal);
}

/** Names of all servers that were started in this directory and not stopped. */
export function startedServers(directory: string): string[] {
  try {
    return readdirSync(pidDirectory(directory)).map(file => file.replace(/\.json$/, ''));
  } catch {
    return [];
  }
}

/** Kills at once what still runs of a bed. For the end of a crashed run, where nothing can be awaited. */
export function killAll(directory: string): void {
  for (const name of startedServers(directory)) {
    const identity = recordOf(directory, name);
    if (identity) signalGroup(identity, 'SIGKILL');
  }
}
