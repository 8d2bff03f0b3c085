import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createElector, type Elector } from '../../../src/adapters/kubernetes/elector.ts';
import type { Addresses } from '../../../src/adapters/kubernetes/lease.ts';
import type { KubeObject } from '../../../src/adapters/kubernetes/resources.ts';
import { createMemoryObjects } from './memoryObjects.ts';
import { createLines } from './quiet.ts';

const LEASE = { namespace: 'sluice-system', name: 'sluice' };

let api: ReturnType<typeof createMemoryObjects>;
let log: ReturnType<typeof createLines>;
let electors: Elector[];

const elector = (identity: string, skewMs = 0, own: Addresses = {}): Elector => {
  const clock = { now: () => Date.now() + skewMs };
  const made = createElector({ client: api, ...LEASE, identity, clock, logger: log.logger, addresses: () => own });
  electors.push(made);
  return made;
};

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const lease = (): KubeObject | undefined => api.objects.get('sluice-system/sluice');
const spec = (): Readonly<Record<string, unknown>> => (lease()?.['spec'] ?? {}) as Readonly<Record<string, unknown>>;

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime('2026-05-01T12:00:00.250Z');
  api = createMemoryObjects();
  log = createLines();
  electors = [];
});

afterEach(async () => {
  api.fail(undefined);
  await Promise.all(electors.map(one => one.stop()));
  vi.useRealTimers();
});

describe('R31: one leader', () => {
  it('takes the lease when there is none, and writes times with six decimals', async () => {
    const one = elector('one');
    expect(one.isLeader()).toBe(false);
    one.start();
    await pass(0);
    expect(one.isLeader()).toBe(true);
    expect(one.remainingMs(Date.now())).toBe(10_000);
    expect(spec()).toEqual({
      holderIdentity: 'one',
      leaseDurationSeconds: 10,
      leaseTransitions: 0,
      acquireTime: '2026-05-01T12:00:00.250000Z',
      renewTime: '2026-05-01T12:00:00.250000Z',
    });
  });

  it('renews with one request every two seconds, and keeps what others wrote', async () => {
    const one = elector('one');
    one.start();
    await pass(0);
    api.calls.length = 0;
    await pass(20_000);
    expect(api.calls).toEqual(Array(10).fill('replace'));
    expect(one.remainingMs(Date.now())).toBeGreaterThanOrEqual(8_000);
    const touched = lease();
    if (touched) api.store({ ...touched, metadata: { ...touched.metadata, labels: { by: 'someone' } } });
    await pass(2_000);
    expect(one.isLeader()).toBe(true);
    expect(lease()?.metadata.labels).toEqual({ by: 'someone' });
  });

  it('a second one waits for a whole lease from when it saw the last renewal, whatever the clocks say', async () => {
    const one = elector('one', -3_600_000);
    one.start();
    await pass(0);
    const two = elector('two', +3_600_000);
    two.start();
    await pass(30_000);
    expect([one.isLeader(), two.isLeader()]).toEqual([true, false]);
    api.replace = async () => Promise.reject(new Error('cut off'));
    await pass(8_100);
    expect(two.isLeader()).toBe(false);
  });

  it('follows one that has died, with the next epoch', async () => {
    api.store({ metadata: LEASE, spec: { holderIdentity: 'dead', leaseDurationSeconds: 10, leaseTransitions: 4 } });
    const two = elector('two');
    two.start();
    await pass(9_900);
    expect(two.isLeader()).toBe(false);
    await pass(2_200);
    expect(two.isLeader()).toBe(true);
    expect(two.epoch()).toBe(5);
    expect(spec()['holderIdentity']).toBe('two');
  });

  it('a process that starts again under its name leads at once, in a new term', async () => {
    api.store({ metadata: LEASE, spec: { holderIdentity: 'one', leaseDurationSeconds: 10, leaseTransitions: 4 } });
    const one = elector('one');
    one.start();
    await pass(0);
    expect([one.isLeader(), one.epoch()]).toEqual([true, 5]);
  });

  it('is over when it was not renewed in time, and says so at once', async () => {
    const told: boolean[] = [];
    const one = elector('one');
    one.onChange(isLeader => told.push(isLeader));
    one.start();
    await pass(1_000);
    api.fail('unavailable');
    await pass(8_900);
    expect(one.isLeader()).toBe(true);
    expect(one.remainingMs(Date.now())).toBe(100);
    await pass(102);
    expect([one.isLeader(), one.remainingMs(Date.now()), told]).toEqual([false, 0, [true, false]]);
    expect(log.lines.filter(line => line.level === 'warn')).toHaveLength(1);
    api.fail(undefined);
    await pass(2_100);
    expect([one.isLeader(), one.epoch(), told]).toEqual([true, 1, [true, false, true]]);
  });

  it('is over for a process that was stopped for longer than its lease, before it does anything else', async () => {
    const one = elector('one');
    one.start();
    await pass(0);
    vi.setSystemTime(Date.now() + 10_001);
    expect([one.isLeader(), one.remainingMs(Date.now())]).toEqual([false, 0]);
  });

  it('does not last longer when the clock is set back', async () => {
    const one = elector('one');
    one.start();
    await pass(0);
    api.fail('unavailable');
    vi.setSystemTime(Date.now() - 3_600_000);
    await pass(10_100);
    expect(one.isLeader()).toBe(false);
  });

  it('is over when another name stands there', async () => {
    const one = elector('one');
    one.start();
    await pass(0);
    api.store({ metadata: LEASE, spec: { holderIdentity: 'two', leaseDurationSeconds: 10, leaseTransitions: 1 } });
    await pass(2_000);
    expect(one.isLeader()).toBe(false);
    expect(spec()['holderIdentity']).toBe('two');
  });

  it('makes the lease anew when somebody has deleted it', async () => {
    const one = elector('one');
    one.start();
    await pass(0);
    api.objects.clear();
    await pass(2_000);
    expect([one.isLeader(), spec()['holderIdentity']]).toEqual([true, 'one']);
  });

  it('of two that race for a free lease one wins', async () => {
    const [one, two] = [elector('one'), elector('two')];
    one.start();
    two.start();
    await pass(0);
    expect([one.isLeader(), two.isLeader()].filter(Boolean)).toHaveLength(1);
    expect(log.lines.filter(line => line.level === 'warn')).toEqual([]);
  });

  it('releases on stop, tells first, and asks nothing more', async () => {
    const one = elector('one');
    const told: string[] = [];
    one.onChange(isLeader => told.push(`${isLeader} while ${String(spec()['holderIdentity'])}`));
    one.start();
    await pass(0);
    await one.stop();
    expect(spec()['holderIdentity']).toBe('');
    expect(told).toEqual(['true while one', 'false while one']);
    const count = api.calls.length;
    await pass(60_000);
    expect(api.calls).toHaveLength(count);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('stops within two seconds while the API server is silent', async () => {
    const one = elector('one');
    one.start();
    await pass(0);
    api.replace = (_, __, options?: { signal?: AbortSignal; timeoutMs?: number }) =>
      new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
        setTimeout(() => reject(new Error('time is over')), options?.timeoutMs);
      });
    await pass(2_100);
    let stopped = false;
    void one.stop().then(() => {
      stopped = true;
    });
    await pass(2_000);
    expect([stopped, one.isLeader()]).toEqual([true, false]);
  });
});

describe('where the leader is reached', () => {
  const ONE = { api: '10.0.0.1:8080', hooks: '[fd00::1]:8081' };

  it('stands on the lease for those that wait, at no further request', async () => {
    const one = elector('one', 0, ONE);
    one.start();
    await pass(0);
    const two = elector('two', 0, { api: '10.0.0.2:8080' });
    expect(two.leader()).toBeUndefined();
    two.start();
    await pass(500);
    expect([one.leader(), two.leader()]).toEqual([undefined, ONE]);
    expect(lease()?.metadata.annotations).toEqual({
      'sluice.dev/api-address': '10.0.0.1:8080',
      'sluice.dev/hooks-address': '[fd00::1]:8081',
    });
    await one.stop();
    expect(lease()?.metadata.annotations).toBeUndefined();
    await pass(1_000);
    expect([two.isLeader(), two.leader()]).toEqual([true, undefined]);
    expect(lease()?.metadata.annotations).toEqual({ 'sluice.dev/api-address': '10.0.0.2:8080' });
  });

  it('is forgotten when the lease ends', async () => {
    const spec = { holderIdentity: 'dead', leaseDurationSeconds: 10, leaseTransitions: 4 };
    api.store({ metadata: { ...LEASE, annotations: { 'sluice.dev/api-address': '10.0.0.1:8080' } }, spec });
    const two = elector('two');
    two.start();
    await pass(9_000);
    expect(two.leader()).toEqual({ api: '10.0.0.1:8080' });
    api.fail('unavailable');
    await pass(2_000);
    expect([two.isLeader(), two.leader()]).toEqual([false, undefined]);
  });

  it.each(['elsewhere.example:80', 'http://10.0.0.1:80', '10.0.0.1:80/path', '10.0.0.1', 'user@10.0.0.1:80', ''])(
    'is an address and nothing else: %j is none',
    async written => {
      const spec = { holderIdentity: 'one', leaseDurationSeconds: 10, leaseTransitions: 4 };
      api.store({ metadata: { ...LEASE, annotations: { 'sluice.dev/api-address': written } }, spec });
      const two = elector('two');
      two.start();
      await pass(0);
      expect(two.leader()).toEqual({});
    },
  );

  it('keeps other annotations', async () => {
    const spec = { holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 4 };
    api.store({ metadata: { ...LEASE, annotations: { by: 'someone', 'sluice.dev/hooks-address': '10.0.0.9:1' } }, spec });
    elector('one', 0, { api: '10.0.0.1:8080' }).start();
    await pass(0);
    expect(lease()?.metadata.annotations).toEqual({ by: 'someone', 'sluice.dev/api-address': '10.0.0.1:8080' });
  });
});
