import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { settingsSchema } from '../../src/config/settings.ts';
import { settings, tableLines } from './settingsTable.ts';

const text = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

describe('docs/configuration.md', () => {
  it('lists every setting with its default, meaning and state', () => {
    expect(text.split('\n').filter(line => /^\| `[a-z][\w.[\]]*` \|.*\| (?:now|later) \|$/i.test(line))).toEqual(tableLines());
  });

  it('explains each of them', () => {
    expect(settings().filter(({ meaning }) => meaning === '')).toEqual([]);
  });

  it('shows a file that the schema accepts', () => {
    const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(text) ?? [];
    expect(settingsSchema.safeParse(parse(example))).toMatchObject({ success: true });
  });
});
