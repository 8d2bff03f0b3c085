import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Texts of files, or why they cannot be read. */
export type Input =
  | { readonly files: readonly { readonly file: string; readonly text: string }[] }
  | { readonly problem: string };

/** A file, or the YAML files of a folder. */
export async function readInput(path: string): Promise<Input> {
  try {
    const names = (await stat(path)).isDirectory() ? await yamlFilesIn(path) : [path];
    const files = await Promise.all(names.map(async file => ({ file, text: decode(await readFile(file)) })));
    return { files };
  } catch (error) {
    return { problem: `reading ${path}: ${reasonOf(error)}` };
  }
}

async function yamlFilesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter(entry => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name))
    .sort();
}

const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file or folder';
  if (code === 'EACCES') return 'not allowed';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8 text';
  return error instanceof Error ? error.message : String(error);
}
