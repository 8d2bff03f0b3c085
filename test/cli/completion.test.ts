import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommands } from '../../src/cli/program.ts';
import { recordedIo } from './recordedIo.ts';

/** A stand-in for the program, which says what it was asked, as a name that a shell can complete. */
const PROGRAM = '#!/bin/sh\n[ "$1" = __complete ] || exit 1\nshift\necho "$*" | tr " " "_"\necho forecast\n';

/** Asks in the way that readline does; each line of the answer is what can stand at the end of one line. */
const ASK = `
while IFS='|' read -r line words; do
  COMP_LINE=$line COMP_POINT=\${#line} COMPREPLY=()
  eval "COMP_WORDS=($words)"
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _sluice
  echo "\${COMPREPLY[*]}"
done
`;

describe('completion', () => {
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-completion-'));
    writeFileSync(join(folder, 'sluice'), PROGRAM, { mode: 0o755 });
    writeFileSync(join(folder, 'kubectl-sluice'), PROGRAM, { mode: 0o755 });
    writeFileSync(join(folder, 'bash'), (await script('bash')) + ASK);
    writeFileSync(join(folder, 'kubectl_complete-sluice'), await script('kubectl'), { mode: 0o755 });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const script = async (shell: string): Promise<string> => {
    const { io, said } = recordedIo();
    await runCommands(['node', 'sluice', 'completion', shell], io);
    return said.out;
  };
  const env = () => ({ PATH: `${folder}:${process.env['PATH']}` });

  it('bash completes commands, options, their values and names of the cluster', () => {
    const cases: readonly (readonly [line: string, words: string, expected: string | RegExp])[] = [
      ['sluice pro', 'sluice pro', 'promote'],
      ['sluice ', 'sluice ""', /^get status history promote abort .* completion generate help$/],
      ['sluice promote --re', 'sluice promote --re', '--reason --revision --replace'],
      ['sluice get -o ', 'sluice get -o ""', /\bjson yaml\b/],
      ['sluice get --output=y', 'sluice get --output = y', 'yaml'],
      ['sluice get --output=', 'sluice get --output =', /\bjson yaml\b/],
      ['sluice templates ', 'sluice templates ""', 'check preview'],
      ['sluice templates preview --channel ', 'sluice templates preview --channel ""', 'slack text'],
      ['sluice help ab', 'sluice help ab', 'abort'],
      ['sluice abort ', 'sluice abort ""', 'rollouts forecast'],
      ['sluice abort -n shop f', 'sluice abort -n shop f', 'forecast'],
      ['sluice abort -n shop ', 'sluice abort -n shop ""', 'rollouts_--namespace_shop forecast'],
      ['sluice abort --namespace=shop ', 'sluice abort --namespace = shop ""', 'rollouts_--namespace=shop forecast'],
      ['sluice abort --context eu:1 ', 'sluice abort --context eu : 1 ""', 'rollouts_--context_eu:1 forecast'],
      ['sluice abort --reason "two words" ', 'sluice abort --reason "two words" ""', 'rollouts forecast'],
      ['sluice abort --reason ', 'sluice abort --reason ""', ''],
      ['sluice abort forecast ', 'sluice abort forecast ""', ''],
      ['sluice abort -n ', 'sluice abort -n ""', 'namespaces forecast'],
      ['sluice abort --context ', 'sluice abort --context ""', 'contexts forecast'],
      ['sluice nonsense ', 'sluice nonsense ""', /^get status /],
    ];
    const input = cases.map(([line, words]) => `${line}|${words}\n`).join('');
    const answers = execFileSync('bash', ['--norc', join(folder, 'bash')], { input, env: env(), encoding: 'utf8' }).split('\n');
    for (const [index, [line, , expected]] of cases.entries()) {
      if (typeof expected === 'string') expect([line, answers[index]]).toEqual([line, expected]);
      else expect(answers[index], line).toMatch(expected);
    }
  });

  it('kubectl gets one completion a line, and whether files will do', () => {
    const complete = (...words: readonly string[]): string =>
      execFileSync(join(folder, 'kubectl_complete-sluice'), words, { env: env(), encoding: 'utf8' });
    expect(complete('re')).toBe('retry\nresume\nreject\nreplay\n:4\n');
    expect(complete('abort', '-n', 'shop', '')).toBe('rollouts_--namespace_shop\nforecast\n:4\n');
    expect(complete('validate', '')).toBe(':0\n');
  });

  it('zsh and fish know the same commands and options', async () => {
    const [bash, zsh, fish] = await Promise.all([script('bash'), script('zsh'), script('fish')]);
    const [, commands = ''] = /commands='(get [^']+)'/.exec(bash) ?? [];
    expect(commands.split(' ').length).toBeGreaterThan(20);
    for (const name of commands.split(' ')) {
      expect(zsh).toMatch(new RegExp(`^    ${name}\\) _sluice_${name} ;;$`, 'm'));
      expect(fish).toMatch(new RegExp(`^complete -c sluice -n '__sluice_at' -a ${name} -d '[^']*'$`, 'm'));
    }
    for (const option of ['reason', 'replace', 'context', 'channel'])
      expect([zsh.includes(`--${option}`), fish.includes(`-l ${option} `)]).toEqual([true, true]);
    expect(`${zsh}${fish}`).not.toMatch(/undefined|\[object/);
  });

  it.each([
    ['no kubeconfig', ['rollouts', '--kubeconfig', '/does/not/exist']],
    ['an API server that is away', ['rollouts', '--kubeconfig', 'down']],
    ['a kind that nobody knows', ['secrets', '--kubeconfig', 'down']],
  ])('names: %s gives none, and no error', async (_, args) => {
    const cluster = { name: 'a', cluster: { server: 'http://127.0.0.1:1' } };
    const parts = {
      clusters: [cluster],
      users: [{ name: 'a', user: {} }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    };
    const file = join(folder, 'down');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...parts, 'current-context': 'a' }));
    const { io, said } = recordedIo();
    await runCommands(['node', 'sluice', '__complete', ...args.map(arg => (arg === 'down' ? file : arg))], io);
    expect([said.out, said.err]).toEqual(['', '']);
  });

  it('names: contexts come from the kubeconfig, without what a shell would carry out', async () => {
    const names = ['production', 'eu:1/admin', '$(rm -r x)'];
    const contexts = names.map(name => ({ name, context: { cluster: 'a', user: 'a' } }));
    const parts = {
      clusters: [{ name: 'a', cluster: { server: 'http://127.0.0.1:1' } }],
      users: [{ name: 'a', user: {} }],
      contexts,
    };
    const file = join(folder, 'contexts');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...parts, 'current-context': 'production' }));
    const { io, said } = recordedIo();
    await runCommands(['node', 'sluice', '__complete', 'contexts', '--kubeconfig', file], io);
    expect(said.out).toBe('production\neu:1/admin\n');
  });
});
