import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { KNOWN_ERRORS } from '../../../src/adapters/slack/failure.ts';

it('docs/slack.md says what to do about every error of Slack that is known', async () => {
  const text = await readFile(new URL('../../../docs/slack.md', import.meta.url), 'utf8');
  const named = new Set([...text.matchAll(/`([a-z0-9_]+)`/g)].map(([, name]) => name));
  expect(KNOWN_ERRORS.filter(code => !named.has(code))).toEqual([]);
});
