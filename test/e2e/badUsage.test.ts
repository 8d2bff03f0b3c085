import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/io.ts';
import { run } from './running.ts';
import { expectSays } from './snapshot.ts';

describe('wrong usage: exit code 2, and where to look', () => {
  it.each([
    [['nonsense'], ["error: unknown command 'nonsense'", '`sluice --help`']],
    [
      ['validat', 'x.yaml'],
      ["error: unknown command 'validat'", 'Did you mean validate?'],
    ],
    [['--nonsense'], ["error: unknown option '--nonsense'", '`sluice --help`']],
    [['validate'], ["error: missing required argument 'file'", '`sluice validate --help`']],
    [
      ['validate', '--nonsense', 'x.yaml'],
      ["error: unknown option '--nonsense'", '`sluice validate --help`'],
    ],
    [
      ['validate', '-o', 'xml', 'x.yaml'],
      ["'xml' is invalid. Allowed choices are text, json, yaml.", '`sluice validate --help`'],
    ],
    [
      ['controller', '--config'],
      ["error: option '--config <file>' argument missing", '`sluice controller --help`'],
    ],
    [
      ['controller', 'now'],
      ["error: too many arguments for 'controller'", '`sluice controller --help`'],
    ],
    [['install', '--namespace', 'A B'], ['--namespace is "A B", expected lower-case letters, digits and "-", at most 63']],
    [['plan'], ["error: missing required argument 'file'", '`sluice plan --help`']],
    [['plan', 'x.yaml'], ['reading x.yaml: no such file']],
    [['validate', '/nowhere.yaml'], ['reading /nowhere.yaml: no such file or folder']],
  ])('sluice %j', async (args, says) => {
    const { code, output } = await run(args);
    expectSays(output, says);
    expect(code).toBe(2);
  });

  it('an invalid configuration: every problem with its line, no secret', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-bad-config-'));
    const config = join(folder, 'sluice.yaml');
    const lines = [
      'sources:',
      '- name: fleet',
      '  url: https://alice:Gr33n-T0psecret@git.example.com/fleet.git',
      "  namespaces: ['*']",
      '  schedule: nonsense',
      '  auth: {passwordEnv: Gr33n-T0psecret}',
      'sorces: []',
    ];
    await writeFile(config, lines.join('\n'));
    const { code, output } = await run(['controller', '--config', config]);
    await rm(folder, { recursive: true });
    expect(output.trim().split('\n')).toEqual([
      `reading configuration ${config}: 5 problems`,
      `${config}:3:8: sources[0].url: names a user or a password, expected secrets in a file or an environment variable`,
      `${config}:5:13: sources[0].schedule: is no cron expression, expected five fields, or six with seconds, such as '*/30 * * * * *'`,
      `${config}:6:23: sources[0].auth.passwordEnv: has a value that is not shown, expected the name of an environment variable`,
      `${config}:6:23: sources[0].auth.passwordEnv: names the environment variable (not shown), which is not set`,
      `${config}:7:1: sorces: unknown field \`sorces\` (did you mean \`sources\`?)`,
    ]);
    expect(code).toBe(2);
  });

  it('help is no error, and tells the options of a command', async () => {
    expect(await run(['--help'])).toMatchObject({ code: 0, output: expect.stringContaining('validate') });
    for (const args of [
      ['help', 'validate'],
      ['validate', '--help'],
    ]) {
      const { code, output } = await run(args);
      expectSays(output, ['Usage: sluice validate [options] <file...>', '--config <file>']);
      expect(code).toBe(0);
    }
    expect(await run(['help'])).toMatchObject({ code: 0, output: expect.stringContaining('controller') });
  });

  it('docs/exit-codes.md has the codes of the code', () => {
    const page = readFileSync(resolve(import.meta.dirname, '../../docs/exit-codes.md'), 'utf8');
    const listed = [...page.matchAll(/^\| (\d) \|/gm)].map(([, code]) => Number(code));
    expect(listed).toEqual(Object.values(EXIT));
  });
});
