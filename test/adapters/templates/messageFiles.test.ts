import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkMessageTemplate } from '../../../src/adapters/templates/messageCheck.ts';
import { builtInFolder, builtInTemplates, problemLine, readTemplates } from '../../../src/adapters/templates/messageFiles.ts';
import { MESSAGE_KINDS } from '../../../src/rollout/index.ts';

const faults = (template: string): readonly string[] =>
  checkMessageTemplate(template).map(({ line, column, message }) => `${line}:${column} ${message}`);

describe('checking a template of a message', () => {
  it.each([
    ['{{name}}\n  {{namee}}', '2:5 "namee" is unknown; did you mean "name"?'],
    ['{{why}}', '1:3 "why" is a list, expected {{#each why}}...{{/each}}'],
    ['{{#each name}}{{/each}}', '1:9 "name" is no list'],
    ['{{#each todo}}{{name}}{{/each}}', '1:17 "name" is unknown; known are command, text'],
    ['{{link name name}}', '1:13 "name" is no URL'],
    ['{{bold}}', '1:1 "bold" needs one value'],
    ['{{upper name}}', '1:1 "upper" is not a function; there are bold, code, link'],
    ['{{#with name}}{{/with}}', '1:1 the block "with" does not exist; there are if, unless, each'],
    ['{{> other}}', '1:1 partials and decorators cannot be used'],
    ['a\n{{#if name}}b', '2:1 unexpected end of the text: is a closing block missing?'],
    ['a\nb {{name', '2:3 unexpected character or end of the text: is "}}" missing?'],
  ])('%j: %s', (template, expected) => {
    expect(faults(template)).toEqual([expected]);
  });

  it.each([
    ...[
      'constructor',
      '__proto__',
      'toString',
      'name.length',
      'this',
      '../name',
      '@root',
      '@root.name',
      'lookup',
      'why.[0]',
      'why.0',
    ],
    ...['__lookupGetter__', 'name.constructor', 'todo.0.text', 'hasOwnProperty', 'valueOf', '[__proto__]', 'log'],
  ])('gives no way to %s', name => {
    expect(faults(`{{${name}}}`)).toHaveLength(1);
    expect(faults(`{{{${name}}}}`)).toHaveLength(1);
    expect(faults(`{{bold ${name}}}`)).toHaveLength(1);
    expect(faults(`{{#if ${name}}}x{{/if}}`)).toHaveLength(1);
    expect(faults(`{{#each why}}{{#if ${name === 'this' ? '@key' : name}}}x{{/if}}{{/each}}`)).toHaveLength(1);
  });

  it('finds everything that is wrong, in branches too', () => {
    expect(
      faults('{{a1}}{{#if name}}{{a2}}{{else if a3}}{{else}}{{bold (code a4)}}{{/if}}{{#each why}}{{else}}{{a5}}{{/each}}'),
    ).toHaveLength(5);
  });
});

describe('a folder of templates', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-templates-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('has the built-in ones, one for each kind, and nothing is wrong with them', () => {
    expect(Object.keys(builtInTemplates())).toEqual([...MESSAGE_KINDS]);
    expect(readTemplates(builtInFolder()).problems).toEqual([]);
  });

  it('is read by the names of its files; all problems are told with file, line and column', async () => {
    await writeFile(join(folder, 'step.hbs'), '{{name}} goes on');
    await writeFile(join(folder, 'stepp.hbs'), 'x');
    await writeFile(join(folder, 'promoted.hbs'), '{{name}}\n{{nme}} {{x}}');
    await writeFile(join(folder, 'started.hbs'), '{{#if until}}{{until}}{{/if}}');
    await writeFile(join(folder, 'drift.hbs'), 'x'.repeat(70_000));
    await symlink(join(folder, 'nowhere'), join(folder, 'other.hbs'));
    await writeFile(join(folder, 'README.md'), '{{');
    await writeFile(join(folder, '.step.hbs'), '{{');
    const { templates, problems } = readTemplates(folder);
    expect(templates).toEqual({ step: { file: join(folder, 'step.hbs'), text: '{{name}} goes on' } });
    expect(problems.map(problemLine).map(line => line.slice(folder.length + 1))).toEqual([
      'drift.hbs:1:1: has 70000 bytes, expected at most 65536',
      'other.hbs:1:1: cannot be read (ENOENT)',
      'promoted.hbs:2:3: "nme" is unknown; did you mean "name"?',
      expect.stringMatching(/^promoted\.hbs:2:11: "x" is unknown; known are approvers, ask, /),
      'started.hbs:1:1: cannot be filled with the sample "usual": nothing comes out of it',
      'stepp.hbs:1:1: is the template of no kind of message: "stepp" is unknown; did you mean "step"?',
    ]);
  });

  it('that is not there is a problem of its own', () => {
    expect(readTemplates(join(folder, 'none')).problems.map(problemLine)).toEqual([
      `${join(folder, 'none')}:1:1: cannot be read (ENOENT)`,
    ]);
  });
});
