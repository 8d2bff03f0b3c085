import { at, type JsonObject, type KubeObject, objectOf, stringOf } from './json.ts';

/** Who a bearer token belongs to. */
export interface Identity {
  readonly username: string;
  readonly groups: readonly string[];
}

/** Looks a token up; undefined for unknown ones. */
export type Identify = (token: string) => Identity | undefined;

/** Answers a TokenReview or an access review: whoever has a valid token may do everything. */
export function answerReview(kind: string, object: KubeObject, identify: Identify): JsonObject {
  if (kind !== 'TokenReview')
    return { ...object, status: { allowed: true, reason: 'the sandbox allows everything to whoever is authenticated' } };
  const identity = identify(stringOf(at(object, 'spec', 'token')) ?? '');
  const status: JsonObject = identity
    ? { authenticated: true, user: { username: identity.username, uid: identity.username, groups: [...identity.groups] } }
    : { authenticated: false, error: 'invalid bearer token' };
  return { ...object, spec: objectOf(object['spec']), status };
}
