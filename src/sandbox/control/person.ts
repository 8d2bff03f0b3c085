import { isObject, type Json, type JsonObject } from '../kube/json.ts';
import type { Permission, Person } from '../kube/people.ts';
import { BadControl, listIn, optionalTextIn, textIn } from './fields.ts';

function permissionOf(item: Json): Permission {
  if (!isObject(item)) throw new BadControl('may: expected a list of {verb, namespace?, name?, resource?, group?}');
  return {
    verb: textIn(item, 'verb'),
    ...optionalTextIn(item, 'namespace'),
    ...optionalTextIn(item, 'name'),
    ...optionalTextIn(item, 'resource'),
    ...optionalTextIn(item, 'group'),
  };
}

function groupOf(item: Json): string {
  if (typeof item !== 'string') throw new BadControl('groups: expected a list of names');
  return item;
}

/** Reads `{token, user, groups?, expiresAt?, may?}`. Throws for what is none. */
export function personIn(body: JsonObject): Person {
  const { expiresAt } = optionalTextIn(body, 'expiresAt');
  const expiresAtMs = expiresAt === undefined ? undefined : Date.parse(expiresAt);
  if (Number.isNaN(expiresAtMs)) throw new BadControl('expiresAt: expected a time such as 2026-11-21T14:03:10Z');
  return {
    token: textIn(body, 'token'),
    user: textIn(body, 'user'),
    groups: listIn(body, 'groups').map(groupOf),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    may: listIn(body, 'may').map(permissionOf),
  };
}
