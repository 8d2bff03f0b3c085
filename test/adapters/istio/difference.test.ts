import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { difference } from '../../../src/adapters/istio/difference.ts';
import { applyPatch } from './applyPatch.ts';

const leaf = fc.oneof(fc.constantFrom(0, 1, true, 'a', 'b~/', null));
const { value } = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'value' },
    leaf,
    fc.array(tie('value'), { maxLength: 3, depthIdentifier: 'value' }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c/~'), tie('value'), { maxKeys: 3, depthIdentifier: 'value' }),
  ),
}));

const paths = (before: unknown, after: unknown): readonly string[] =>
  difference(before, after, ['spec']).flatMap(({ op, path }) => (op === 'test' ? [] : [`${op} ${path}`]));

describe('the difference of two values', () => {
  it('R27: turns one into the other, and is empty between equal ones', () => {
    fc.assert(
      fc.property(value, value, (before, after) => {
        const operations = difference(before, after, ['spec']);
        // all tests first, as the patch has them: they are about what was read
        const ordered = [...operations.filter(({ op }) => op === 'test'), ...operations.filter(({ op }) => op !== 'test')];
        expect(applyPatch({ spec: before }, ordered)).toEqual({ spec: after });
        expect(difference(after, structuredClone(after), ['spec'])).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('R27: touches nothing that is equal in both', () => {
    expect(paths({ a: { b: 1, c: 2 } }, { a: { c: 2, b: 3 }, d: 4 })).toEqual(['replace /spec/a/b', 'add /spec/d']);
    expect(paths([1, 2, 3], [1, 3])).toEqual(['remove /spec/1']);
    expect(paths([1, 2, 3, 4], [4])).toEqual(['remove /spec/2', 'remove /spec/1', 'remove /spec/0']);
    expect(paths([1, 4], [1, 2, 3, 4])).toEqual(['add /spec/1', 'add /spec/2']);
    expect(paths([{ a: 1 }], [{ a: 2 }, { b: 1 }])).toEqual(['replace /spec/0/a', 'add /spec/-']);
  });
});
