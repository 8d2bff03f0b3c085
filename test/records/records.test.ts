import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createReplayCommand } from '../../src/cli/replay.ts';
import { encodeRecord } from '../../src/rollout/index.ts';
import { recordedIo } from '../cli/recordedIo.ts';
import { recordsOf, STORIES } from './stories.ts';

/**
 * What older builds have recorded. A release adds a folder and leaves those before it as they are:
 * `WRITE_RECORDS=v0.2 npx vitest run test/records`.
 */
const WRITTEN = process.env['WRITE_RECORDS'];
const HERE = resolve(import.meta.dirname);
const builds = async (): Promise<readonly string[]> =>
  (await readdir(HERE, { withFileTypes: true })).filter(entry => entry.isDirectory()).map(({ name }) => name);

const write = async (folder: string): Promise<void> => {
  await rm(folder, { recursive: true, force: true });
  for (const story of Object.keys(STORIES)) {
    await mkdir(join(folder, story), { recursive: true });
    for (const record of recordsOf(story)) {
      const name = `${record.at.replace(/[-:.]/g, '')}-${record.action}.json.gz`;
      await writeFile(join(folder, story, name), gzipSync(encodeRecord(record)));
    }
  }
};
if (WRITTEN !== undefined) await write(join(HERE, WRITTEN));

describe('records of older builds', async () => {
  it.each(await builds())('R37: %s: each decision comes out the same', async build => {
    const { io, said } = recordedIo();
    await createReplayCommand(io).parseAsync([join(HERE, build)], { from: 'user' });
    expect(said.err).toBe('');
    expect(said.out.split('\n').filter(line => line !== '' && !line.includes(': same ['))).toEqual([]);
    expect(said.code).toBe(0);
  });

  it.each(await builds())('R37: %s has start, raise, failed gate, lost pods, abort, pause, drift and end', async build => {
    const stories = ['promoted', 'gateFailed', 'podsLost', 'aborted', 'byHand', 'providerAway', 'drift', 'superseded'];
    expect(stories.filter(story => !existsSync(join(HERE, build, story)))).toEqual([]);
    const names = (await readdir(join(HERE, build), { recursive: true })).map(name => /-(\w+)\.json\.gz$/.exec(name)?.[1]);
    expect(names).toEqual(expect.arrayContaining(['started', 'raised', 'lowered', 'paused', 'promoted', 'rolledBack']));
  });
});
