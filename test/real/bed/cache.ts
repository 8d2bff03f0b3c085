import { access, mkdir, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';

/** Where built servers are kept, outside the repository. */
export function cacheDirectory(): string {
  const own = process.env['SLUICE_REAL_CACHE'];
  if (own) return own;
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'sluice', 'real');
}

/** Where running beds keep their data and logs: `SLUICE_REAL_RUN`, or a folder of this user in the temporary directory. */
export function runDirectory(): string {
  return process.env['SLUICE_REAL_RUN'] || join(tmpdir(), `sluice-real-${userInfo().uid}`);
}

export async function fileExists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns `path`, producing it first when it is missing. `produce` writes to another name that is renamed at the end,
 * so that an interrupted build leaves no half file, and two builds at once do not spoil each other's.
 */
export async function cached(path: string, produce: (unfinished: string) => Promise<void>): Promise<string> {
  if (await fileExists(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}.unfinished`;
  try {
    await produce(unfinished);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true, recursive: true });
  }
  return path;
}
