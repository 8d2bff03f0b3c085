import type { ApprovalAnswer } from '../observation.ts';

/** Stands among the authors for somebody who is not known: then nobody can be said not to be an author. */
export const UNKNOWN_AUTHOR = '*';

/** `12345+alice@users.noreply.github.com` is how GitHub hides the address of alice. */
const HIDDEN = /^(?:\d+\+)?([^@]+)@users\.noreply\.[^@]+$/;
const TAGGED = /^([^@+]+)\+[^@]*@(.+)$/;
/** Channels that tell of somebody as a person; a group and a program have written nothing. */
const OF_PERSON = /^(?:slack|user|email):/;

/**
 * Is whoever answers one of the authors of the change (R19)? By any of their names and addresses, whatever the case, the tag
 * in an address (`alice+work@example.com`) or the prefix that an issuer of tokens puts before a name.
 */
export const isAuthor = (authors: readonly string[], { by, identities }: Pick<ApprovalAnswer, 'by' | 'identities'>): boolean => {
  const persons = identities.filter(identity => OF_PERSON.test(identity));
  if (persons.length > 0 && authors.includes(UNKNOWN_AUTHOR)) return true;
  const known = new Set(authors.flatMap(namesOf));
  return [by, ...persons, ...persons.flatMap(withoutPrefixes)].flatMap(namesOf).some(name => known.has(name));
};

/** Whether it was left open who wrote the change. */
export const areAuthorsUnknown = (authors: readonly string[]): boolean => authors.includes(UNKNOWN_AUTHOR);

/** `user:oidc:alice@example.com`: without the channel, and without what else stands before the last `:` or `#`. */
const withoutPrefixes = (identity: string): readonly string[] => [
  identity.slice(identity.indexOf(':') + 1),
  identity.slice(Math.max(identity.lastIndexOf(':'), identity.lastIndexOf('#')) + 1),
];

/** All that a name or an address is compared by; `Alice <alice@example.com>` is both. */
const namesOf = (text: string): readonly string[] => {
  const plain = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim();
  const [, name, address] = /^(.*)<([^<>]+)>$/.exec(plain) ?? [];
  const parts = name === undefined || address === undefined ? [plain] : [name.trim(), address.trim()];
  return parts.flatMap(part => [part, ...spellingsOf(part)]).filter(part => part !== '');
};

const spellingsOf = (address: string): readonly string[] => {
  const [, login] = HIDDEN.exec(address) ?? [];
  if (login !== undefined) return [login];
  const [, user, host] = TAGGED.exec(address) ?? [];
  return user === undefined ? [] : [`${user}@${host}`];
};
