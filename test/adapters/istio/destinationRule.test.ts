import { describe, expect, it } from 'vitest';
import {
  addSubset,
  ruleCovers,
  SUBSETS_ANNOTATION,
  SubsetTakenError,
  subsetsByVersion,
  versionOfSubset,
} from '../../../src/adapters/istio/destinationRule.ts';
import { fieldsOf, listOf } from '../../../src/adapters/istio/resource.ts';
import { applyPatch } from './applyPatch.ts';
import { destinationRule, REVIEWS_RULE } from './samples.ts';

describe('subsets', () => {
  const rule = destinationRule(`
host: reviews
subsets:
- {name: canary-debug, labels: {version: v2, debug: "true"}}
- {name: canary, labels: {version: v2}}
- {name: everything}
- {name: v3, labels: {version: v3, zone: a}}
- {name: other-label, labels: {release: v4}}`);

  it('are found by the version that their labels select', () => {
    expect([...subsetsByVersion(rule, 'version')]).toEqual([
      ['v2', 'canary'],
      ['v3', 'v3'],
    ]);
    expect([...subsetsByVersion(rule, 'release')]).toEqual([['v4', 'other-label']]);
  });

  it('stand for a version, else for their own name', () => {
    const versionOf = versionOfSubset(rule, 'version');
    expect(['canary', 'canary-debug', 'everything', 'unknown'].map(versionOf)).toEqual(['v2', 'v2', 'everything', 'unknown']);
    expect(versionOfSubset(undefined, 'version')('v1')).toBe('v1');
  });
});

describe('adding a subset', () => {
  it('R27: appends it, lists it in the annotation and leaves the rest as it is', () => {
    const written = applyPatch(REVIEWS_RULE, addSubset(REVIEWS_RULE, 'version', 'v4'));
    const before = fieldsOf(REVIEWS_RULE.spec);
    expect(written.spec).toEqual({
      ...before,
      subsets: [...listOf(before['subsets']), { name: 'v4', labels: { version: 'v4' } }],
    });
    expect(written.metadata?.annotations).toEqual({ [SUBSETS_ANNOTATION]: '["v4"]' });
    const next = applyPatch(written, addSubset(written, 'version', 'v5'));
    expect(next.metadata?.annotations).toEqual({ [SUBSETS_ANNOTATION]: '["v4","v5"]' });
  });

  it('makes the list of subsets when there is none', () => {
    const rule = destinationRule('host: reviews', { annotations: { [SUBSETS_ANNOTATION]: 'broken' } });
    const written = applyPatch(rule, addSubset(rule, 'release', 'v1'));
    expect(fieldsOf(written.spec)['subsets']).toEqual([{ name: 'v1', labels: { release: 'v1' } }]);
    expect(written.metadata?.annotations).toEqual({ [SUBSETS_ANNOTATION]: '["v1"]' });
  });

  it('does nothing when there is one for the version, under any name', () => {
    expect(addSubset(REVIEWS_RULE, 'version', 'v2')).toEqual([]);
    expect(
      addSubset(destinationRule('{host: reviews, subsets: [{name: canary, labels: {version: v2}}]}'), 'version', 'v2'),
    ).toEqual([]);
  });

  it('refuses a name that is taken by a subset of other pods', () => {
    const rule = destinationRule('{host: reviews, subsets: [{name: v2, labels: {version: v1}}]}');
    expect(() => addSubset(rule, 'version', 'v2')).toThrow(SubsetTakenError);
  });

  it('tests what was there and carries the resource version', () => {
    const operations = addSubset(REVIEWS_RULE, 'version', 'v4');
    expect(operations).toContainEqual({ op: 'test', path: '/spec/subsets/2/name', value: 'v3' });
    expect(operations).toContainEqual({ op: 'test', path: '/spec/host', value: 'reviews' });
    expect(operations).toContainEqual({ op: 'replace', path: '/metadata/resourceVersion', value: '7' });
  });
});

describe('the host of a rule', () => {
  it.each([
    ['reviews', true],
    ['reviews.bookinfo.svc.cluster.local', true],
    ['*.bookinfo.svc.cluster.local', true],
    ['*.local', true],
    ['*', true],
    ['ratings', false],
    ['*.example.com', false],
    ['reviews.other.svc.cluster.local', false],
  ])('%s covers reviews: %s', (host, covers) => {
    expect(ruleCovers(destinationRule(`host: "${host}"`), 'reviews.bookinfo.svc.cluster.local')).toBe(covers);
  });
});
