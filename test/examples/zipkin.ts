import { expect } from 'vitest';
import { endsWith, goesBack } from './endings.ts';
import type { Place } from './place.ts';
import { openStory } from './story.ts';
import { visitor } from './weather.ts';

const PORT = 3002;
/** More than the limits of the file, and far less than what a test waits for an answer. */
const SLOW_MS = 1_500;

/** System 6: latency per version, from spans with tags of our own. A slow version goes back, a quick one goes on. */
export async function zipkinLatency(place: Place, namespace: string): Promise<void> {
  const users = ['jason', 'alice'].map(name => visitor(place, namespace, { name, headers: { 'end-user': name } }));
  const files = ['1-workloads.yaml', '2-mesh.yaml', '3-telemetry.yaml'].map(file => `zipkin-latency/${file}`);
  const story = await openStory(place, { namespace, files, users, virtualService: 'forecast' });
  try {
    const before = await story.mesh();
    await place.behave(namespace, 'v2', { latencyMs: SLOW_MS });
    await story.roll('zipkin-latency/rollout.yaml', { limits: 'asWritten' });
    expect(await goesBack(story, 'GateFailed')).toMatch(/(median|p99) [\d.]+ ms > \d+ ms, \d+ of \d+ spans slower than \d+ ms/);
    expect(story.shapes()).toEqual(['v1', 'v1 80, v2 20', 'v1']);

    await place.behave(namespace, 'v2', {});
    await story.roll('zipkin-latency/rollout.yaml');
    await story.ask('retry');
    const { gates = [] } = await story.until(
      'spans to be judged',
      ({ phase, gates: all = [] }) =>
        phase === 'Progressing' && all.some(({ name, verdict }) => name === 'p99' && verdict === 'Pass'),
    );
    const gate = gates.find(({ name }) => name === 'p99');
    expect({ source: gate?.source, message: gate?.message }).toEqual({
      source: expect.stringContaining('zipkin'),
      message: expect.stringMatching(/on \d+ spans/),
    });
    await endsWith(story, 'v2', before);
    if (place.spans === undefined) return;
    const tags = await place.spans(`forecast.${namespace}.svc.cluster.local`, PORT, 'v2');
    expect(new Set(tags.map(tag => tag['end-user']))).toEqual(new Set(['alice', 'jason']));
    expect(new Set(tags.map(tag => tag['team']))).toEqual(new Set(['weather']));
  } finally {
    story.close();
  }
}
