import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Evidence, type EvidenceStore, SystemError } from '../../controller/ports.ts';

const compress = promisify(gzip);

/**
 * Keeps records as files `<namespace>/<rollout>/<attempt>/<name>.json.gz` under a folder, and never deletes one. They are
 * written one after the other: on a disk that hangs each would take one of the few threads that all I/O of Node needs.
 */
export function createFolderEvidence(folder: string): EvidenceStore {
  let last: Promise<unknown> = Promise.resolve();
  const write = async (evidence: Evidence): Promise<'written'> => {
    const file = fileOf(folder, evidence);
    try {
      await writeWhole(file, await compress(evidence.text));
      return 'written';
    } catch (error) {
      throw new SystemError('files', `writing ${file}`, 'unavailable', reasonOf(error), { cause: error });
    }
  };
  return {
    name: 'directory',
    write: evidence => {
      const next = last.then(() => write(evidence));
      last = next.catch(() => undefined);
      return next;
    },
  };
}

function fileOf(folder: string, { rollout, attempt, name }: Evidence): string {
  return join(folder, rollout.namespace, rollout.name, String(attempt), `${name}.json.gz`);
}

/** A reader finds all of it or nothing; a second write of the same record replaces it by itself. */
async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true });
  const partial = `${file}.${process.pid}.partial`;
  try {
    const handle = await open(partial, 'w');
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'no space is left';
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'not allowed';
  return error instanceof Error ? error.message : String(error);
}
