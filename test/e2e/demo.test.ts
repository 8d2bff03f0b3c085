import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { until } from '../sandbox/client.ts';
import { run, start } from './running.ts';

const root = mkdtempSync(join(tmpdir(), 'sluice-demo-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Ids of living processes whose parent is this one; Linux only, as is its /proc. */
const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** A folder for the temporary files of one demo. */
const openFolder = () => {
  const folder = mkdtempSync(join(root, 'demo-'));
  return { folder, surroundings: { env: { TMPDIR: folder } } };
};

it.concurrent.each([true, false])(
  'Ctrl-C in the middle of the demo ends its programs and takes its folders away (terminal: %s)',
  async terminal => {
    const { folder, surroundings } = openFolder();
    const demo = start(['demo'], { ...surroundings, terminal });
    await demo.wrote('A good version.');
    const children = childrenOf(demo.pid);
    expect(children).toHaveLength(2);
    demo.signal('SIGINT');
    expect(await demo.ended).toEqual({ code: 1, signal: null });
    expect(demo.output()).toContain('Stopped.');
    expect(demo.output()).not.toContain('    at ');
    await until(() => !children.some(isAlive) || undefined, 'the end of its programs');
    expect(readdirSync(folder)).toEqual([]);
  },
);

it.concurrent('Ctrl-C while the demo starts leaves nothing behind either', async () => {
  const { folder, surroundings } = openFolder();
  const demo = start(['demo'], { ...surroundings, terminal: true });
  await demo.wrote('Starting a small world');
  demo.signal('SIGINT');
  expect(await demo.ended).toEqual({ code: 1, signal: null });
  expect(demo.output()).toMatch(/Stopped\.\n$/);
  expect(readdirSync(folder)).toEqual([]);
});

it.concurrent('the demo shows both stories to their right end', async () => {
  const { folder, surroundings } = openFolder();
  const { code, output } = await run(['demo'], surroundings);
  expect(output).toMatch(/ok {2}v2 is stable, weights v1 0 \/ v2 100; \d+ requests meanwhile, 0 failed/);
  expect(output).toMatch(/ok {2}v3 ended RolledBack/);
  expect(code).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
});

it.concurrent('R19: the story of an approval ends as the pressed button demands', async () => {
  const { folder, surroundings } = openFolder();
  const { code, output } = await run(['demo', '--story', 'approval', '--answer', 'approve'], surroundings);
  expect(output).toMatch(/ok {2}step 2 was approved by alice via slack: v2 is stable, weights v1 0 \/ v2 100/);
  expect(output).toContain('ok  the buttons are gone');
  expect(code).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
});

it.concurrent('R19: a person who reads the story of an approval finds the inbox, and a command that answers', async () => {
  const { folder, surroundings } = openFolder();
  const demo = start(['demo', '--story', 'approval'], { ...surroundings, terminal: true });
  await demo.wrote('(reject instead of approve puts all traffic back)');
  const [, inbox = ''] = /inbox +(http:\S+)/.exec(demo.output()) ?? [];
  expect(await (await fetch(inbox)).text()).toMatch(/<button[^>]*>Approve<\/button>/);
  const [, command = ''] = / approve (forecast .*)/.exec(demo.output()) ?? [];
  const { code, output } = await run(['reject', ...command.split(' ')], surroundings);
  expect(output).toContain('rejected: weather/forecast step 2');
  expect(code).toBe(0);
  await demo.wrote('Carol commits forecast v3.');
  expect(demo.output()).toMatch(/ok {2}step 2 was rejected by alice via api: v2 ended RolledBack/);
  demo.signal('SIGINT');
  expect(await demo.ended).toEqual({ code: 1, signal: null });
  expect(readdirSync(folder)).toEqual([]);
});

it.concurrent('an answer goes with a question only', async () => {
  const { code, output } = await run(['demo', '--answer', 'approve']);
  expect(output).toBe('error: --answer goes with --story approval only\n');
  expect(code).toBe(2);
});
