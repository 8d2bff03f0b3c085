import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSimulateCommand } from '../../src/cli/simulate.ts';
import { recordedIo } from './recordedIo.ts';

const SPEC = `
  version: v1
  strategy: {canary: {steps: [{setWeight: 50, pause: {duration: 20s}}]}}
  analysis: {interval: 5s, gates: []}
`;
const SCENARIO = `# what a person wrote
about: A version is promoted.
rules: [R21]
rollout:${SPEC}events:
- {at: 5s, pods: {v2: 3}}   # with a comment
- {at: 10s, commit: {version: v2}}
for: 1m
`;
const ROLLOUT = `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: reviews, namespace: bookinfo}
spec:${SPEC}`;

describe('sluice simulate', () => {
  let folder = '';
  const path = (name: string) => join(folder, name);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-simulate-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const run = async (...args: readonly string[]) => {
    const { io, said } = recordedIo();
    await createSimulateCommand(io).parseAsync([...args], { from: 'user' });
    return { ...said, err: said.err.replaceAll(`${folder}/`, '') };
  };
  const simulate = async (scenario: string, ...args: readonly string[]) => {
    await writeFile(path('scenario.yaml'), scenario);
    return run('--scenario', path('scenario.yaml'), ...args);
  };

  it('prints one line for each change, and ends with 0', async () => {
    const { out, err, code } = await simulate(SCENARIO);
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(out.split('\n').map(line => line.slice(0, 50).trimEnd())).toEqual([
      '+00:00:00  Healthy                             Ado',
      '+00:00:05  event             ready pods: v2 3/3 (v',
      '+00:00:10  event             commit: version v2',
      '+00:00:10  Progressing       step 0/2      0%  Sta',
      '+00:00:12  Progressing       step 1/2     50%  Ste',
      '+00:00:12  mesh              weather/forecast: v1',
      '+00:00:32  Progressing       step 2/2    100%  Ste',
      '+00:00:32  mesh              weather/forecast: v1',
      '+00:00:37  Healthy                             Pro',
      '+00:01:00  end               Healthy, stable v2; w',
      '',
    ]);
  });

  it('a scenario needs to say neither what it is about nor which rules it shows', async () => {
    const { out, err, code } = await simulate(SCENARIO.replace(/^(about|rules): .*\n/gm, ''), '-o', 'json');
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(JSON.parse(out)).toMatchObject({ rules: [], end: { phase: 'Healthy' } });
  });

  it('a world may have gate templates, which are read as gates are', async () => {
    const template = 'smoke: {prometheus: {query: up, window: 10s}, threshold: {min: 1}}';
    const written = SCENARIO.replace('gates: []', 'gates: [{template: smoke, failureLimit: 0}]').replace(
      'events:\n',
      `world: {gateTemplates: {${template}}}\nevents:\n- {at: 1s, query: {smoke: 0}}\n`,
    );
    const { out, err, code } = await simulate(written);
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(out).toMatch(/RolledBack .* smoke 0, expected >= 1/);
    const wrong = await simulate(written.replace('query: up', 'metric: requests').replace('threshold', 'treshold'));
    expect(wrong.code).toBe(2);
    expect(wrong.err).toMatch(/^scenario\.yaml:\d+:\d+: world\.gateTemplates\.smoke/);
    const nested = await simulate(written.replace(template, 'smoke: {template: other}'));
    expect(nested.err).toMatch(/world\.gateTemplates\.smoke\.template: .*expected prometheus, zipkin or webhook/);
  });

  it('-o json: gives the same to programs', async () => {
    const { out, code } = await simulate(SCENARIO, '-o', 'json');
    const told = JSON.parse(out);
    expect(code).toBe(0);
    expect(told).toMatchObject({ about: 'A version is promoted.', rules: ['R21'], end: { phase: 'Healthy', stable: 'v2' } });
    expect(told.timeline).toContainEqual(
      expect.objectContaining({ kind: 'mesh', object: 'weather/forecast', weights: { v1: 50, v2: 50 } }),
    );
  });

  it('--update writes the golden text, touches nothing else, and then it fits', async () => {
    await simulate(SCENARIO, '--update');
    const written = await readFile(path('scenario.yaml'), 'utf8');
    expect(written.startsWith(SCENARIO.trimEnd())).toBe(true);
    expect(await run('--scenario', path('scenario.yaml'))).toMatchObject({ code: 0, err: '' });
    await run('--scenario', path('scenario.yaml'), '--update');
    expect(await readFile(path('scenario.yaml'), 'utf8')).toBe(written);
  });

  it('exit code 1: shows in which lines the golden text differs', async () => {
    await simulate(SCENARIO, '--update');
    const golden = await readFile(path('scenario.yaml'), 'utf8');
    const { err, code } = await simulate(golden.replace('+00:00:32  mesh', '+00:00:31  mesh'));
    expect(code).toBe(1);
    expect(err).toBe(
      [
        'the timeline is not the golden one of scenario.yaml (- expected, + simulated):',
        '- +00:00:31  mesh              weather/forecast: v1 0, v2 100',
        '+ +00:00:32  mesh              weather/forecast: v1 0, v2 100',
        '',
      ].join('\n'),
    );
  });

  it('a Rollout in a file takes the place of that of the scenario, and no golden text holds', async () => {
    await writeFile(path('rollout.yaml'), ROLLOUT.replace('setWeight: 50', 'setWeight: 20'));
    const { out, code } = await simulate(`${SCENARIO}timeline: another\n`, path('rollout.yaml'));
    expect(out).toContain('bookinfo/reviews: v1 80, v2 20');
    expect(code).toBe(0);
  });

  it.each([
    ['evnts: []', 'scenario.yaml:13:1: evnts: unknown field `evnts` (did you mean `events`?)'],
    [
      'events: [{at: 5s, erors: {v2: 5}}]',
      'scenario.yaml:13:19: events[0].erors: unknown field `erors` (did you mean `errors`?)',
    ],
    ['events: [{at: 5s}]', 'scenario.yaml:13:10: events[0]: expected exactly one thing to happen beside `at`'],
    [
      'events: [{at: 5s, traffic: 1, crash: 1s}]',
      'scenario.yaml:13:10: events[0]: expected exactly one thing to happen beside `at`',
    ],
    [
      'events: [{at: soon, traffic: 1}]',
      'scenario.yaml:13:15: events[0].at: is "soon", expected a duration such as 30s, 5m or 1h30m',
    ],
    ['events: [{at: 5s, commit: {vesion: v2}}]', 'events[0].commit.vesion: unknown field `vesion` (did you mean `version`?)'],
    ['world: {pods: {v1: many}}', 'world.pods.v1: is "many", expected a number of ready pods'],
  ])('exit code 2: %s', async (line, expected) => {
    const [about] = SCENARIO.split('events:');
    const { err, code } = await simulate(`${about}for: 1m\n\n\n\n\n${line}\n`);
    expect(err).toContain(expected);
    expect(code).toBe(2);
  });

  it('exit code 2: files that cannot be read, and those without a Rollout', async () => {
    expect(await run('--scenario', path('none.yaml'))).toMatchObject({ err: 'reading none.yaml: no such file\n', code: 2 });
    const without = SCENARIO.replace(`rollout:${SPEC}`, '');
    expect((await simulate(without)).err).toContain('rollout: is missing');
    await writeFile(path('rollout.yaml'), 'kind: Service\n');
    expect(await simulate(SCENARIO, path('rollout.yaml'))).toMatchObject({
      err: 'rollout.yaml: has 0 Rollouts, expected one\n',
      code: 2,
    });
    await writeFile(path('rollout.yaml'), ROLLOUT.replace('setWeight', 'setWieght'));
    expect((await simulate(SCENARIO, path('rollout.yaml'))).err).toContain('(did you mean `setWeight`?)');
  });

  it('exit code 2: a folder, what is no text, and an event about what the world does not have', async () => {
    expect(await run('--scenario', folder)).toMatchObject({
      err: expect.stringContaining('is a folder, expected a file'),
      code: 2,
    });
    await writeFile(path('scenario.yaml'), Buffer.from([0xff, 0xfe, 0x00]));
    expect(await run('--scenario', path('scenario.yaml'))).toMatchObject({
      err: 'reading scenario.yaml: is not UTF-8 text\n',
      code: 2,
    });
    expect(await simulate(SCENARIO.replace('events:', 'events:\n- {at: 1s, touch: weather/other}'))).toMatchObject({
      err: 'scenario.yaml: cannot be simulated: looking for weather/other: the world has no such object\n',
      code: 2,
    });
    expect(await simulate(SCENARIO.replace('for: 1m', 'for: 9s'))).toMatchObject({
      err: 'scenario.yaml: events[1].at: is after the end (for), so it would never happen\n',
      code: 2,
    });
  });
});
