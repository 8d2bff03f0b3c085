import { at, type Json, type JsonObject, type KubeObject, listOf, objectOf, stringOf } from './json.ts';
import type { Attempted, Identity, People } from './people.ts';
import type { Resource } from './resources.ts';
import { badRequest, invalid } from './status.ts';

/** What tokens are good for here. */
const AUDIENCE = 'https://kubernetes.default.svc.cluster.local';

function tokenStatus(spec: JsonObject, people: People): JsonObject {
  const token = stringOf(spec['token']) ?? '';
  if (token === '') throw badRequest('token is required for TokenReview in authentication');
  const wanted = listOf(spec['audiences']);
  const identity = people.identify(token);
  // false is left out by a real server too
  if (!identity) return { user: {}, error: '[invalid bearer token, token lookup failed]' };
  if (wanted.length > 0 && !wanted.includes(AUDIENCE)) {
    const audiences = `[${JSON.stringify(AUDIENCE)}] is invalid for the target audiences ${JSON.stringify(wanted)}`;
    return { user: {}, error: `token audiences ${audiences}` };
  }
  return { authenticated: true, user: userOf(identity), audiences: [AUDIENCE] };
}

function attemptedOf(attributes: JsonObject): Attempted {
  const text = (key: string) => stringOf(attributes[key]) ?? '';
  return {
    verb: text('verb'),
    group: text('group'),
    resource: text('resource'),
    subresource: text('subresource'),
    namespace: text('namespace'),
    name: text('name'),
  };
}

function subjectOf(resource: Resource, spec: JsonObject, caller: Identity): Identity {
  if (resource.kind === 'SelfSubjectAccessReview') return caller;
  const username = stringOf(spec['user']) ?? '';
  const groups = listOf(spec['groups']).flatMap(group => stringOf(group) ?? []);
  if (username === '' && groups.length === 0) {
    const message = 'Invalid value: "": at least one of user or group must be specified';
    throw invalid(resource, '', [{ reason: 'FieldValueInvalid', field: 'spec.user', message }]);
  }
  return { username, groups };
}

const userOf = ({ username, groups }: Identity): JsonObject => ({ username, uid: username, groups: [...groups] });

const isGiven = (part: Json | undefined): boolean => part !== undefined && part !== null;

function accessStatus(resource: Resource, spec: JsonObject, people: People, caller: Identity): JsonObject {
  const { resourceAttributes, nonResourceAttributes } = spec;
  if (isGiven(resourceAttributes) === isGiven(nonResourceAttributes)) {
    const message = 'Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified';
    throw invalid(resource, '', [{ reason: 'FieldValueInvalid', field: 'spec.resourceAttributes', message }]);
  }
  const subject = subjectOf(resource, spec, caller);
  const isAllowed = isGiven(resourceAttributes)
    ? people.may(subject, attemptedOf(objectOf(resourceAttributes)))
    : people.may(subject, { verb: '', group: '', resource: '', namespace: '', name: '' });
  return isAllowed ? { allowed: true, reason: 'RBAC: allowed by what the sandbox was told of this user' } : { allowed: false };
}

/** Answers a TokenReview, a SelfSubjectReview or an access review as the API server does; nothing is stored. Throws a refusal for what it would refuse. */
export function answerReview(resource: Resource, object: KubeObject, people: People, caller: Identity): JsonObject {
  if (resource.kind === 'SelfSubjectReview')
    return { ...object, metadata: { creationTimestamp: null }, status: { userInfo: userOf(caller) } };
  const spec = objectOf(at(object, 'spec'));
  const status = resource.kind === 'TokenReview' ? tokenStatus(spec, people) : accessStatus(resource, spec, people, caller);
  return { ...object, metadata: { creationTimestamp: null }, spec, status };
}
