import type { CommitObject } from 'isomorphic-git';

type Person = { readonly name: string; readonly email: string };

/** Longer ones are no names of people. */
const MOST_CHARACTERS = 200;
const MOST_PEOPLE = 20;

/** A Git server that commits in place of the person who pressed a button there: web-flow of GitHub, for one. */
const SERVER = /^(no-?reply|[a-z]+-no-?reply)@/i;
const CO_AUTHOR = /^[ \t]*co-authored-by:([^<\n]*)<([^>\n]*)>/gim;

/**
 * Who wrote a commit: its author, those whom its message names as co-authors, and who made it of the author's work, unless
 * that was a Git server.
 */
export function peopleOf({ author, committer, message }: CommitObject): readonly Person[] {
  const named = [...message.matchAll(CO_AUTHOR)].map(([, name = '', email = '']) => ({ name, email }));
  return [author, ...(SERVER.test(committer.email.trim()) ? [] : [committer]), ...named]
    .map(({ name, email }) => ({ name: cleaned(name), email: cleaned(email) }))
    .filter(({ name, email }) => name !== '' || email !== '');
}

/** Control characters and what would only make it long never help to know somebody. */
function cleaned(text: string): string {
  return text.replace(/\p{C}/gu, '').trim().normalize('NFC').slice(0, MOST_CHARACTERS);
}

/** Names and addresses of these people, each once; `isCut` when there are more people than are kept. */
export function namesOf(people: readonly Person[]): { readonly names: readonly string[]; readonly isCut: boolean } {
  const distinct = firstOf(people, ({ name, email }) => `${name}\n${email}`);
  const names = distinct.slice(0, MOST_PEOPLE).flatMap(({ name, email }) => [name, email]);
  return { names: firstOf(names, name => name).filter(name => name !== ''), isCut: distinct.length > MOST_PEOPLE };
}

/** Of those that are the same in small letters the first one. */
function firstOf<T>(items: readonly T[], textOf: (item: T) => string): readonly T[] {
  const first = new Map<string, T>();
  for (const item of items) {
    const text = textOf(item).toLowerCase();
    if (!first.has(text)) first.set(text, item);
  }
  return [...first.values()];
}
