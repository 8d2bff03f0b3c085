import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createClientAddress } from '../../src/server/clientAddress.ts';
import { createFailureLimit } from '../../src/server/failureLimit.ts';

const request = (remoteAddress: string, ...forwarded: readonly string[]): IncomingMessage =>
  ({
    socket: { remoteAddress },
    headersDistinct: forwarded.length === 0 ? {} : { 'x-forwarded-for': [...forwarded] },
  }) as unknown as IncomingMessage;

describe('the address of a caller', () => {
  const addressOf = createClientAddress(['10.0.0.0/8', 'fd00::/8']);

  it.each([
    ['198.51.100.1', [], '198.51.100.1'],
    ['::ffff:198.51.100.1', [], '198.51.100.1'],
    ['198.51.100.1', ['192.0.2.1'], '198.51.100.1'],
    ['10.0.0.1', ['192.0.2.1'], '192.0.2.1'],
    ['::ffff:10.0.0.1', ['192.0.2.1:5312'], '192.0.2.1'],
    ['10.0.0.1', ['192.0.2.9, 192.0.2.1 , 10.0.0.2'], '192.0.2.1'],
    ['10.0.0.1', ['192.0.2.9', '192.0.2.1'], '192.0.2.1'],
    ['fd00::1', ['[2001:db8::1]:443'], '2001:db8::1'],
    ['fd00::1', ['2001:db8::1'], '2001:db8::1'],
    ['10.0.0.1', ['192.0.2.1, unknown'], '10.0.0.1'],
    ['10.0.0.1', ['<script>'], '10.0.0.1'],
    ['10.0.0.1', [''], '10.0.0.1'],
    ['10.0.0.1', ['10.0.0.2, 10.0.0.3'], '10.0.0.2'],
  ])('%s with %j is %s', (remote, forwarded, address) => {
    expect(addressOf(request(remote, ...forwarded))).toBe(address);
  });
});

describe('failures of an address', () => {
  const clock = { nowMs: 0, now: () => clock.nowMs };
  const isHeldUp = (limit: ReturnType<typeof createFailureLimit>, address: string): boolean => {
    try {
      limit.check(address);
      return false;
    } catch {
      return true;
    }
  };

  it('are forgiven one by one, and those that come too often do not make it last longer', () => {
    const limit = createFailureLimit({ clock, burst: 2, refillMs: 1_000 });
    expect([1, 2, 3, 4].map(() => limit.failed('192.0.2.1'))).toEqual([true, true, false, false]);
    expect([isHeldUp(limit, '192.0.2.1'), isHeldUp(limit, '192.0.2.2')]).toEqual([true, false]);
    clock.nowMs += 1_000;
    expect(isHeldUp(limit, '192.0.2.1')).toBe(false);
    expect([1, 2].map(() => limit.failed('192.0.2.1'))).toEqual([true, false]);
  });

  it('are those of a whole network for IPv6', () => {
    const limit = createFailureLimit({ clock, burst: 1 });
    limit.failed('2001:db8::1');
    expect(isHeldUp(limit, '2001:0DB8:0:0:ffff::2')).toBe(true);
    expect(isHeldUp(limit, '2001:db8:0:1::1')).toBe(false);
    limit.failed('::1');
    expect([isHeldUp(limit, '0:0:0:0:0:0:0:2'), isHeldUp(limit, '1::')]).toEqual([true, false]);
  });

  it('take a bounded memory: what failed longest ago is forgotten', () => {
    const limit = createFailureLimit({ clock, burst: 1, mostAddresses: 2 });
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) limit.failed(address);
    expect(['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(address => isHeldUp(limit, address))).toEqual([false, true, true]);
  });
});
