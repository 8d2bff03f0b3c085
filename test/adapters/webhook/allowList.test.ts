import { describe, expect, it } from 'vitest';
import { canonicalHost, isForbidden } from '../../../src/adapters/webhook/addresses.ts';
import { createAllowList } from '../../../src/adapters/webhook/allowList.ts';

const allows = (pattern: string, url: string): boolean => createAllowList([pattern]).allows(new URL(url));

describe('the allow list of webhook gates', () => {
  it.each([
    ['https://ci.example.com', 'https://ci.example.com/smoke?x=1'],
    ['https://ci.example.com/', 'https://CI.example.com/any'],
    ['https://*.example.com', 'https://ci.example.com/'],
    ['https://ci.*.example.com', 'https://ci.eu.example.com/'],
    ['https://ci.example.com:8443', 'https://ci.example.com:8443/'],
    ['http://ci:*', 'http://ci:8080/'],
    ['https://ci.example.com/gates/*', 'https://ci.example.com/gates/smoke'],
    ['https://ci.example.com/smoke', 'https://ci.example.com/smoke?version=v2'],
    ['http://127.0.0.1:9', 'http://127.0.0.1:9/'],
    ['http://[::1]:9', 'http://[0:0:0:0:0:0:0:1]:9/'],
  ])('%s allows %s', (pattern, url) => {
    expect(allows(pattern, url)).toBe(true);
  });

  it.each([
    ['https://ci.example.com', 'http://ci.example.com/'],
    ['https://ci.example.com', 'https://ci.example.com:8443/'],
    ['https://ci.example.com', 'https://ci.example.com.evil.org/'],
    ['https://ci.example.com', 'https://evil.org/ci.example.com'],
    ['https://ci.example.com', 'https://ci.example.com@evil.org/'],
    ['https://*.example.com', 'https://example.com/'],
    ['https://*.example.com', 'https://a.b.example.com/'],
    ['https://*.example.com', 'https://evil.org/.example.com'],
    ['https://ci.example.com/gates/*', 'https://ci.example.com/gates/../admin'],
    ['https://ci.example.com/gates/*', 'https://ci.example.com/gates/%2e%2e/admin'],
    ['https://ci.example.com/smoke', 'https://ci.example.com/smoke/more'],
    ['http://*.*.*.*', 'http://10.0.0.5/'],
    ['nonsense', 'https://ci.example.com/'],
  ])('%s does not allow %s', (pattern, url) => {
    expect(allows(pattern, url)).toBe(false);
  });

  it('knows which addresses it names themselves', () => {
    const list = createAllowList(['http://127.0.0.1:8080', 'http://*.example.com:*', 'http://[::1]/gates/*']);
    const names = (address: string, url: string): boolean => list.names(address, new URL(url));
    expect(names('127.0.0.1', 'http://ci.example.com:8080/')).toBe(true);
    expect(names('::1', 'http://ci.example.com/gates/smoke')).toBe(true);
    expect(names('127.0.0.1', 'http://ci.example.com:22/')).toBe(false);
    expect(names('127.0.0.1', 'https://ci.example.com:8080/')).toBe(false);
    expect(names('::1', 'http://ci.example.com/admin')).toBe(false);
    expect(names('127.0.0.2', 'http://ci.example.com:8080/')).toBe(false);
  });
});

describe('addresses', () => {
  it.each([
    '127.0.0.1',
    '127.255.0.9',
    '0.0.0.0',
    '169.254.169.254',
    '239.1.1.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    'fd00:ec2::254',
    'no address',
  ])('%s is nowhere to go', address => {
    expect(isForbidden(address)).toBe(true);
  });

  it.each(['10.0.0.5', '192.168.1.1', '203.0.113.9', '2001:db8::1', 'fd12::1', '::ffff:10.0.0.5'])('%s is', address => {
    expect(isForbidden(address)).toBe(false);
  });

  it('are compared in one way of writing', () => {
    expect(['::ffff:10.0.0.5', '[0:0::1]', '0x7f.1', '2130706433', 'CI.example.com'].map(canonicalHost)).toEqual([
      '10.0.0.5',
      '::1',
      '127.0.0.1',
      '127.0.0.1',
      'ci.example.com',
    ]);
  });
});
