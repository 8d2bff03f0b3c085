import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { folded, lineDiff, yamlLines } from '../../src/dashboard/mesh.js';

describe('an object of the mesh', () => {
  it('is written as people write it', () => {
    const route = [{ destination: { host: 'forecast', subset: 'v1' }, weight: 80 }];
    expect(yamlLines({ kind: 'VirtualService', spec: { http: [{ name: 'primary', route, headers: {} }], hosts: [] } })).toEqual([
      'kind: VirtualService',
      'spec:',
      '  http:',
      '  - name: primary',
      '    route:',
      '    - destination:',
      '        host: forecast',
      '        subset: v1',
      '      weight: 80',
      '    headers: {}',
      '  hosts: []',
    ]);
  });

  it('is read again as the same object', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.constantFrom('1', 'yes', 'true', '~', '- a', 'a: b', ' a', '#', '{}', '*', '0x1f', '1e3', '.inf', '=', '<<'),
    );
    const { value } = fc.letrec(tie => ({
      value: fc.oneof({ maxDepth: 4 }, texts, fc.integer(), fc.boolean(), fc.constant(null), tie('list'), tie('map')),
      list: fc.array(tie('value'), { maxLength: 3 }),
      map: fc.dictionary(
        texts.filter(key => key !== '__proto__'),
        tie('value'),
        { maxKeys: 3 },
      ),
    }));
    fc.assert(
      fc.property(value, object => {
        expect(parse(yamlLines(object).join('\n'))).toEqual(object);
      }),
      { numRuns: 300 },
    );
  });
});

const textOf = (lines: readonly { sign: string; text: string }[], sign: string) =>
  lines.filter(line => line.sign === ' ' || line.sign === sign).map(({ text }) => text);

describe('the difference of two objects', () => {
  it('of large objects is there in time', () => {
    const large = Array.from({ length: 30_000 }, (_, at) => `line ${at}`);
    const changed = large.map((line, at) => (at === 15_000 ? 'another' : line));
    expect(lineDiff(large, changed).filter(({ sign }) => sign !== ' ')).toEqual([
      { sign: '-', text: 'line 15000' },
      { sign: '+', text: 'another' },
    ]);
    const others = large.map(line => `${line}!`);
    expect(textOf(lineDiff(large, others), '+')).toEqual(others);
  });

  it('is the lines that go and come', () => {
    expect(lineDiff(['a', 'weight: 80', 'b'], ['a', 'weight: 50', 'b', 'c'])).toEqual([
      { sign: ' ', text: 'a' },
      { sign: '-', text: 'weight: 80' },
      { sign: '+', text: 'weight: 50' },
      { sign: ' ', text: 'b' },
      { sign: '+', text: 'c' },
    ]);
  });

  it('holds both objects', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 });
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const diff = lineDiff(before, after);
        expect([textOf(diff, '-'), textOf(diff, '+')]).toEqual([before, after]);
      }),
      { numRuns: 300 },
    );
  });

  it('leaves out what is far from any change, and says how much that is', () => {
    const same = Array.from({ length: 20 }, (_, line) => `line ${line}`);
    const shown = folded(lineDiff([...same, 'x'], [...same, 'y']));
    expect(shown[0]).toEqual({ skipped: 17 });
    expect(shown.slice(1).map(line => ('sign' in line ? `${line.sign}${line.text}` : ''))).toEqual([
      ' line 17',
      ' line 18',
      ' line 19',
      '-x',
      '+y',
    ]);
    expect(folded(lineDiff(same, same))).toEqual([{ skipped: 20 }]);
  });
});
