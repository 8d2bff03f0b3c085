import { describe, expect, it } from 'vitest';
import { createCache } from '../../../src/adapters/kubernetes/cache.ts';
import type { KubeObject } from '../../../src/adapters/kubernetes/resources.ts';
import { createLines } from './quiet.ts';

const object = (name: string, resourceVersion: string, uid = name): KubeObject => ({
  metadata: { namespace: 'weather', name, uid, resourceVersion },
});

function world() {
  const log = createLines();
  const { cache, sink } = createCache({ logger: log.logger, transform: (item: KubeObject) => item });
  const version = (name: string) => cache.get('weather', name)?.metadata.resourceVersion;
  return { cache, sink: sink(), sinkOf: sink, version, lines: log.lines };
}

describe('cache', () => {
  it('finds objects by namespace and name', () => {
    const { cache, sink } = world();
    sink.replace([object('a', '1'), object('b', '2'), { metadata: { namespace: 'other', name: 'a', resourceVersion: '3' } }]);
    expect(cache.get('weather', 'b')?.metadata.resourceVersion).toBe('2');
    expect(cache.get('other', 'b')).toBeUndefined();
    expect(cache.list()).toHaveLength(3);
    expect(cache.byNamespace('weather').map(item => item.metadata.name)).toEqual(['a', 'b']);
    expect(cache.byNamespace('none')).toEqual([]);
  });

  it('tells of each change once, with what was before; one handler that throws does not silence the next', () => {
    const { cache, sink, lines } = world();
    const told: string[] = [];
    cache.onChange(() => {
      throw new Error('cannot');
    });
    cache.onChange((before, after) => told.push(`${before?.metadata.resourceVersion} > ${after?.metadata.resourceVersion}`));
    sink.replace([object('a', '1')]);
    sink.set(object('a', '2'));
    sink.set(object('a', '2'));
    sink.replace([object('a', '2')]);
    sink.delete(object('a', '3'));
    sink.delete(object('a', '3'));
    expect(told).toEqual(['undefined > 1', '1 > 2', '2 > undefined']);
    expect(lines).toHaveLength(3);
  });

  it('shows an own write at once and is not set back by an older event', () => {
    const { cache, sink, version } = world();
    sink.replace([object('a', '9')]);
    cache.put(object('a', '11'));
    sink.set(object('a', '10'));
    expect(version('a')).toBe('11');
    sink.set(object('a', '100'));
    expect(version('a')).toBe('100');
    cache.put(object('a', '12'));
    expect(version('a')).toBe('100');
  });

  it('takes what comes last when versions are not numbers', () => {
    const { cache, sink, version } = world();
    cache.put(object('a', 'x2'));
    sink.set(object('a', 'x1'));
    expect(version('a')).toBe('x1');
  });

  it('an answer that comes after the deletion does not bring the object back', () => {
    const { cache, sink, version } = world();
    sink.replace([object('a', '1'), object('b', '1')]);
    sink.delete(object('a', '5'));
    cache.put(object('a', '4'));
    expect(version('a')).toBeUndefined();
    sink.listing();
    sink.replace([]);
    cache.put(object('b', '4'));
    expect(version('b')).toBeUndefined();
    sink.set(object('a', '8', 'another'));
    expect(version('a')).toBe('8');
  });

  it('the deletion of an earlier object of the same name leaves the new one', () => {
    const { cache, sink, version } = world();
    sink.set(object('a', '1', 'old'));
    cache.put(object('a', '7', 'new'));
    sink.delete(object('a', '6', 'old'));
    expect(version('a')).toBe('7');
    sink.delete(object('a', '9', 'new'));
    expect(version('a')).toBeUndefined();
  });

  it('a list is the truth, except for what was written while it was read', () => {
    const { cache, sink, version } = world();
    cache.put(object('before', '20'));
    sink.listing();
    cache.put(object('during', '21'));
    cache.put(object('changed', '22'));
    sink.replace([object('changed', '3')]);
    expect([version('before'), version('during'), version('changed')]).toEqual([undefined, '21', '22']);
    sink.listing();
    sink.replace([object('changed', '3')]);
    expect([version('during'), version('changed')]).toEqual([undefined, '3']);
  });

  it('keeps namespaces with reflectors of their own apart', () => {
    const { cache, sinkOf } = world();
    sinkOf('weather').replace([object('a', '1')]);
    sinkOf('other').replace([]);
    expect(cache.list()).toHaveLength(1);
    sinkOf('weather').replace([]);
    expect(cache.list()).toHaveLength(0);
  });
});
