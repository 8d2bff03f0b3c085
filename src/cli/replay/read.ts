import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parseAllDocuments } from 'yaml';

/** The text of a record, where it was found, and its digest as `status.history` names it. */
export type Found = { readonly where: string; readonly digest: string; readonly text: string };

export type Unreadable = { readonly where: string; readonly problem: string };

type Read = readonly (Found | Unreadable)[];

/** Far above any real record; a small file can unpack to anything. */
const MOST_BYTES = 32 * 1024 * 1024;
const RECORDS = /\.json(?:\.gz)?$/;
const MEMORY = 'sluice.dev/memory';
const EXPECTED = 'expected evidence records, or ConfigMaps that hold some';

/** All records of one argument: a file, a folder, or `-`, in the order of their names. Never throws. */
export async function readRecords(input: string, standardInput: () => Promise<Uint8Array>): Promise<Read> {
  try {
    if (input === '-') return recordsIn(await standardInput(), '(standard input)');
    if (!(await stat(input)).isDirectory()) return recordsIn(await readFile(input), input);
    const files = await filesIn(input);
    if (files.length === 0) return [{ where: input, problem: 'has no files .json or .json.gz, expected evidence records' }];
    return (await Promise.all(files.map(async file => recordsIn(await readFile(file), file)))).flat();
  } catch (error) {
    return [{ where: input, problem: `cannot be read (${reasonOf(error)}), expected a file, a folder, or - for standard input` }];
  }
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter(entry => entry.isFile() && RECORDS.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name))
    .sort();
}

function recordsIn(bytes: Uint8Array, where: string): Read {
  const read = textOf(bytes);
  if ('problem' in read) return [{ where, problem: read.problem }];
  const { text } = read;
  if (text.trim() === '') return [{ where, problem: `is empty, ${EXPECTED}` }];
  const value = jsonOf(text);
  if (value !== undefined) return isManifest(value) ? fromManifest(value, where) : [{ where, digest: digestOf(text), text }];
  return fromYaml(text, where);
}

/** Compressed or not, whatever the name says. */
function textOf(bytes: Uint8Array): { readonly text: string } | { readonly problem: string } {
  try {
    const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const unpacked = isPacked ? gunzipSync(bytes, { maxOutputLength: MOST_BYTES }) : bytes;
    if (unpacked.length > MOST_BYTES) return { problem: `has ${unpacked.length} bytes, expected at most ${MOST_BYTES}` };
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(unpacked) };
  } catch (error) {
    return { problem: `cannot be unpacked (${reasonOf(error)}), expected gzip or UTF-8 text as the controller wrote it` };
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fromYaml(text: string, where: string): Read {
  const documents = parseAllDocuments(text, { prettyErrors: true });
  if ('empty' in documents) return [{ where, problem: `is empty, ${EXPECTED}` }];
  const [broken] = documents.flatMap(({ errors }) => errors);
  if (broken !== undefined)
    return [{ where, problem: `is neither JSON nor YAML (${broken.message.split('\n')[0]}), ${EXPECTED}` }];
  return documents.flatMap(document => {
    const value: unknown = document.toJS();
    return isManifest(value) ? fromManifest(value, where) : [{ where, problem: `is YAML of something else, ${EXPECTED}` }];
  });
}

type Manifest = { readonly kind: string; readonly [field: string]: unknown };

const isManifest = (value: unknown): value is Manifest =>
  isObject(value) && typeof value['kind'] === 'string' && /^ConfigMap$|List$/.test(value['kind']);

/** A ConfigMap, or what `kubectl get` prints for several. */
function fromManifest(manifest: Manifest, where: string): Read {
  const { items, binaryData, metadata } = manifest;
  if (Array.isArray(items)) {
    if (items.length === 0) return [{ where, problem: `is an empty list, ${EXPECTED}` }];
    // The API server leaves the kind of items out.
    return items
      .filter(item => !isMemory(item))
      .flatMap((item: unknown) => {
        const one: unknown = isObject(item) ? { kind: 'ConfigMap', ...item } : item;
        return isManifest(one) ? fromManifest(one, where) : [{ where, problem: `lists something else, ${EXPECTED}` }];
      });
  }
  const name = isObject(metadata) ? `ConfigMap ${metadata['namespace'] ?? ''}/${metadata['name'] ?? ''}` : 'ConfigMap';
  const keys = isObject(binaryData)
    ? Object.keys(binaryData)
        .filter(key => RECORDS.test(key))
        .sort()
    : [];
  if (keys.length === 0) return [{ where, problem: `${name} has no records in binaryData, expected keys ending in .json.gz` }];
  return keys.flatMap(key => {
    const packed = isObject(binaryData) ? binaryData[key] : undefined;
    const place = `${where}: ${name}: ${key}`;
    return typeof packed === 'string'
      ? single(Buffer.from(packed, 'base64'), place)
      : [{ where: place, problem: 'is no text, expected base64' }];
  });
}

/** What a chat remembers stands beside the Rollout, under the same label, and holds no records. */
const isMemory = (item: unknown): boolean =>
  isObject(item) && isObject(item['metadata']) && isObject(item['metadata']['labels']) && MEMORY in item['metadata']['labels'];

function single(bytes: Uint8Array, where: string): Read {
  const read = textOf(bytes);
  return [{ where, ...('problem' in read ? read : { digest: digestOf(read.text), text: read.text }) }];
}

/** Of the text as it was written: white space that somebody added since does not count. */
const digestOf = (text: string): string => {
  const value = jsonOf(text);
  return createHash('sha256')
    .update(value === undefined ? text : JSON.stringify(value))
    .digest('hex');
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file or folder';
  if (code === 'EACCES') return 'not allowed';
  return error instanceof Error ? error.message : String(error);
}
