import type { JsonObject, KubeObject } from './json.ts';
import type { Selector } from './selectors.ts';
import { badRequest, expired } from './status.ts';
import type { Store } from './store.ts';

/** One list request. */
export interface ListRequest {
  readonly resource: string;
  readonly namespace: string;
  readonly selector: Selector;
  /** 0: everything at once. */
  readonly limit: number;
  readonly continueToken: string | null;
}

interface Token {
  readonly revision: number;
  readonly after: string;
}

const keyOf = (object: KubeObject) => `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
const encode = (token: Token) => Buffer.from(JSON.stringify(token)).toString('base64url');

function decode(text: string): Token {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Partial<Token>;
    if (typeof token.revision === 'number' && typeof token.after === 'string')
      return { revision: token.revision, after: token.after };
  } catch {
    // falls through to the refusal below
  }
  throw badRequest('continue key is not valid: encoding is not understood');
}

/** One page of objects and the ListMeta that goes with it. A token older than the history is 410 Expired. */
export function listPage(
  store: Store,
  request: ListRequest,
): { readonly items: readonly KubeObject[]; readonly meta: JsonObject } {
  const token = request.continueToken ? decode(request.continueToken) : undefined;
  if (token && token.revision < store.oldest()) {
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
    );
  }
  const revision = token?.revision ?? store.revision();
  const all = store.list(request.resource, request.namespace).filter(request.selector);
  const rest = token ? all.filter(object => keyOf(object) > token.after) : all;
  const items = request.limit > 0 ? rest.slice(0, request.limit) : rest;
  const last = items.at(-1);
  const meta: JsonObject = { resourceVersion: String(revision) };
  if (last && items.length < rest.length) {
    meta['continue'] = encode({ revision, after: keyOf(last) });
    meta['remainingItemCount'] = rest.length - items.length;
  }
  return { items, meta };
}
