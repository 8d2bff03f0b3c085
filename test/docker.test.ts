import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** There is no container runtime here: the steps of the Dockerfile are carried out in folders, as far as they matter. */

type Step = { readonly name: string; readonly rest: string };
type Stage = { readonly image: string; readonly name: string; readonly steps: readonly Step[] };

const repository = resolve(import.meta.dirname, '..');
const isRoot = process.getuid?.() === 0;
/** A program that does not end by itself, such as a controller by mistake, is ended. */
const ENDING = { timeout: 100_000, killSignal: 'SIGKILL' } as const;

function readStages(text: string): readonly Stage[] {
  const lines = text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'));
  const stages: { image: string; name: string; steps: Step[] }[] = [];
  for (const line of lines) {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'FROM') {
      const [, image = '', stage = ''] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(rest) ?? [];
      stages.push({ image, name: stage, steps: [] });
    } else stages.at(-1)?.steps.push({ name, rest });
  }
  return stages;
}

const stages = readStages(readFileSync(join(repository, 'Dockerfile'), 'utf8'));
const argumentOf = (stage: Stage | undefined, name: string): string | undefined =>
  stage?.steps.findLast(step => step.name === name)?.rest;

/** Carries out the steps of a stage below `root`; packages are those of this checkout. Returns the working folder. */
function build(stage: Stage, root: string, built: ReadonlyMap<string, string>): string {
  let folder = root;
  for (const { name, rest } of stage.steps) {
    if (name === 'WORKDIR') {
      folder = join(root, rest);
      mkdirSync(folder, { recursive: true });
    } else if (name === 'COPY') copy(rest, folder, built);
    else if (name === 'RUN' && rest.startsWith('npm ci'))
      symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
    else if (name === 'RUN') {
      const { status, stderr } = spawnSync('/bin/sh', ['-ec', rest], { ...ENDING, cwd: folder, encoding: 'utf8' });
      if (status !== 0) throw new Error(`RUN ${rest}: ${stderr}`);
    } else if (!['ENV', 'USER', 'EXPOSE', 'ENTRYPOINT'].includes(name)) throw new Error(`this test does not know ${name}`);
  }
  return folder;
}

function copy(rest: string, folder: string, built: ReadonlyMap<string, string>): void {
  const words = rest.split(/\s+/);
  const from = words[0]?.startsWith('--from=') ? (built.get(words.shift()?.slice('--from='.length) ?? '') ?? '') : repository;
  const target = join(folder, words.pop() ?? '');
  const isFolder = rest.endsWith('/');
  for (const word of words) cpSync(join(from, word), isFolder ? join(target, basename(word)) : target, { recursive: true });
}

const listing = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map(name => `${name} ${statSync(join(folder, name)).mtimeMs}`);

describe('the image', () => {
  const place = mkdtempSync(join(tmpdir(), 'sluice-image-'));
  const [first, last] = [stages.at(0), stages.at(-1)];
  let app = '';

  beforeAll(() => {
    chmodSync(place, 0o755);
    if (first === undefined || last === undefined) throw new Error('expected two stages');
    const buildRoot = join(place, 'build');
    build(first, buildRoot, new Map());
    app = build(last, join(place, 'image'), new Map([[first.name, buildRoot]]));
    chmodSync(dirname(app), 0o555);
  });

  afterAll(() => {
    spawnSync('chmod', ['-R', 'u+w', place]);
    rmSync(place, { recursive: true, force: true });
  });

  /** Runs the entry point as the image would: its user, its environment, no home. */
  function run(...args: readonly string[]) {
    const [program, ...rest] = JSON.parse(argumentOf(last, 'ENTRYPOINT') ?? '[]') as readonly string[];
    const [uid = 0, gid = 0] = (argumentOf(last, 'USER') ?? '').split(':').map(Number);
    const [name = '', value = ''] = (argumentOf(last, 'ENV') ?? '').split('=');
    return spawnSync(program === 'node' ? process.execPath : String(program), [...rest, ...args], {
      ...ENDING,
      cwd: app,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', [name]: value },
      ...(isRoot ? { uid, gid } : {}),
    });
  }

  it('is built from an exact version of its base, without scripts of packages', () => {
    for (const { image } of stages) expect(image).toMatch(/^node:\d+\.\d+\.\d+-[\w-]+$/);
    expect(first?.steps).toContainEqual({ name: 'RUN', rest: 'npm ci --ignore-scripts' });
  });

  it('runs as a user who is named by number and is not root', () => {
    expect(argumentOf(last, 'USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it('holds no packages, no sources and no Git history', () => {
    expect(readdirSync(app).sort()).toEqual(['LICENSE', 'dist', 'package.json', 'rollouts', 'templates']);
  });

  const asWhom = isRoot ? 'as the user of the image' : 'as the user of this test, who cannot become another one';

  it(`works ${asWhom}, without a home, and writes nothing`, () => {
    const before = listing(app);
    const help = run('--help');
    expect(help).toMatchObject({ status: 0, stderr: '' });
    expect(help.stdout).toContain('validate');
    expect(run('validate', 'rollouts/forecast.yaml')).toMatchObject({
      status: 0,
      stderr: '',
      stdout: 'rollouts/forecast.yaml: 1 rollout, no problems\n',
    });
    expect(run('install')).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('kind: Deployment') });
    expect(listing(app)).toEqual(before);
  });

  it('lets its user write nowhere', () => {
    const [uid = 0, gid = 0] = (argumentOf(last, 'USER') ?? '').split(':').map(Number);
    const script = 'for f in . dist dist/sluice.js templates package.json; do if test -w "$f"; then echo "$f"; fi; done';
    const { stdout } = spawnSync('/bin/sh', ['-c', script], { cwd: app, encoding: 'utf8', ...(isRoot ? { uid, gid } : {}) });
    expect(stdout).toBe('');
  });
});
