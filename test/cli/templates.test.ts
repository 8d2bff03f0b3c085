import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfiguration } from '../../src/cli/configuration.ts';
import { createTemplatesCommand } from '../../src/cli/templates.ts';
import { MESSAGE_KINDS } from '../../src/rollout/index.ts';
import { recordedIo } from './recordedIo.ts';

describe('sluice templates', () => {
  let folder: string;
  let good: string;
  let bad: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-templates-'));
    [good, bad] = [join(folder, 'good'), join(folder, 'bad')];
    await mkdir(good);
    await mkdir(bad);
    await writeFile(join(good, 'step.hbs'), '{{bold name}} is at {{weight}}%');
    await writeFile(join(bad, 'step.hbs'), '{{bold name}}\nis at {{wight}}%');
    await writeFile(
      join(folder, 'sluice.yaml'),
      `templatesDir: ${bad}\nproviders: {zipkin: {a: {url: 'http://127.0.0.1:1', tokenFile: /none}}}\n`,
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  const run = async (...args: readonly string[]) => {
    const { io, said } = recordedIo();
    await createTemplatesCommand(io).parseAsync([...args], { from: 'user' });
    return said;
  };
  const problem = () => `${join(bad, 'step.hbs')}:2:9: "wight" is unknown; did you mean "weight"?`;

  it('check: nothing is wrong with the built-in ones, nor with a good folder', async () => {
    expect(await run('check')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/12 of 12 kinds, nothing is wrong: started, /),
    });
    expect(await run('check', '--templates-dir', good)).toMatchObject({
      code: 0,
      out: `${good}: 1 of 12 kinds, nothing is wrong: step\n`,
    });
  });

  it('check: tells file, line, column and what is known, also for the folder of a configuration, whose secrets it does not need', async () => {
    expect(await run('check', '--templates-dir', bad)).toMatchObject({ code: 2, out: `${problem()}\n` });
    expect(await run('check', '--config', join(folder, 'sluice.yaml'))).toMatchObject({ code: 2, out: `${problem()}\n` });
    const { code, out } = await run('check', '--templates-dir', bad, '-o', 'json');
    expect(code).toBe(2);
    expect(JSON.parse(out)).toEqual({
      folder: bad,
      kinds: [],
      problems: [{ file: join(bad, 'step.hbs'), line: 2, column: 9, message: '"wight" is unknown; did you mean "weight"?' }],
    });
  });

  it('a configuration that cannot be read is wrong usage', async () => {
    expect(await run('check', '--config', join(folder, 'none.yaml'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('cannot be read'),
    });
  });

  it('preview: fills every kind with every sample', async () => {
    const { code, out } = await run('preview');
    expect(code).toBe(0);
    expect(out.match(/^--- .*$/gm)).toEqual(
      MESSAGE_KINDS.flatMap(kind => ['usual', 'hostile', 'bare'].map(sample => `--- ${kind}, ${sample}`)),
    );
  });

  it('preview: one kind, with the marks of a channel, by the templates of a folder', async () => {
    const { out } = await run('preview', 'step', '--channel', 'slack', '--templates-dir', good);
    expect(out.split('\n').slice(0, 2)).toEqual(['--- step, usual', '*forecast* is at 20%']);
    const listed: unknown = JSON.parse((await run('preview', 'step', '--templates-dir', good, '-o', 'json')).out);
    expect(listed).toMatchObject([
      { kind: 'step', sample: 'usual', channel: 'text', file: join(good, 'step.hbs'), text: 'forecast is at 20%' },
      { sample: 'hostile' },
      { sample: 'bare' },
    ]);
  });

  it('preview: a broken template is told, and the built-in one is shown', async () => {
    const { code, out, err } = await run('preview', 'step', '--templates-dir', bad);
    expect([code, err]).toEqual([2, `${problem()}\n`]);
    expect(out).toContain('weather/forecast v2: step entered, 20% of traffic (step 1/3)');
  });

  it('preview: a kind that does not exist is wrong usage', async () => {
    expect(await run('preview', 'steps')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no kind "steps" .* expected one of started, /),
    });
  });

  it('a controller does not start with a broken template: the configuration names it', async () => {
    const path = join(folder, 'controller.yaml');
    await writeFile(path, `templatesDir: ${bad}\n`);
    expect(() => readConfiguration(path, {})).toThrow(`reading configuration ${path}: 1 problem\n${problem()}`);
    await writeFile(path, `templatesDir: ${good}\n`);
    expect(readConfiguration(path, {}).templatesDir).toBe(good);
  });
});
