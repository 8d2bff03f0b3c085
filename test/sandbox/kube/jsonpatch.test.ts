import { describe, expect, it } from 'vitest';
import { applyJsonPatch, PatchError } from '../../../src/sandbox/kube/jsonpatch.ts';

const document = { a: { 'x/y': 1, 'm~n': 2 }, list: [1, 2, 3], none: null };

describe('JSON Patch (RFC 6902)', () => {
  it.each([
    ['adds a member', [{ op: 'add', path: '/b', value: 4 }], { ...document, b: 4 }],
    ['inserts into a list', [{ op: 'add', path: '/list/1', value: 9 }], { ...document, list: [1, 9, 2, 3] }],
    ['appends to a list', [{ op: 'add', path: '/list/-', value: 9 }], { ...document, list: [1, 2, 3, 9] }],
    ['removes', [{ op: 'remove', path: '/list/0' }], { ...document, list: [2, 3] }],
    ['replaces with escapes', [{ op: 'replace', path: '/a/x~1y', value: 5 }], { ...document, a: { 'x/y': 5, 'm~n': 2 } }],
    ['moves', [{ op: 'move', from: '/list/0', path: '/first' }], { ...document, list: [2, 3], first: 1 }],
    ['copies', [{ op: 'copy', from: '/a/m~0n', path: '/list/0' }], { ...document, list: [2, 1, 2, 3] }],
    ['tests and goes on', [{ op: 'test', path: '/a', value: { 'm~n': 2, 'x/y': 1 } }], document],
    ['tests null', [{ op: 'test', path: '/none', value: null }], document],
  ])('%s', (_name, patch, expected) => {
    expect(applyJsonPatch(document, patch)).toEqual(expected);
  });

  it.each([
    ['a test that does not hold', [{ op: 'test', path: '/list/0', value: 2 }]],
    ['a test of a missing member', [{ op: 'test', path: '/missing', value: 1 }]],
    ['a replace of a missing member', [{ op: 'replace', path: '/missing', value: 1 }]],
    ['a remove of a missing member', [{ op: 'remove', path: '/list/7' }]],
    ['an add below a missing parent', [{ op: 'add', path: '/missing/x', value: 1 }]],
    ['an index out of range', [{ op: 'add', path: '/list/5', value: 1 }]],
    ['an unknown operation', [{ op: 'poke', path: '/list' }]],
    ['a bad pointer', [{ op: 'remove', path: 'list' }]],
  ])('refuses %s and changes nothing', (_name, patch) => {
    const copy = structuredClone(document);
    expect(() => applyJsonPatch(copy, [{ op: 'add', path: '/b', value: 1 }, ...patch])).toThrow(PatchError);
    expect(copy).toEqual(document);
  });
});
