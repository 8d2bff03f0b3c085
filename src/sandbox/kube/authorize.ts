import type { Identity, People } from './people.ts';
import type { Target } from './request.ts';
import { forbidden } from './status.ts';

const VERBS: { readonly [method: string]: string } = { POST: 'create', PUT: 'update', PATCH: 'patch' };

const SELF_REVIEWS = ['SelfSubjectAccessReview', 'SelfSubjectReview'];

/** What a request does, in the words of roles. */
export function verbOf(method: string | undefined, { name }: Target, query: URLSearchParams): string {
  if (method === 'DELETE') return name ? 'delete' : 'deletecollection';
  const isWatched = /^(true|1)$/.test(query.get('watch') ?? '');
  return VERBS[method ?? ''] ?? (isWatched ? 'watch' : name ? 'get' : 'list');
}

/** Throws 403 without the right; who they are and what they may do, everybody may ask. */
export function authorize(people: People, caller: Identity, verb: string, target: Target): void {
  const { resource, subresource, namespace, name } = target;
  if (SELF_REVIEWS.includes(resource.kind)) return;
  const what = { verb, group: resource.group, resource: resource.plural, subresource, namespace, name };
  if (!people.may(caller, what)) throw forbidden(resource, what, caller.username);
}
