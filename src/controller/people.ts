import { oneLine } from '../rollout/index.ts';

/** A person and the names by which channels know them. */
export type Person = {
  readonly name: string;
  readonly slack?: string | undefined;
  readonly user?: string | undefined;
  readonly emails?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
};

/** Who somebody is, whatever the channel they came by. */
export type Identified = {
  /** How the person is counted and shown: the name in the configuration, else the identity itself. */
  readonly by: string;
  /** All that stands for this person: `slack:...`, `user:...`, `group:...`, `webhook:...`, `email:...`. */
  readonly identities: readonly string[];
};

/** Knows people by what a channel has proved. */
export type Directory = (identity: string, groups: readonly string[]) => Identified;

/** An issuer of tokens may call people what it likes; what is shown is one line. */
const LONGEST_IDENTITY = 253;

const USER = 'user:';

/** Addresses are the same whatever their case. */
const userOf = (email: string): string => `${USER}${email.includes('@') ? email.toLowerCase() : email}`;

/** Several identities of one person are one person, so that nobody is counted twice (R19). */
export const createDirectory = (people: readonly Person[]): Directory => {
  const known = new Map<string, Person>();
  // An issuer of tokens often takes the address for the name; who is called so in so many words comes before that.
  for (const person of people) for (const email of person.emails ?? []) known.set(userOf(email), person);
  for (const person of people) {
    if (person.slack !== undefined) known.set(`slack:${person.slack}`, person);
    if (person.user !== undefined) known.set(`user:${person.user}`, person);
  }
  return (identity, groups) => {
    const proven = [identity, ...groups.map(group => `group:${group}`)];
    const person =
      known.get(identity) ?? (identity.startsWith(USER) ? known.get(userOf(identity.slice(USER.length))) : undefined);
    if (person === undefined) return { by: oneLine(identity, LONGEST_IDENTITY), identities: proven };
    const { name, slack, user, emails = [], groups: own = [] } = person;
    return {
      by: name,
      identities: [
        ...new Set([
          ...proven,
          ...(slack === undefined ? [] : [`slack:${slack}`]),
          ...(user === undefined ? [] : [`user:${user}`]),
          ...own.map(group => `group:${group}`),
          ...emails.map(email => `email:${email}`),
          ...emails.filter(email => known.get(userOf(email)) === person).map(email => `${USER}${email}`),
        ]),
      ],
    };
  };
};
