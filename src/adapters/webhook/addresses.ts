import { BlockList, isIP, isIPv6 } from 'node:net';

/**
 * Where nothing that a Rollout names may lead to: this machine, the neighbourhood of its network card (which is where
 * clouds keep their credentials), and what is no address of a single host.
 */
const forbidden = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
] as const)
  forbidden.addSubnet(network, bits);
for (const [network, bits] of [
  ['::', 127],
  ['fe80::', 10],
  ['ff00::', 8],
  ['fd00:ec2::254', 128],
  // IPv4 by way of a translator: the same places under other names
  ['64:ff9b::', 104],
  ['64:ff9b::7f00:0', 104],
  ['64:ff9b::a9fe:0', 112],
] as const)
  forbidden.addSubnet(network, bits, 'ipv6');

/** Loopback, link-local, unspecified and multicast addresses, in whatever way they are written. */
export const isForbidden = (address: string): boolean => {
  const [plain = ''] = address.split('%');
  return isIP(plain) === 0 || forbidden.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
};

/** One way of writing an address, so that two can be compared; a name stays a name. */
export const canonicalHost = (host: string): string => {
  const [plain = ''] = host.replace(/^\[(.*)\]$/, '$1').split('%');
  const { hostname } = new URL(isIPv6(plain) ? `http://[${plain}]` : `http://${plain}`);
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  // ::ffff:127.0.0.1 is written as ::ffff:7f00:1, and means 127.0.0.1
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address) ?? [];
  if (high === undefined || low === undefined) return address;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join('.');
};
