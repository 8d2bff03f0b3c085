import { randomBytes, randomUUID } from 'node:crypto';
import type { KubeObject } from './json.ts';
import type { Resource } from './resources.ts';
import * as status from './status.ts';

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** Now, as the API writes times: whole seconds, UTC. */
export const nowText = () => `${new Date().toISOString().slice(0, 19)}Z`;

const freeName = (base: string) => `${base}${randomBytes(4).toString('hex').slice(0, 5)}`;

/** Gives a new object its name, uid, creation time and first generation. Throws 422 for a missing or malformed name. */
export function identify(resource: Resource, namespace: string, object: KubeObject): KubeObject {
  const generated = object.metadata['generateName'];
  const name = object.metadata.name || (typeof generated === 'string' && generated ? freeName(generated) : '');
  const field = 'metadata.name';
  if (!name) {
    throw status.invalid(resource, '', [
      { reason: 'FieldValueRequired', field, message: 'Required value: name or generateName is required' },
    ]);
  }
  if (!resource.group.startsWith('rbac') && !NAME.test(name)) {
    throw status.invalid(resource, name, [
      { reason: 'FieldValueInvalid', field, message: `Invalid value: ${JSON.stringify(name)}: ${NAME_RULE}` },
    ]);
  }
  const { resourceVersion: _, managedFields: _m, deletionTimestamp: _d, selfLink: _s, ...metadata } = object.metadata;
  const counted = resource.custom || resource.group === 'apps' || resource.hasStatus;
  return {
    ...object,
    metadata: {
      ...metadata,
      name,
      ...(resource.namespaced ? { namespace } : {}),
      uid: randomUUID(),
      creationTimestamp: nowText(),
      ...(counted ? { generation: 1 } : {}),
    },
  };
}
