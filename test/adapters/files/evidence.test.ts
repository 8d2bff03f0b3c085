import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolderEvidence } from '../../../src/adapters/files/evidence.ts';
import type { Evidence } from '../../../src/controller/ports.ts';

const { signal } = new AbortController();
const EVIDENCE: Evidence = {
  rollout: { namespace: 'weather', name: 'forecast', uid: 'f3b0' },
  attempt: 3,
  name: '20261121T140000000Z-raised',
  digest: '',
  text: '{"record":1}',
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-evidence-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('evidence in a folder', () => {
  it('R37: a file for each record, by namespace, Rollout and attempt, and nothing half written beside it', async () => {
    const store = createFolderEvidence(join(folder, 'made'));
    expect(await store.write(EVIDENCE, signal)).toBe('written');
    expect(await store.write(EVIDENCE, signal)).toBe('written');
    const place = join(folder, 'made/weather/forecast/3');
    expect(await readdir(place)).toEqual(['20261121T140000000Z-raised.json.gz']);
    expect(gunzipSync(await readFile(join(place, '20261121T140000000Z-raised.json.gz'))).toString()).toBe('{"record":1}');
  });

  it('R37: a disk that hangs takes one thread of this process, and leaves the others to everybody else', async () => {
    const store = createFolderEvidence(join(folder, 'hanging'));
    const place = join(folder, 'hanging/weather/forecast/3');
    await mkdir(place, { recursive: true });
    // Who opens a pipe for writing waits until somebody reads from it.
    const names = ['1', '2', '3', '4', '5', '6'];
    const pipes = names.map(name => join(place, `${name}.json.gz.${process.pid}.partial`));
    execFileSync('sh', ['-c', 'mkfifo "$@"', 'sh', ...pipes]);
    const writes = names.map(name => store.write({ ...EVIDENCE, name }, signal));
    expect(await readdir(place)).toHaveLength(6);
    expect((await stat(folder)).isDirectory()).toBe(true);
    for (const [index, pipe] of pipes.entries()) {
      expect(gunzipSync(await readFile(pipe)).toString()).toBe('{"record":1}');
      // A pipe cannot be made sure of as a file can.
      await expect(writes[index]).rejects.toMatchObject({ kind: 'unavailable' });
    }
  });

  it('R37: what cannot be written is tried again, and says which file and why', async () => {
    const blocked = join(folder, 'blocked');
    await writeFile(blocked, 'a file where a folder belongs');
    await expect(createFolderEvidence(blocked).write(EVIDENCE, signal)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining(`writing ${blocked}/weather/forecast/3/20261121T140000000Z-raised.json.gz: `),
    });
  });
});
