import { describe, expect, it } from 'vitest';
import { createDirectory, type Person } from '../../src/controller/people.ts';

const ALICE: Person = {
  name: 'alice',
  slack: 'U024BE7LH',
  user: 'alice@example.com',
  emails: ['alice@example.com', 'alice@home.example.com'],
  groups: ['release'],
};
const who = createDirectory([ALICE, { name: 'bob', slack: 'U0B0B' }]);

describe('people', () => {
  it('R19: whichever channel somebody comes by, they are one person with all their identities', () => {
    const bySlack = who('slack:U024BE7LH', []);
    const byToken = who('user:alice@example.com', []);
    expect(bySlack.by).toBe('alice');
    expect(byToken.by).toBe('alice');
    expect([...bySlack.identities].sort()).toEqual([
      'email:alice@example.com',
      'email:alice@home.example.com',
      'group:release',
      'slack:U024BE7LH',
      'user:alice@example.com',
      'user:alice@home.example.com',
    ]);
    expect(new Set(byToken.identities)).toEqual(new Set(bySlack.identities));
  });

  it('R19: a user whose name is an address of a person is that person, whatever its case', () => {
    const dan = createDirectory([
      { name: 'dan', slack: 'UDAN', emails: ['Dan@example.com', 'erin@example.com'] },
      { name: 'erin', user: 'erin@example.com' },
    ]);
    expect(dan('slack:UDAN', []).by).toBe('dan');
    expect(dan('user:dan@example.com', []).by).toBe('dan');
    expect(dan('user:DAN@example.com', []).by).toBe('dan');
    expect(dan('slack:UDAN', []).identities).toContain('user:Dan@example.com');
    expect(dan('slack:UDAN', []).identities).not.toContain('user:erin@example.com');
    expect(dan('user:erin@example.com', []).by, 'the name of a user comes first').toBe('erin');
    expect(dan('webhook:dan@example.com', []).by).toBe('webhook:dan@example.com');
    expect(dan('user:oidc:dan@example.com', []).by, 'another issuer').toBe('user:oidc:dan@example.com');
  });

  it('R19: groups that a channel vouches for come on top', () => {
    expect(who('user:alice@example.com', ['sre']).identities).toContain('group:sre');
    expect(who('slack:U0B0B', []).identities).toEqual(['slack:U0B0B']);
  });

  it('R19: who is not known counts alone, as what was proved', () => {
    expect(who('user:carol@example.com', ['release'])).toEqual({
      by: 'user:carol@example.com',
      identities: ['user:carol@example.com', 'group:release'],
    });
  });

  it.each([
    ['a name of somebody in another channel', 'webhook:alice'],
    ['the name alone', 'alice'],
    ['the identity of another channel', 'user:U024BE7LH'],
    ['another case', 'slack:u024be7lh'],
    ['an identity with something before it', 'user:slack:U024BE7LH'],
    ['what every object has', 'constructor'],
  ])('R19: %s is not that person', (_, identity) => {
    expect(who(identity, [])).toEqual({ by: identity, identities: [identity] });
  });

  it('R19: a person whose name is the identity of another gets nothing of theirs', () => {
    const sly = createDirectory([{ name: 'user:alice@example.com', slack: 'U0S1Y' }]);
    expect(sly('slack:U0S1Y', [])).toEqual({ by: 'user:alice@example.com', identities: ['slack:U0S1Y'] });
  });

  it('R19: names that an issuer makes up are shown in one line, and compared as they are', () => {
    const [odd, long] = ['user:eve\n\u001b[2Jadmin', `user:${'x'.repeat(1_000)}`];
    expect(who(odd, [])).toEqual({ by: 'user:eve [2Jadmin', identities: [odd] });
    expect(who(long, []).by).toHaveLength(253);
  });
});
