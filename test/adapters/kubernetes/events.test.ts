import { describe, expect, it, vi } from 'vitest';
import { createEventSink } from '../../../src/adapters/kubernetes/events.ts';
import type { KubeObject, Resource } from '../../../src/adapters/kubernetes/resources.ts';
import type { StoredRollout } from '../../../src/controller/ports.ts';
import { createMemoryObjects, refusal } from './memoryObjects.ts';
import { createLines } from './quiet.ts';

const ROLLOUT: StoredRollout = {
  uid: 'u1',
  namespace: 'weather',
  name: 'forecast',
  generation: 1,
  resourceVersion: '7',
  creationTimestamp: '2026-05-01T12:00:00Z',
  spec: { version: 'v2', strategy: {} },
};

function world(create?: (resource: Resource, object: KubeObject) => Promise<KubeObject>) {
  const api = createMemoryObjects();
  const { lines, logger } = createLines();
  const clock = { now: () => Date.parse('2026-05-01T12:00:00.789Z') };
  const client = { create: create ?? api.create };
  const sink = createEventSink({ client, clock, logger, firstDelayMs: 1, longestDelayMs: 5, capacity: 3 });
  const emitIn = (namespace: string, name: string, message = 'm') =>
    sink.emit({ ...ROLLOUT, namespace }, { name, type: 'Warning', reason: 'GateFailed', message });
  const emit = (name: string, message = 'm') => emitIn('weather', name, message);
  return { api, sink, emit, emitIn, lines };
}

describe('events', () => {
  it('are core/v1 events about the Rollout, with the given name', async () => {
    const { api, sink, emit } = world();
    emit('forecast.7c1f09d2-2-GateFailed', 'x'.repeat(2000));
    await sink.drain(1000);
    const event = api.objects.get('weather/forecast.7c1f09d2-2-gatefailed');
    expect(event).toMatchObject({
      involvedObject: { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', namespace: 'weather', name: 'forecast', uid: 'u1' },
      type: 'Warning',
      reason: 'GateFailed',
      source: { component: 'sluice' },
      firstTimestamp: '2026-05-01T12:00:00Z',
    });
    expect(event?.['message']).toHaveLength(1024);
  });

  it('R35: that exist already are done with', async () => {
    const { api, sink, emit, lines } = world();
    emit('a');
    emit('a');
    await sink.drain(1000);
    expect([api.calls, lines]).toEqual([['create', 'create'], []]);
  });

  it.each(['unavailable', 'badAnswer'] as const)(
    'are sent in order once the API server answers again (%s); the outage is logged once',
    async kind => {
      const names: (string | undefined)[] = [];
      let failures = 3;
      const { sink, emit, lines } = world(async (_, object) => {
        failures -= 1;
        if (failures >= 0) throw refusal(kind);
        names.push(object.metadata.name);
        return object;
      });
      emit('a');
      emit('b');
      await sink.drain(1000);
      expect(names).toEqual(['a', 'b']);
      expect(lines).toHaveLength(1);
    },
  );

  it('that are refused hold up no other', async () => {
    const names: (string | undefined)[] = [];
    const { sink, emit } = world(async (_, object) => {
      if (object.metadata.name === 'a') throw refusal('refused');
      names.push(object.metadata.name);
      return object;
    });
    emit('a');
    emit('b');
    await sink.drain(1000);
    expect(names).toEqual(['b']);
  });

  it('R35: of a namespace that takes none hold up no other namespace', async () => {
    const names: (string | undefined)[] = [];
    const { sink, emitIn, lines } = world(async (_, object) => {
      if (object.metadata.namespace === 'broken') throw refusal('unavailable');
      names.push(object.metadata.name);
      return object;
    });
    emitIn('broken', 'a');
    emitIn('weather', 'b');
    emitIn('weather', 'c');
    await vi.waitFor(() => expect(names).toEqual(['b', 'c']), { timeout: 60_000 });
    await sink.drain(1);
    expect(lines).toHaveLength(1);
  });

  it('are dropped, the oldest first, when too many wait', async () => {
    let open: () => void = () => {};
    const opened = new Promise<void>(resolve => {
      open = resolve;
    });
    const names: (string | undefined)[] = [];
    const { sink, emit, lines } = world(async (_, object) => {
      await opened;
      names.push(object.metadata.name);
      return object;
    });
    for (const name of ['a', 'b', 'c', 'd', 'e']) emit(name);
    open();
    await sink.drain(1000);
    expect(names).toEqual(['a', 'c', 'd', 'e']);
    expect(lines).toHaveLength(1);
  });

  it('are given up when time is over at the end', async () => {
    const create = vi.fn(async () => Promise.reject(refusal('unavailable')));
    const { sink, emit } = world(create);
    emit('a');
    await sink.drain(20);
    const count = create.mock.calls.length;
    emit('b');
    await sink.drain(20);
    expect(create.mock.calls).toHaveLength(count);
  });
});
