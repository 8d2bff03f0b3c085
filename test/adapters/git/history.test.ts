import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findAuthors } from '../../../src/adapters/git/history.ts';
import type { Commit, Objects } from '../../../src/adapters/git/objects.ts';

const { signal } = new AbortController();
const FILE = 'a.yaml';

type Planned = {
  readonly who: string;
  readonly content: string;
  readonly onto: number;
  readonly merges: number;
  readonly laterS: number;
};
type Made = { readonly who: string; readonly content: string; readonly parents: readonly number[]; readonly atS: number };

/** Histories of commits by number; each holds one file, and the tree is named by what the file says. */
const planned = (laterS: fc.Arbitrary<number>): fc.Arbitrary<Planned[]> => {
  const who = fc.constantFrom('alice', 'bob', 'carol', 'dan');
  const content = fc.constantFrom('1', '2', '3');
  return fc.array(fc.record({ who, content, onto: fc.nat(), merges: fc.nat(), laterS }), { minLength: 2, maxLength: 14 });
};

const parentsOf = ({ onto, merges }: Planned, made: number): readonly number[] => {
  if (made === 0) return [];
  const other = onto % made;
  if (merges % 3 === 0) return [...new Set([made - 1, other])];
  return [merges % 5 === 0 ? other : made - 1];
};

const make = (plan: readonly Planned[]): readonly Made[] =>
  plan.map((each, index) => {
    const { who, content, laterS } = each;
    return { who, content, parents: parentsOf(each, index), atS: index * 10 + laterS };
  });

/** What a clone has of them that ends with the commits in `ends`. */
const objectsOf = (made: readonly Made[], ends: ReadonlySet<number> = new Set()): Objects => {
  const commitOf = (index: number): Commit | undefined => {
    const commit = made[index];
    if (commit === undefined) return undefined;
    const { who, content, parents, atS } = commit;
    const person = { name: who, email: `${who}@example.com`, timestamp: atS, timezoneOffset: 0 };
    return {
      oid: `${index}`,
      parents: ends.has(index) ? undefined : parents.map(String),
      atS,
      tree: content,
      content: { message: '', tree: content, parent: parents.map(String), author: person, committer: person },
    };
  };
  return {
    commit: async oid => commitOf(Number(oid)),
    entry: async (tree, file) => (file === FILE ? tree : undefined),
    folder: async tree => new Map([[FILE, { mode: '100644', oid: tree, isFolder: false }]]),
  };
};

const leadingTo = (made: readonly Made[], index: number): readonly number[] => [
  index,
  ...(made[index]?.parents ?? []).flatMap(parent => leadingTo(made, parent)),
];

/** Who wrote the last commit and what led to it, but not to this one; by the definition. */
const expected = (made: readonly Made[], since: number): ReadonlySet<string> => {
  const left = new Set(leadingTo(made, since));
  const range = leadingTo(made, made.length - 1).filter(index => !left.has(index));
  const changed = range.filter(index => made[index]?.parents.every(parent => made[parent]?.content !== made[index]?.content));
  return new Set(changed.flatMap(index => [made[index]?.who ?? '', `${made[index]?.who}@example.com`]));
};

const ask = (made: readonly Made[], since: number, ends?: ReadonlySet<number>) =>
  findAuthors(objectsOf(made, ends), { tip: `${made.length - 1}`, file: FILE, before: { oid: `${since}`, path: FILE } }, signal);

describe('R19: in any history', () => {
  test('the authors are those whose commits changed the file, and a file that is another one has some', async () => {
    await fc.assert(
      fc.asyncProperty(planned(fc.constant(0)), fc.nat(), async (plan, from) => {
        const made = make(plan);
        const since = from % made.length;
        const { authors, wantsMore } = await ask(made, since);
        expect([authors.missing, wantsMore]).toEqual([undefined, false]);
        const wanted = expected(made, since);
        if (wanted.size > 0) expect(new Set(authors.people)).toEqual(wanted);
        else expect(authors.people.length > 0).toBe(made.at(-1)?.content !== made[since]?.content);
      }),
      { numRuns: 400, seed: 20_26 },
    );
  });

  test('clocks that go wrong leave nobody out', async () => {
    await fc.assert(
      fc.asyncProperty(planned(fc.integer({ min: -200, max: 200 })), fc.nat(), async (plan, from) => {
        const made = make(plan);
        const since = from % made.length;
        const { authors } = await ask(made, since);
        expect(authors.people).toEqual(expect.arrayContaining([...expected(made, since)]));
      }),
      { numRuns: 400, seed: 20_26 },
    );
  });

  test('a clone that ends somewhere leaves nobody out without saying so, and who knows no better asks for more', async () => {
    await fc.assert(
      fc.asyncProperty(planned(fc.constant(0)), fc.nat(), fc.array(fc.nat({ max: 13 })), async (plan, from, cuts) => {
        const made = make(plan);
        const since = from % made.length;
        const { authors, wantsMore } = await ask(made, since, new Set(cuts));
        const wanted = expected(made, since);
        const isComplete = [...wanted].every(name => authors.people.includes(name));
        if (!isComplete) expect([wantsMore, authors.missing]).toEqual([true, expect.any(String)]);
        const isExact = isComplete && authors.people.length === wanted.size;
        if (!isExact && wanted.size > 0) expect(wantsMore).toBe(true);
      }),
      { numRuns: 400, seed: 20_26 },
    );
  });
});
