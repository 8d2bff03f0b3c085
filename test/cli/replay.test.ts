import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { createReplayCommand } from '../../src/cli/replay.ts';
import { encodeRecord } from '../../src/rollout/index.ts';
import { recordsOf } from '../records/stories.ts';
import { recordedIo } from './recordedIo.ts';

const GOOD = recordsOf('promoted').map(encodeRecord);
const [STARTED = ''] = GOOD;
/** The failed gate, with other counts than those that it was decided from. */
const CHANGED = encodeRecord(recordsOf('gateFailed').find(({ action }) => action === 'lowered') ?? never()).replace(
  /("success-rate":\{[^}]*"counts":\{"bad":)\d+/,
  '$10',
);
function never(): never {
  throw new Error('the story has no such record');
}

const configMap = (records: readonly string[]) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'weather', name: 'forecast-evidence-1' },
  binaryData: Object.fromEntries(records.map((text, index) => [`${index}-record.json.gz`, gzipSync(text).toString('base64')])),
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-replay-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const put = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};
const run = async (args: readonly string[], input: string | Uint8Array = '') => {
  const { io, said } = recordedIo();
  await createReplayCommand(io, async () => Buffer.from(input)).parseAsync([...args], { from: 'user' });
  return said;
};

describe('sluice replay', () => {
  it('R37: exit code 0 and a line for each record when every decision comes out as recorded', async () => {
    const { code, out, err } = await run([await put('a.json', STARTED), await put('b.json.gz', gzipSync(GOOD[1] ?? ''))]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const lines = out.trim().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /^2026-11-21T14:00:\S+Z weather\/forecast attempt 1 started at 0% \(Started\): same \[[0-9a-f]{12}\] .*a\.json$/,
    );
    expect(lines[1]).toContain('raised to 50% (StepEntered): same');
  });

  it('R37: other words count as a difference within one build, and not in a record of another one', async () => {
    const reworded = STARTED.replaceAll('"message":"starting v2', '"message":"beginning v2');
    expect(reworded).not.toBe(STARTED);
    const by = (version: string): string => reworded.replace(/"controller":"[^"]*"/, `"controller":"${version}"`);
    const same = await run([await put('same.json', by(__SLUICE_VERSION__))]);
    expect(same.code).toBe(1);
    const older = await run([await put('older.json', by('0.0.9'))]);
    expect(older.code).toBe(0);
    expect(older.out).toContain('same, in other words than 0.0.9 had');
    const before = by('0.0.9').replace(/(?<="decision":\{"status":\{.*?)"since":"[^"]*",/, '');
    expect(before).not.toBe(by('0.0.9'));
    expect((await run([await put('before.json', before)])).code).toBe(0);
  });

  it('R37: exit code 1 for a record with one changed count, and the places at which the decision differs', async () => {
    const { code, out } = await run([await put('changed.json', CHANGED), await put('a.json', STARTED)]);
    expect(code).toBe(1);
    expect(out).toContain('(GateFailed): DIFFERENT, recorded by 0.1.0');
    expect(out).toContain('\n  decision.status.phase: recorded "RollingBack", now "Progressing"\n');
    expect(out).toMatch(/\n {2}decision\.actions\[0\]: recorded \{"kind":"setTraffic".*, now nothing\n/);
    expect(out).toContain('(Started): same');
  });

  it.each([
    ['as YAML', (records: readonly string[]) => stringify(configMap(records))],
    ['as JSON', (records: readonly string[]) => JSON.stringify(configMap(records))],
    [
      'in a List',
      (records: readonly string[]) => JSON.stringify({ kind: 'List', items: records.map(text => configMap([text])) }),
    ],
    ['in several documents', (records: readonly string[]) => records.map(text => stringify(configMap([text]))).join('---\n')],
  ])('R37: reads ConfigMaps %s, from a file and from standard input', async (_, manifest) => {
    const text = manifest(GOOD);
    const piped = await run(['-'], text);
    expect({ code: piped.code, err: piped.err, lines: piped.out.trim().split('\n').length }).toEqual({
      code: 0,
      err: '',
      lines: GOOD.length,
    });
    expect(piped.out).toContain('(standard input): ConfigMap weather/forecast-evidence-1: 0-record.json.gz');
    expect((await run([await put('manifest.yaml', text)])).code).toBe(0);
    expect((await run(['-'], manifest([STARTED, CHANGED]))).code).toBe(1);
  });

  it('R37: passes over what a chat remembers, which stands beside the Rollout under the same label', async () => {
    const labels = { 'sluice.dev/rollout': 'forecast', 'sluice.dev/memory': 'slack' };
    const memory = { metadata: { namespace: 'weather', name: 'forecast-memory-slack', labels }, data: { memory: '{}' } };
    const listed = JSON.stringify({ kind: 'List', items: [configMap([STARTED]), memory] });
    expect(await run(['-'], listed)).toMatchObject({ code: 0, err: '' });
  });

  it('R37: reads all records in a folder and the folders in it, and one record piped', async () => {
    const place = join(folder, 'kept/weather/forecast/1');
    await mkdir(place, { recursive: true });
    await Promise.all(GOOD.map((text, index) => writeFile(join(place, `${index}.json.gz`), gzipSync(text))));
    await writeFile(join(place, 'note.txt'), 'not a record');
    const { code, out } = await run([join(folder, 'kept')]);
    expect({ code, lines: out.trim().split('\n').length }).toEqual({ code: 0, lines: GOOD.length });
    expect((await run(['-'], gzipSync(STARTED))).code).toBe(0);
  });

  it('R37: the digest is that of the history, also of a record that was made readable', async () => {
    const digest = (out: string): string | undefined => /\[([0-9a-f]{12})\]/.exec(out)?.[1];
    const plain = await run(['-'], STARTED);
    const pretty = await run(['-'], JSON.stringify(JSON.parse(STARTED), null, 2));
    expect(digest(plain.out)).toBeDefined();
    expect(digest(pretty.out)).toBe(digest(plain.out));
  });

  it('R37: -o json says the same for programs', async () => {
    const { code, out } = await run(['-o', 'json', '-'], JSON.stringify(configMap([STARTED, CHANGED])));
    expect(code).toBe(1);
    const { same, records, unreadable } = JSON.parse(out);
    expect({ same, unreadable }).toEqual({ same: false, unreadable: [] });
    expect(records).toMatchObject([
      { rollout: 'weather/forecast', attempt: 1, action: 'started', same: true, differences: [], controller: '0.1.0' },
      { action: 'lowered', reason: 'GateFailed', same: false },
    ]);
    expect(records[1].differences).toContainEqual({
      path: 'decision.status.phase',
      recorded: 'RollingBack',
      now: 'Progressing',
    });
  });

  const broken: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
    ['an empty file', ' \n', /is empty, expected evidence records, or ConfigMaps that hold some/],
    ['half of a record', STARTED.slice(0, 200), /is neither JSON nor YAML \(.*\), expected evidence records/],
    ['half of a compressed record', gzipSync(STARTED).subarray(0, 300), /cannot be unpacked \(.*\), expected gzip or UTF-8/],
    ['bytes', Uint8Array.from([0xff, 0xfe, 0x00]), /cannot be unpacked/],
    ['YAML of something else', 'kind: Rollout\n', /is YAML of something else, expected evidence records/],
    ['JSON of something else', '{"kind":"Rollout"}', /is no evidence record, expected apiVersion sluice.dev\/v1alpha1/],
    [
      'a ConfigMap of something else',
      'kind: ConfigMap\nmetadata: {namespace: a, name: b}\ndata: {}\n',
      /ConfigMap a\/b has no records in binaryData/,
    ],
    ['an empty list', '{"kind":"List","items":[]}', /is an empty list, expected evidence records/],
    [
      'a later format',
      STARTED.replace('"format":1', '"format":2'),
      /has format 2, expected 1; another version of sluice wrote it/,
    ],
    ['a record without its pods', STARTED.replace(/"pods":\{/, '"pod":{'), /observation\.pods is missing, expected an object/],
    [
      'a record whose parts do not fit',
      STARTED.replace(/"steps":\[/, '"steps":7,"x":['),
      /cannot be decided again \(.*\), expected a whole record/,
    ],
  ];
  it.each(broken)('R37: exit code 2 for %s, and what was expected', async (_, content, message) => {
    const { code, out, err } = await run(['-', await put('a.json', STARTED)], content);
    expect(err).toMatch(message);
    expect(err).toMatch(/^\(standard input\): /);
    expect({ code, lines: out.trim().split('\n').length }).toEqual({ code: 2, lines: 1 });
  });

  it('R37: exit code 2 for what is not there, and for a folder without records', async () => {
    const missing = await run([join(folder, 'nothing.json')]);
    expect(missing).toMatchObject({ code: 2, out: '' });
    expect(missing.err).toContain('nothing.json: cannot be read (no such file or folder), expected a file, a folder, or -');
    const empty = join(folder, 'empty');
    await mkdir(empty);
    expect((await run([empty])).err).toContain('has no files .json or .json.gz, expected evidence records');
  });
});
