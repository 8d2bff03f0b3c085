import { isDeepStrictEqual } from 'node:util';
import type { JsonPatchOperation, MeshObject } from '../../../src/adapters/istio/resource.ts';

type Container = Record<string, unknown> | unknown[];

const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;

function child(parent: Container, token: string): unknown {
  if (Array.isArray(parent)) return parent[Number(token)];
  return Object.hasOwn(parent, token) ? parent[token] : undefined;
}

function place(parent: Container, token: string, operation: Exclude<JsonPatchOperation, { op: 'test' }>): void {
  const exists = child(parent, token) !== undefined;
  if (operation.op === 'remove') {
    if (!exists) throw new Error(`nothing to remove at ${operation.path}`);
    if (Array.isArray(parent)) parent.splice(Number(token), 1);
    else delete parent[token];
    return;
  }
  if (operation.op === 'replace' && !exists) throw new Error(`nothing to replace at ${operation.path}`);
  if (!Array.isArray(parent)) parent[token] = operation.value;
  else if (operation.op === 'replace') parent[Number(token)] = operation.value;
  else if (token !== '-' && !(Number(token) <= parent.length)) throw new Error(`no place at ${operation.path}`);
  else parent.splice(token === '-' ? parent.length : Number(token), 0, operation.value);
}

/** As it arrives: parts that were one object here are several there. */
const sent = <T>(value: T): T => JSON.parse(JSON.stringify(value));

/** Applies the operations of RFC 6902 that the adapter uses, to a copy; throws when one does not hold. */
export function applyPatch(object: MeshObject, operations: readonly JsonPatchOperation[]): MeshObject {
  const result: MeshObject = sent(object);
  for (const operation of sent(operations)) {
    const tokens = operation.path
      .split('/')
      .slice(1)
      .map(token => token.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = tokens.pop() ?? '';
    const parent = tokens.reduce<unknown>((value, token) => (isContainer(value) ? child(value, token) : undefined), result);
    if (!isContainer(parent)) throw new Error(`no parent of ${operation.path}`);
    if (operation.op !== 'test') place(parent, last, operation);
    else if (!isDeepStrictEqual(child(parent, last), operation.value)) throw new Error(`test failed at ${operation.path}`);
  }
  return result;
}
