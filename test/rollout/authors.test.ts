import { describe, expect, it } from 'vitest';
import { isAuthor } from '../../src/rollout/people/authors.ts';

const ALICE = { by: 'alice', identities: ['slack:U024BE7LH', 'user:oidc:Alice@Example.com', 'email:alice@corp.example.com'] };

describe('an author of the change', () => {
  it.each([
    ['by the name in the configuration', 'Alice'],
    ['by address, whatever its case', 'ALICE@example.com'],
    ['by another address of theirs', 'alice@corp.example.com'],
    ['by an identity', 'slack:u024be7lh'],
    ['by an identity without its channel', 'U024BE7LH'],
    ['by a name with its issuer', 'oidc:alice@example.com'],
    ['by a tagged address', 'alice+laptop@example.com'],
    ['by an address that a server hides', '8812345+alice@users.noreply.github.com'],
    ['by the older form of it', 'alice@users.noreply.github.com'],
    ['as Git writes people', 'Somebody <alice@example.com>'],
    ['with other spaces', '  alice\u00a0'],
    ['in wide letters', 'ａｌｉｃｅ'],
    ['as somebody who is not known', '*'],
  ])('R19: is known %s', (_, author) => {
    expect(isAuthor(['bob', author], ALICE)).toBe(true);
  });

  it.each([
    ['nobody', ''],
    ['somebody whose name begins like it', 'alice2'],
    ['the same name at another host', 'alice@elsewhere.example.com'],
    ['a part of the address', 'example.com'],
    ['a name in a longer one', 'alice cooper'],
    ['a tag alone', 'laptop+@example.com'],
  ])('R19: is not %s', (_, author) => {
    expect(isAuthor([author], ALICE)).toBe(false);
  });

  it('R19: a group that is called like an author, and a program, are none', () => {
    expect(isAuthor(['release', 'ci'], { by: 'bob', identities: ['user:bob', 'group:release', 'group:ci'] })).toBe(false);
    expect(isAuthor(['*', 'change-board'], { by: 'webhook:change-board', identities: ['webhook:change-board'] })).toBe(false);
  });
});
