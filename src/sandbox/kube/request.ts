import type { IncomingMessage } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { isObject, type Json, type KubeObject, objectOf } from './json.ts';
import { decodeProtobuf } from './protobuf.ts';
import type { Registry, Resource } from './resources.ts';
import { ApiError, badRequest, unsupportedMediaType } from './status.ts';

/** What a resource path asks for. */
export interface Target {
  readonly resource: Resource;
  readonly version: string;
  /** Empty for cluster resources and for lists over all namespaces. */
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

/** The resource request in a path, or undefined when nothing is served there. */
export function parseTarget(registry: Registry, path: string): Target | undefined {
  const parts = path.split('/').filter(Boolean).map(decodeURIComponent);
  const core = parts[0] === 'api';
  if (!core && parts[0] !== 'apis') return undefined;
  const group = core ? '' : (parts[1] ?? '');
  const version = parts[core ? 1 : 2] ?? '';
  const rest = parts.slice(core ? 2 : 3);
  if (rest.some(part => part === '')) return undefined;
  const scoped =
    rest[0] === 'namespaces' &&
    rest.length >= 3 &&
    !(core && rest.length === 3 && (rest[2] === 'status' || rest[2] === 'finalize'));
  const [plural = '', name = '', subresource = ''] = scoped ? rest.slice(2) : rest;
  const resource = registry.find(group, version, plural);
  if (!resource || (scoped && !resource.namespaced) || rest.length > (scoped ? 5 : 3)) return undefined;
  if (!scoped && resource.namespaced && name) return undefined;
  return { resource, version, namespace: scoped ? (rest[1] ?? '') : '', name, subresource };
}

const BODY_LIMIT = 3 * 1024 * 1024;

/** Reads a body of at most 3 MB as text. Larger ones are refused with 413. */
export async function readBody(request: IncomingMessage): Promise<string> {
  return (await readBytes(request)).toString('utf8');
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > BODY_LIMIT) throw new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${BODY_LIMIT}`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** Parses a JSON or YAML body. Throws a 400 when it is neither. */
export function parseBody(text: string, contentType: string): Json {
  try {
    return contentType.includes('yaml') ? (parseYaml(text) as Json) : (JSON.parse(text) as Json);
  } catch {
    throw badRequest('the object provided is unrecognized (must be of type JSON or YAML)');
  }
}

/** Reads and parses an object in any format that is accepted: JSON, YAML, and protobuf for a few kinds. */
export async function readDocument(request: IncomingMessage): Promise<Json> {
  const bytes = await readBytes(request);
  const contentType = request.headers['content-type'] ?? '';
  if (!contentType.includes('protobuf')) return parseBody(bytes.toString('utf8'), contentType);
  const document = decodeProtobuf(bytes);
  if (!document) throw unsupportedMediaType(['application/json', 'application/yaml']);
  return document;
}

/** The body as an object of the target's kind; apiVersion, kind and namespace must fit the path. */
export function toObject(body: Json, target: Target): KubeObject {
  if (!isObject(body)) throw badRequest('the object provided is not an object');
  const { resource, version, namespace } = target;
  const metadata = objectOf(body['metadata']);
  const apiVersion = resource.group ? `${resource.group}/${version}` : version;
  const kind = body['kind'] ?? resource.kind;
  if (kind !== resource.kind || (body['apiVersion'] ?? apiVersion) !== apiVersion) {
    const given = `${body['apiVersion']}, Kind=${body['kind']}`;
    throw badRequest(
      `the API version in the data (${given}) does not match the expected API version (${apiVersion}, Kind=${resource.kind})`,
    );
  }
  if (metadata['namespace'] !== undefined && resource.namespaced && metadata['namespace'] !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  const name = typeof metadata['name'] === 'string' ? metadata['name'] : target.name;
  if (target.name && name !== target.name)
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  return { ...body, apiVersion, kind: resource.kind, metadata: { ...metadata, name } } as KubeObject;
}
