import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VersionTraffic } from '../../../src/controller/ports.ts';
import { type FakeSpan, type FakeZipkin, startFakeZipkin } from './fake.ts';
import { createReader, lagMs } from './reader.ts';

/**
 * Stored spans, and what they are to be counted as. Time stamps are in microseconds after the beginning of the interval,
 * which is 30 s long; calls are `[ms after it, duration in ms]`.
 */
type Golden = {
  readonly about: string;
  /** The new version gets nothing but copies. */
  readonly copies?: boolean;
  readonly spans: readonly FakeSpan[];
  readonly expect: Readonly<Record<'stable' | 'canary', Counted>> & { readonly host: object };
};
type Counted = { readonly requests: number; readonly calls: readonly (readonly [number, number])[] };

const fromMs = 1_700_000_000_000;
const untilMs = fromMs + 30_000;
const directory = new URL('./golden/', import.meta.url);

const read = (file: string): Golden => JSON.parse(readFileSync(new URL(file, directory), 'utf8'));

let fake: FakeZipkin;
beforeAll(async () => {
  fake = await startFakeZipkin();
});
afterAll(() => fake.close());

const golden = readdirSync(directory)
  .filter(file => file.endsWith('.json'))
  .map(file => ({ name: file.replace('.json', ''), ...read(file) }));

describe('golden traces', () => {
  it.each(golden)('$name: $about', async ({ spans, copies = false, expect: expected }) => {
    fake.spans = spans.map(span => ({ ...span, timestamp: fromMs * 1000 + (span.timestamp ?? 0) }));
    const { stable, canary, host } = await createReader(fake).readAt(untilMs + lagMs, { fromMs, copies });
    expect({ stable: shown(stable), canary: shown(canary), host }).toEqual(expected);
  });
});

function shown({ durations: _, slow: __, calls = [], ...counts }: VersionTraffic) {
  return { ...counts, calls: calls.map(([atMs, durationMs]) => [atMs - fromMs, durationMs]) };
}
