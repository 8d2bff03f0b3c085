import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXAMPLES } from '../../src/cli/examples.ts';
import { runCommands } from '../../src/cli/program.ts';
import { wantsColours } from '../../src/cli/terminal/colours.ts';
import { recordedIo } from './recordedIo.ts';

const run = async (args: readonly string[], started = '/usr/local/bin/sluice') => {
  const { io, said } = recordedIo();
  await runCommands(['node', started, ...args], io);
  return said;
};

describe('the command line', () => {
  it.each([[[]], [['--help']], [['help']]])('%j prints all commands by what they are for, and is no error', async args => {
    const { out, err, code } = await run(args);
    expect([err, code]).toEqual(['', 0]);
    const groups = ['See:', 'Steer:', 'Check:', 'Run:', 'Develop:'].map(group => out.indexOf(`\n${group}\n`));
    expect(groups).toEqual([...groups].sort((a, b) => a - b));
    expect(groups).not.toContain(-1);
    expect(out).not.toContain('__complete');
  });

  it('as a plugin of kubectl it calls itself what people type', async () => {
    const plugin = '/home/ann/bin/kubectl-sluice';
    expect((await run([], plugin)).out).toMatch(/^Usage: kubectl sluice /);
    const { out } = await run(['abort', '--help'], plugin);
    expect(out).toMatch(/^Usage: kubectl sluice abort /);
    expect(out).toContain('\n  kubectl sluice abort forecast -n weather\n');
    expect((await run(['abort'], plugin)).err).toContain('`kubectl sluice get` lists the Rollouts');
  });

  it('help of a command is the same in both ways', async () => {
    const { out, code } = await run(['help', 'pause']);
    expect([out, code]).toEqual([(await run(['pause', '-h'])).out, 0]);
    expect(out).toMatch(/Examples:\n( {2}sluice pause .*\n){3}$/);
  });

  it('an unknown command names the nearest one', async () => {
    expect(await run(['promot'])).toMatchObject({ code: 2, err: expect.stringContaining('(Did you mean promote?)') });
  });

  it('an option before the command is told where it belongs', async () => {
    expect(await run(['-n', 'weather', 'get'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('options stand behind the command'),
    });
  });

  it('each command has examples that begin with it, but those that are not for people', () => {
    const listed = [...readFileSync('src/cli/program.ts', 'utf8').matchAll(/^ {4}name: '(\w+)',$/gm)].map(([, name]) => name);
    const without = listed.filter(name => name !== undefined && EXAMPLES[name] === undefined);
    expect(without).toEqual(['sandbox', 'generate']);
    for (const [name, lines] of Object.entries(EXAMPLES)) expect(lines.filter(line => line.split(' ')[0] !== name)).toEqual([]);
  });
});

describe('docs/command-line.md', () => {
  const SHARED = ['--namespace', '--all-namespaces', '--context', '--kubeconfig', '--output', '--help'];

  it('has the commands of the program in their order, with their options', async () => {
    const { io, said } = recordedIo();
    await runCommands(['node', 'sluice', 'completion', 'bash'], io);
    const inCode = new Map<string, Set<string>>();
    for (const [, path = '', flags = ''] of said.out.matchAll(/^ {2}'([\w ]+)'\)\n.*\n {4}options='([^']*)'$/gm)) {
      const [command = ''] = path.split(' ');
      const own = flags.split(' ').filter(flag => flag.startsWith('--') && !SHARED.includes(flag));
      inCode.set(command, new Set([...(inCode.get(command) ?? []), ...own]));
    }
    inCode.delete('help');
    const page = readFileSync('docs/command-line.md', 'utf8').split('## Shared options')[0] ?? '';
    const rows = [...page.matchAll(/^\| `(\w+)` \|.*\| ([^|]*)\|$/gm)];
    const inDocs = rows.map(([, command, options = '']) => [
      command,
      [...options.matchAll(/`(--[\w-]+)`/g)].map(([, flag]) => flag).sort(),
    ]);
    expect(inDocs).toEqual([...inCode].map(([command, flags]) => [command, [...flags].sort()]));
  });
});

describe('colours', () => {
  it.each([
    { env: {}, isTerminal: true, expected: true },
    { env: {}, isTerminal: false, expected: false },
    { env: { NO_COLOR: '1' }, isTerminal: true, expected: false },
    { env: { NO_COLOR: '1', FORCE_COLOR: '1' }, isTerminal: true, expected: false },
    { env: { NO_COLOR: '' }, isTerminal: true, expected: true },
    { env: { FORCE_COLOR: '1' }, isTerminal: false, expected: true },
    { env: { FORCE_COLOR: '0' }, isTerminal: true, expected: false },
    { env: { TERM: 'dumb' }, isTerminal: true, expected: false },
    { env: { CI: 'true' }, isTerminal: false, expected: false },
  ])('$env at a terminal ($isTerminal): $expected', ({ env, isTerminal, expected }) => {
    expect(wantsColours(env, isTerminal)).toBe(expected);
  });
});
