import { describe, expect, it } from 'vitest';
import { ruleHolds } from '../../../src/sandbox/kube/cel.ts';

const self = { a: 1, b: 'text', list: [1, 2, 3], inner: { on: true, off: false } };

describe('validation rules (CEL)', () => {
  it.each([
    'has(self.a) && !has(self.z)',
    'has(self.a) != has(self.z)',
    "self.b == 'text' || self.missing",
    '[has(self.a), has(self.b), has(self.z)].filter(x, x).size() == 2',
    'self.list.all(x, x > 0) && self.list.exists(x, x == 3) && self.list.exists_one(x, x >= 3)',
    'self.list.map(x, x + 1) == [2, 3, 4]',
    'size(self.list) == 3 && self.b.size() <= 4',
    "self.b in ['text', 'other'] && 'on' in self.inner",
    "self.b.matches('^t.*t$') && self.b.startsWith('te') && self.b.endsWith('xt') && self.b.contains('ex')",
    'self.inner.on ? self.a - 1 == 0 : false',
    'self.list[1] == 2 && self.a < 2 && -1 < self.a',
    'self.z == oldSelf.z',
    'this is not a rule',
  ])('keeps %s', rule => {
    expect(ruleHolds(rule, self)).toBe(true);
  });

  it.each([
    'has(self.z)',
    'self.inner.off',
    '!has(self.a)',
    'self.a >= 2',
    'self.list.size() > 3 || has(self.z)',
    "self.b == 'other'",
  ])('breaks %s', rule => {
    expect(ruleHolds(rule, self)).toBe(false);
  });
});
