/** Who a bearer token belongs to. */
export interface Identity {
  readonly username: string;
  readonly groups: readonly string[];
}

/** What somebody may do; as a rule of a ClusterRole that is bound in one namespace, or in all. `*` is everything. */
export interface Permission {
  readonly verb: string;
  /** Absent: in all namespaces. */
  readonly namespace?: string;
  /** Absent: all objects. */
  readonly name?: string;
  /** Default `rollouts`. */
  readonly resource?: string;
  /** Default `sluice.dev`. */
  readonly group?: string;
}

/** Somebody with a token. */
export interface Person {
  readonly token: string;
  readonly user: string;
  readonly groups: readonly string[];
  /** The token is worth nothing from then on. */
  readonly expiresAtMs?: number;
  readonly may: readonly Permission[];
}

/** What is asked for; the attributes of a SubjectAccessReview. */
export interface Attempted {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace: string;
  readonly name: string;
}

/** Tokens and what their owners may do. */
export interface People {
  /** Adds somebody, or replaces who had this token. */
  set(person: Person): void;
  /** False when nobody has the token. */
  remove(token: string): boolean;
  /** Looks a token up; undefined for unknown and expired ones. */
  identify(token: string): Identity | undefined;
  may(who: Identity, what: Attempted): boolean;
}

const EVERYBODY = 'system:authenticated';
const ADMINISTRATORS = 'system:masters';

const isOr = (pattern: string, value: string) => pattern === '*' || pattern === value;

function allows(rule: Permission, what: Attempted): boolean {
  const resource = what.subresource ? `${what.resource}/${what.subresource}` : what.resource;
  return (
    isOr(rule.verb, what.verb) &&
    isOr(rule.group ?? 'sluice.dev', what.group) &&
    isOr(rule.resource ?? 'rollouts', resource) &&
    (rule.namespace === undefined || rule.namespace === what.namespace) &&
    (rule.name === undefined || rule.name === what.name)
  );
}

/** Knows the administrator by this token at first, and nobody else. */
export function createPeople(adminToken: string, nowMs: () => number): People {
  const people = new Map<string, Person>();
  const admin: Identity = { username: 'sandbox-admin', groups: [ADMINISTRATORS, EVERYBODY] };
  return {
    set: person => void people.set(person.token, person),
    remove: token => people.delete(token),
    identify: token => {
      if (token === adminToken) return admin;
      const person = people.get(token);
      if (!person || (person.expiresAtMs !== undefined && person.expiresAtMs <= nowMs())) return undefined;
      return { username: person.user, groups: [...person.groups.filter(group => group !== EVERYBODY), EVERYBODY] };
    },
    may: (who, what) =>
      who.groups.includes(ADMINISTRATORS) ||
      [...people.values()].some(({ user, may }) => user === who.username && may.some(rule => allows(rule, what))),
  };
}
