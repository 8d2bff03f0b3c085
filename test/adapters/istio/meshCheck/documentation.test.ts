import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MESH_CHECKS, type MeshCheck } from '../../../../src/adapters/istio/meshCheck/checks.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../../../docs/mesh-checks.md'), 'utf8');

const sectionOf = ([code, { severity, istio, reads, meaning, mend }]: readonly [string, MeshCheck]): string =>
  [
    `### ${code}`,
    `${severity}${istio === undefined ? '' : `, \`${istio}\``}; reads ${reads.join(', ')}`,
    meaning,
    `To mend it: ${mend}`,
  ].join('\n\n');

describe('docs/mesh-checks.md', () => {
  it('R13: has the checks of the code, each under its code, in that order', () => {
    const [, checks = ''] = page.split('## The checks\n');
    expect(checks.trim()).toBe(Object.entries(MESH_CHECKS).map(sectionOf).join('\n\n'));
  });

  it('R13: says of each error why it is one', () => {
    const [, after = ''] = page.split('## What is an error, and what is not\n');
    const explained = (after.split('\n## ')[0] ?? '')
      .split('\n')
      .filter(line => line.startsWith('- '))
      .flatMap(line => [...(line.split(': ')[0] ?? '').matchAll(/`(\w+)`/g)].map(([, code]) => code));
    const errors = Object.entries(MESH_CHECKS).flatMap(([code, { severity }]) => (severity === 'error' ? [code] : []));
    expect(explained.sort()).toEqual(errors.sort());
  });
});
