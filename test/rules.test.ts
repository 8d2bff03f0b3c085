import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Names of tests: the first argument of `it`, `describe` and their tables, whatever the quotes. */
const NAME = /\b(?:it|describe|test)(?:\.each\([^`'"]*?\))?\(\s*(?:'((?:[^'\\]|\\.)*)'|`([^`]*)`|"((?:[^"\\]|\\.)*)")/g;

const testFiles = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter(
  file => file.endsWith('.test.ts') && file !== 'rules.test.ts',
);
const scenarios = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter(file => /scenarios\/.*\.yaml$/.test(file));

const namesIn = (file: string): readonly string[] =>
  [...readFileSync(join('test', file), 'utf8').matchAll(NAME)].map(
    ([, single, template, double]) => single ?? template ?? double ?? '',
  );

const rules = [...readFileSync('docs/rules.md', 'utf8').matchAll(/^\| (R\d+) \|/gm)].map(([, rule = '']) => rule);

const rulesIn = (text: string): readonly string[] => {
  const ranges = [...text.matchAll(/\bR(\d+)(?: to |–|-)R?(\d+)\b/g)].flatMap(([, from, to]) =>
    Array.from({ length: Math.max(0, Number(to) - Number(from) + 1) }, (_, i) => `R${Number(from) + i}`),
  );
  return [...(text.match(/\bR\d+\b/g) ?? []), ...ranges];
};

describe('the rules', () => {
  const tested = new Set([
    ...testFiles.flatMap(namesIn).flatMap(rulesIn),
    ...scenarios.flatMap(file => rulesIn(/^rules:.*$/m.exec(readFileSync(join('test', file), 'utf8'))?.[0] ?? '')),
  ]);

  it('are numbered without a gap', () => {
    expect(rules).toEqual(Array.from({ length: rules.length }, (_, i) => `R${i + 1}`));
    expect(rules.length).toBe(37);
  });

  it.each(rules)('%s is named by a test', rule => {
    expect([...tested]).toContain(rule);
  });

  it('are the only ones that tests name', () => {
    expect([...tested].filter(rule => !rules.includes(rule))).toEqual([]);
  });
});
