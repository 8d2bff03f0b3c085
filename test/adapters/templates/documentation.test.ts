import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkMessageTemplate } from '../../../src/adapters/templates/messageCheck.ts';
import { MESSAGE_NAMES } from '../../../src/adapters/templates/messageNames.ts';
import { MESSAGE_KINDS } from '../../../src/rollout/index.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../../docs/templates.md'), 'utf8');
const section = (title: string): string => page.split(`## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
const codeIn = (text: string): readonly string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
const rows = (title: string): readonly (readonly string[])[] =>
  [...section(title).matchAll(/^\| (`.*?) \|(.*)\|$/gm)].map(([, first = '', rest = '']) => [first, rest]);

describe('docs/templates.md', () => {
  it('has the kinds of messages', () => {
    expect(rows('Kinds').map(([first = '']) => codeIn(first)[0])).toEqual([...MESSAGE_KINDS]);
  });

  it('has the names, and the fields of lists', () => {
    const named = rows('Names').filter(([first = '']) => !first.includes('{{'));
    const names = named.flatMap(([first = '']) => codeIn(first));
    expect([...names].sort()).toEqual(Object.keys(MESSAGE_NAMES).sort());
    for (const [name, shape] of Object.entries(MESSAGE_NAMES)) {
      if (typeof shape === 'string' || shape.each === 'text') continue;
      const [, meaning = ''] = named.find(([first = '']) => codeIn(first).includes(name)) ?? [];
      expect(codeIn(meaning)).toEqual(expect.arrayContaining(Object.keys(shape.each)));
    }
  });

  it('shows templates that can be used', () => {
    const shown = [...page.matchAll(/^```hbs\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
    const inline = codeIn(section('Names')).filter(code => code.includes('{{#if until}}'));
    expect(shown.length + inline.length).toBe(2);
    for (const template of [...shown, ...inline]) expect(checkMessageTemplate(template)).toEqual([]);
  });
});
