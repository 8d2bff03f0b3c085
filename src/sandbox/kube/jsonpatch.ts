import { equalJson, isObject, type Json } from './json.ts';

/** A JSON Patch that cannot be applied; `test` operations that do not hold end here too. */
export class PatchError extends Error {}

const tokensOf = (pointer: Json | undefined): string[] => {
  if (typeof pointer !== 'string' || (pointer !== '' && !pointer.startsWith('/')))
    throw new PatchError(`bad pointer ${JSON.stringify(pointer)}`);
  return pointer
    .split('/')
    .slice(1)
    .map(token => token.replaceAll('~1', '/').replaceAll('~0', '~'));
};

const indexIn = (list: Json[], token: string, max: number): number => {
  if (!/^(0|[1-9]\d*)$/.test(token) || Number(token) > max || list.length < 0) throw new PatchError(`no index ${token}`);
  return Number(token);
};

const child = (parent: Json | undefined, token: string): Json => {
  const value = Array.isArray(parent)
    ? parent[indexIn(parent, token, parent.length - 1)]
    : isObject(parent)
      ? parent[token]
      : undefined;
  if (value === undefined) throw new PatchError(`no member ${token}`);
  return value;
};

const read = (document: Json, tokens: readonly string[]): Json =>
  tokens.reduce<Json>((value, token) => child(value, token), document);

function add(document: Json, tokens: readonly string[], value: Json): Json {
  const last = tokens.at(-1);
  if (last === undefined) return value;
  const parent = read(document, tokens.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(last === '-' ? parent.length : indexIn(parent, last, parent.length), 0, value);
  else if (isObject(parent)) parent[last] = value;
  else throw new PatchError(`cannot add to a scalar`);
  return document;
}

function remove(document: Json, tokens: readonly string[]): Json {
  const last = tokens.at(-1);
  if (last === undefined) throw new PatchError('cannot remove the document');
  const parent = read(document, tokens.slice(0, -1));
  child(parent, last);
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else if (isObject(parent)) delete parent[last];
  return document;
}

function replace(document: Json, tokens: readonly string[], value: Json): Json {
  read(document, tokens);
  const last = tokens.at(-1);
  if (last === undefined) return value;
  const parent = read(document, tokens.slice(0, -1));
  if (Array.isArray(parent)) parent[Number(last)] = value;
  else if (isObject(parent)) parent[last] = value;
  return document;
}

function step(document: Json, operation: Json): Json {
  if (!isObject(operation)) throw new PatchError('an operation is not an object');
  const path = tokensOf(operation['path']);
  const value = () => {
    if (operation['value'] === undefined) throw new PatchError('missing value');
    return structuredClone(operation['value']);
  };
  switch (operation['op']) {
    case 'add':
      return add(document, path, value());
    case 'remove':
      return remove(document, path);
    case 'replace':
      return replace(document, path, value());
    case 'move': {
      const moved = read(document, tokensOf(operation['from']));
      return add(remove(document, tokensOf(operation['from'])), path, moved);
    }
    case 'copy':
      return add(document, path, structuredClone(read(document, tokensOf(operation['from']))));
    case 'test':
      if (!equalJson(read(document, path), value())) throw new PatchError(`test failed at ${String(operation['path'])}`);
      return document;
    default:
      throw new PatchError(`unknown operation ${JSON.stringify(operation['op'])}`);
  }
}

/** Applies RFC 6902 operations to a copy of the document, all or nothing. Throws PatchError. */
export function applyJsonPatch(document: Json, operations: Json): Json {
  if (!Array.isArray(operations)) throw new PatchError('a JSON Patch is a list of operations');
  return operations.reduce<Json>((current, operation) => step(current, operation), structuredClone(document));
}
