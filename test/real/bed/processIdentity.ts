import { readFileSync } from 'node:fs';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process. */
  readonly startTicks: number;
}

interface ProcessState {
  readonly state: string;
  readonly startTicks: number;
}

function readState(pid: number): ProcessState | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the name in brackets may hold spaces: count from its end; fields 3 and 22 of proc(5)
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', startTicks: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

/** Identity of a running process. Start ticks are 0 for one that is gone already. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, startTicks: readState(pid)?.startTicks ?? 0 };
}

/** Whether exactly this process still runs. A zombie does not. */
export function isAlive(identity: ProcessIdentity): boolean {
  const now = readState(identity.pid);
  return now !== undefined && now.state !== 'Z' && now.startTicks === identity.startTicks;
}

/** Signals the process group that the process leads; nothing happens when it is gone. */
export function signalGroup(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(-identity.pid, signal);
  } catch {
    // ended in between
  }
}
