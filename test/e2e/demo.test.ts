import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import type { RolloutStatus } from '../../src/rollout/index.ts';
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
  const { code, output } = await run(['demo', '--story', 'approval', '--answer', 'reject'], surroundings);
  expect(output).toMatch(/ok {2}step 2 was rejected by alice via slack: v2 ended RolledBack/);
  expect(output).toContain('ok  the buttons are gone');
  expect(code).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
});

/** Commands of the page that people paste. */
const pasted = (page: string): readonly string[] =>
  [...readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(
    ([, block = '']) => block.trim().split('\n'),
  );

it.concurrent('every command of docs/tour.md does what the page says', async () => {
  const { folder, surroundings } = openFolder();
  const tour = start(['demo', '--story', 'tour'], { ...surroundings, typed: true });
  const commands = [...pasted('tour.md')];
  /** As alice in her terminal; what the command says. */
  const say = async (command: string): Promise<string> => {
    const [, env = ''] = /paste this first +(\. \S+)/.exec(tour.output()) ?? [];
    const { stdout } = await promisify(execFile)('sh', ['-c', `${env} && ${command}`], { cwd: root });
    return stdout;
  };
  /** The next command of the page; it has to be the one that is expected here. */
  const paste = (begin: string): Promise<string> => {
    const command = commands.shift() ?? 'the page has no more commands';
    expect(command.slice(0, begin.length)).toBe(begin);
    return say(command);
  };
  await tour.wrote('Next: press 2');
  expect(await paste('sluice get')).toMatch(/forecast +Healthy +v1/);
  expect(await paste('sluice status')).toContain('v1 has all traffic and is stable');
  await paste('sed ');
  expect(await paste('sluice plan')).toContain('must approve');

  tour.type('2');
  await tour.wrote('step 1/2 at 50%');
  const looking = paste('sluice status forecast -w');
  await say('sluice promote forecast');
  await tour.wrote('Next: agree to v2');
  await expect(approve(tour.output())).resolves.toBe(200);
  expect(await looking).toContain('v2 is stable');

  await tour.wrote('Next: press 3');
  tour.type('3');
  await tour.wrote('Next: why?');
  expect(await paste('sluice history')).toMatch(/rolledBack +v3 -> v2/);
  expect(await paste('sluice freeze --reason')).toContain('frozen');
  tour.type('f');
  await tour.wrote('All versions are good now.');
  expect(await paste('sluice retry')).toContain('accepted');
  expect(await paste('sluice status')).toContain('release of the shop');
  const known = tour.output().length;
  expect(await paste('sluice freeze --off')).toContain('not frozen any more');
  await until(() => tour.output().slice(known).includes('v3 50%') || undefined, 'the first step of v3');
  expect(await paste('sluice promote')).toContain('accepted');
  await tour.wrote('Next: agree to v3');
  expect(await paste('sluice approve')).toContain('approved: weather/forecast step 2');
  await tour.wrote('That was the tour.');
  expect(commands).toEqual([]);
  tour.type('q');
  expect(await tour.ended).toEqual({ code: 0, signal: null });
  expect(readdirSync(folder)).toEqual([]);
});

/** As the button in the dashboard does, with the token that the tour shows; the status of the answer. */
const approve = async (output: string): Promise<number> => {
  const [, server = ''] = /dashboard +(http:\S+)\//.exec(output) ?? [];
  const [, token = ''] = /this token: (\S+)/.exec(output) ?? [];
  const path = `${server}/api/v1/rollouts/weather/forecast`;
  const { status } = (await (await fetch(path)).json()) as { readonly status: RolloutStatus };
  const { revision, step } = status;
  const answer = await fetch(`${path}/approvals`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ decision: 'approve', revision, step: (step?.index ?? 0) + 1 }),
  });
  return answer.status;
};

it.concurrent('an answer goes with a question only', async () => {
  const { code, output } = await run(['demo', '--answer', 'approve']);
  expect(output).toBe('error: --answer goes with --story approval only\n');
  expect(code).toBe(2);
});
