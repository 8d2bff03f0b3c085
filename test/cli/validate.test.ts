import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createValidateCommand } from '../../src/cli/validate.ts';
import { recordedIo } from './recordedIo.ts';

const GOOD = `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: forecast, namespace: weather}
spec:
  version: v2
  strategy: {canary: {steps: [{setWeight: 50, pause: {duration: 5m}}]}}
`;
const withGate = (prometheus: string) =>
  `${GOOD}  analysis:\n    gates:\n    - name: q\n      threshold: {min: 1}\n      prometheus: {${prometheus}}\n`;

describe('sluice validate', () => {
  let folder = '';
  const file = (name: string) => join(folder, name);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-validate-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** The folder's own name is left out of what was written. */
  async function validate(files: Readonly<Record<string, string | Uint8Array>>, ...args: readonly string[]) {
    for (const [name, content] of Object.entries(files)) await writeFile(file(name), content);
    const { io, said } = recordedIo();
    const command = createValidateCommand(io);
    await command.parseAsync(args.length > 0 ? [...args] : Object.keys(files).map(file), { from: 'user' });
    return { ...said, out: said.out.replaceAll(`${folder}/`, ''), err: said.err.replaceAll(`${folder}/`, '') };
  }

  it('says what was checked', async () => {
    expect(await validate({ 'a.yaml': GOOD })).toEqual({ out: 'a.yaml: 1 rollout, no problems\n', err: '', code: 0 });
  });

  it('exit code 1: points at each problem with file, line, column and a suggestion', async () => {
    const { out, code } = await validate({ 'a.yaml': GOOD.replace('setWeight', 'setWieght') });
    expect(out).toBe(
      'a.yaml:6:32: error: spec.strategy.canary.steps[0].setWieght: unknown field `setWieght` (did you mean `setWeight`?)\na.yaml: 1 rollout, 1 error\n',
    );
    expect(code).toBe(1);
  });

  it('finds what only the meaning shows', async () => {
    const { out, code } = await validate({ 'a.yaml': GOOD.replace('[{', '[{setWeight: 60}, {') });
    expect(out).toContain('a.yaml:6:60: error: spec.strategy.canary.steps[1].setWeight: is 50, expected at least 60');
    expect(code).toBe(1);
  });

  it('warnings are no errors', async () => {
    const { out, code } = await validate({ 'a.yaml': `${GOOD}  analysis: {gates: []}\n` });
    expect(out).toContain('a.yaml:7:21: warning: spec.analysis.gates: is empty');
    expect(out).toContain('a.yaml: 1 rollout, 1 warning\n');
    expect(code).toBe(0);
  });

  it('finds unknown names in templates', async () => {
    const { out, code } = await validate({ 'a.yaml': withGate(`query: 'x{v="{{canry}}"}'`) });
    expect(out).toContain('a.yaml:11:27: error: spec.analysis.gates[0].prometheus.query: is no valid template: ');
    expect(out).toContain('"canry" is unknown; did you mean "canary"?');
    expect(code).toBe(1);
  });

  it('finds mistakes in queries, after the templates are filled in', async () => {
    const good = await validate({ 'a.yaml': withGate(`query: 'sum(rate(x{v="{{canary}}"}[{{window}}]))'`) });
    expect(good).toMatchObject({ out: 'a.yaml: 1 rollout, no problems\n', code: 0 });
    const bad = await validate({ 'a.yaml': withGate(`query: up, samples: 'sum(rate(x{v="{{canary}}"}[{{window}}])'`) });
    expect(bad.out).toContain(
      'spec.analysis.gates[0].prometheus.samples: is no PromQL expression: it ends too early, expected `)`',
    );
    expect(bad.code).toBe(1);
  });

  it('fills a window in as it is written', async () => {
    const { code } = await validate({ 'a.yaml': withGate(`query: 'rate(x[{{window}}])', window: 1h30m`) });
    expect(code).toBe(0);
  });

  it('--config: finds providers that are not configured, and needs none of its secrets', async () => {
    const config = `providers: {prometheus: {shop: {url: 'http://127.0.0.1:9090', tokenFile: /nowhere/token}}}\n`;
    await writeFile(file('sluice.yaml'), config);
    const args = ['--config', file('sluice.yaml'), file('a.yaml')];
    expect(await validate({ 'a.yaml': withGate('query: up, provider: shop') }, ...args)).toMatchObject({ code: 0 });
    const { out, code } = await validate({ 'a.yaml': withGate('query: up, provider: shpo') }, ...args);
    expect(out).toContain(
      'a.yaml:11:41: error: spec.analysis.gates[0].prometheus.provider: is shpo, which the configuration does not know',
    );
    expect(code).toBe(1);
  });

  it('--config: exit code 2 when the configuration is invalid', async () => {
    await writeFile(file('sluice.yaml'), 'sorces: []\n');
    const { err, out, code } = await validate({ 'a.yaml': GOOD }, '--config', file('sluice.yaml'), file('a.yaml'));
    expect({ out, code }).toEqual({ out: '', code: 2 });
    expect(err).toContain('sluice.yaml:1:1: sorces: unknown field `sorces` (did you mean `sources`?)');
  });

  it('-o json: gives the same to programs', async () => {
    await writeFile(file('a.yaml'), GOOD.replace('50', '101'));
    const { out, code } = await validate({}, '-o', 'json', file('a.yaml'));
    expect(JSON.parse(out)).toEqual({
      valid: false,
      files: [{ file: 'a.yaml', found: 1, ignored: 0, rollouts: [] }],
      problems: [
        {
          file: 'a.yaml',
          line: 6,
          column: 43,
          path: 'spec.strategy.canary.steps[0].setWeight',
          message: 'is the number 101, expected a whole number from 0 to 100',
          severity: 'error',
        },
      ],
    });
    expect(code).toBe(1);
  });

  it('reads the YAML files of a folder, and finds a Rollout that two of them define', async () => {
    await mkdir(file('sub'));
    await writeFile(file('sub/b.yml'), `${GOOD}---\nkind: Service\n`);
    await writeFile(file('notes.txt'), 'not read');
    const { out, code } = await validate({ 'a.yaml': GOOD }, folder);
    expect(out).toBe(
      [
        'a.yaml: 1 rollout, no problems',
        'sub/b.yml:1:1: error: metadata.name: the Rollout weather/forecast is already defined in a.yaml',
        'sub/b.yml: 1 rollout, 1 error, 1 other document ignored',
        '',
      ].join('\n'),
    );
    expect(code).toBe(1);
  });

  it('exit code 1: no Rollout at all is no success', async () => {
    const { out, err, code } = await validate({ 'a.yaml': 'kind: Service\n' });
    expect(out).toBe('a.yaml: 0 rollouts, no problems, 1 other document ignored\n');
    expect(err).toContain('no Rollout');
    expect(code).toBe(1);
  });

  it('exit code 2: a file cannot be read', async () => {
    expect(await validate({}, file('none.yaml'))).toEqual({
      out: '',
      err: 'reading none.yaml: no such file or folder\n',
      code: 2,
    });
    expect(await validate({ 'a.yaml': new Uint8Array([0xff, 0xfe, 0x00]) })).toEqual({
      out: '',
      err: 'reading a.yaml: is not UTF-8 text\n',
      code: 2,
    });
  });
});
