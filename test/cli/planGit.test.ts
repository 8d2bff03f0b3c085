import fs from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { add, branch, checkout, commit, init, writeRef } from 'isomorphic-git';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readFromGit } from '../../src/cli/plan/git.ts';
import { createPlanCommand } from '../../src/cli/plan.ts';
import { recordedIo } from './recordedIo.ts';

const author = { name: 'alice', email: 'alice@example.com' };
const rollout = (version: string, weight = 50): string => `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: forecast, namespace: weather}
spec:
  version: ${version}
  strategy: {canary: {steps: [{setWeight: ${weight}, pause: {duration: 5m}}]}}
`;

describe('sluice plan --against git', () => {
  let dir = '';
  let file = '';
  beforeEach(async () => {
    dir = fs.realpathSync(await mkdtemp(join(tmpdir(), 'sluice-plan-git-')));
    file = join(dir, 'rollouts/forecast.yaml');
    await init({ fs, dir, defaultBranch: 'main' });
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const commitFile = async (text: string, at = file): Promise<string> => {
    await mkdir(dirname(at), { recursive: true });
    await writeFile(at, text);
    await add({ fs, dir, filepath: at.slice(dir.length + 1) });
    return await commit({ fs, dir, author, message: 'a change' });
  };
  const run = async (...args: readonly string[]) => {
    const { io, said } = recordedIo();
    await createPlanCommand(io).parseAsync([...args], { from: 'user' });
    return { ...said, err: said.err.replaceAll(dir, 'DIR') };
  };
  const failure = (wanted: Promise<unknown>): Promise<string> =>
    wanted.then(
      () => 'no failure',
      (error: Error) => error.message.replaceAll(dir, 'DIR'),
    );

  it('tells the version and the steps that change since the branch left the main one', async () => {
    const base = await commitFile(rollout('v1', 20));
    await branch({ fs, dir, ref: 'release', checkout: true });
    await commitFile(rollout('v2'));
    await checkout({ fs, dir, ref: 'main' });
    await commitFile(rollout('v9'));
    await checkout({ fs, dir, ref: 'release' });
    const { out, err, code } = await run(file, '--against', 'git');
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(out).toContain(`compared with Git, the common commit of HEAD and main (${base.slice(0, 8)})\n  v2 is to replace v1\n`);
    expect(out).toContain('changes\n  version v1 -> v2\n  step 1: at 20%, 5m -> at 50%, 5m\n');
    expect(out).not.toContain('routing objects');
  });

  it('a branch, a tag, a commit or a part of its name, and steps back from them', async () => {
    const first = await commitFile(rollout('v1'));
    const second = await commitFile(rollout('v2'));
    await writeRef({ fs, dir, ref: 'refs/tags/r1', value: first });
    await writeRef({ fs, dir, ref: 'refs/remotes/origin/next', value: second });
    await commitFile(rollout('v3'));
    const versionAt = async (ref: string): Promise<unknown> => parse((await readFromGit(file, ref)).text ?? '').spec.version;
    expect(
      await Promise.all(['HEAD', 'main', 'main~1', 'HEAD^^', 'r1', 'origin/next', first.slice(0, 7), second].map(versionAt)),
    ).toEqual(['v3', 'v3', 'v2', 'v1', 'v1', 'v2', 'v1', 'v2']);
  });

  it('a file that was not there, one without changes, and one that had a mistake', async () => {
    await commitFile('nothing', join(dir, 'README'));
    await mkdir(dirname(file));
    await writeFile(file, rollout('v1'));
    const told = async () => JSON.parse((await run(file, '--against', 'git:HEAD', '-o', 'json')).out);
    expect((await told()).comparison).toMatchObject({
      outlook: { kind: 'starts', text: 'the Rollout forecast is new' },
      changes: [],
    });
    await commitFile(rollout('v1'));
    expect((await told()).comparison).toMatchObject({ outlook: { kind: 'stays', text: 'nothing changes' }, changes: [] });
    await commitFile(rollout('v1').replace('canary', 'canari'));
    await writeFile(file, rollout('v1'));
    expect((await told()).notes).toContainEqual(expect.stringMatching(/^the file as it was has a mistake, .*: line 6: /));
  });

  it('packed refs, and a worktree with a HEAD of its own', async () => {
    const first = await commitFile(rollout('v1'));
    const second = await commitFile(rollout('v2'));
    await rm(join(dir, '.git/refs/heads/main'));
    await writeFile(
      join(dir, '.git/packed-refs'),
      `# pack-refs with: peeled fully-peeled sorted\n${second} refs/heads/main\n${first} refs/heads/old\n`,
    );
    expect((await readFromGit(file, undefined)).from).toBe(`the common commit of HEAD and main (${second.slice(0, 8)})`);
    const own = join(dir, '.git/worktrees/beside');
    const beside = join(dir, 'beside');
    await mkdir(own, { recursive: true });
    await mkdir(join(beside, 'rollouts'), { recursive: true });
    await writeFile(join(beside, '.git'), `gitdir: ${own}\n`);
    await writeFile(join(own, 'HEAD'), 'ref: refs/heads/old\n');
    await writeFile(join(own, 'commondir'), '../..\n');
    await writeFile(join(beside, 'rollouts/forecast.yaml'), rollout('v3'));
    const then = await readFromGit(join(beside, 'rollouts/forecast.yaml'), 'HEAD');
    expect(parse(then.text ?? '').spec.version).toBe('v1');
  });

  it('without a main branch it is the last commit, and that is said', async () => {
    await commitFile(rollout('v1'));
    await rename(join(dir, '.git/refs/heads/main'), join(dir, '.git/refs/heads/work'));
    await writeFile(join(dir, '.git/HEAD'), 'ref: refs/heads/work\n');
    expect((await readFromGit(file, undefined)).from).toMatch(
      /^HEAD \([0-9a-f]{8}\), as no main branch is known here; --against git:REF names one$/,
    );
  });

  it('what is not there is said, with what helps, and ends with 4', async () => {
    const first = await commitFile(rollout('v1'));
    expect(await run(file, '--against', 'git:nope')).toEqual({
      out: '',
      err: 'reading DIR/rollouts/forecast.yaml from Git: there is no commit nope here; fetch it, or correct the name\n',
      code: 4,
    });
    const other = await commit({ fs, dir, author, message: 'of another history', parent: [], noUpdateBranch: true });
    await writeRef({ fs, dir, ref: 'refs/remotes/origin/main', value: other });
    expect(await failure(readFromGit(file, undefined))).toContain('HEAD and origin/main have no common commit; name one');
    await writeFile(join(dir, '.git/shallow'), `${first}\n`);
    expect(await failure(readFromGit(file, undefined))).toContain('in this shallow clone; run git fetch --unshallow');
    expect(await failure(readFromGit(file, 'v0.1'))).toContain('this clone is shallow: run git fetch --unshallow');
    expect(await failure(readFromGit(join(dir, 'gone.yaml'), undefined))).toContain('no such file');
  });

  it('a repository without commits, and a file in none', async () => {
    await mkdir(dirname(file));
    await writeFile(file, rollout('v1'));
    expect(await failure(readFromGit(file, undefined))).toContain('has no commit yet');
    await rm(join(dir, '.git'), { recursive: true });
    expect(await failure(readFromGit(file, undefined))).toBe(
      'reading DIR/rollouts/forecast.yaml from Git: it stands in no Git repository; name a file in one, or use --offline',
    );
  });
});
