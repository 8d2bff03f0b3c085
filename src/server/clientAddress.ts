import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** Who sent a request; what stands in `X-Forwarded-For` counts only as far as trusted proxies wrote it. */
export type ClientAddress = (incoming: IncomingMessage) => string;

/** `trustedProxies`: networks as `address/bits`. */
export const createClientAddress = (trustedProxies: readonly string[]): ClientAddress => {
  const trusted = new BlockList();
  for (const network of trustedProxies) {
    const [address = '', bits = ''] = network.split('/');
    trusted.addSubnet(address, Number(bits), familyOf(address));
  }
  const isTrusted = (address: string): boolean => trusted.check(address, familyOf(address));
  return incoming => {
    const hops = (incoming.headersDistinct['x-forwarded-for'] ?? []).join(',').split(',');
    let address = plain(incoming.socket.remoteAddress ?? '');
    while (isTrusted(address)) {
      const before = plain(hops.pop() ?? '');
      if (!isIPv4(before) && !isIPv6(before)) break;
      address = before;
    }
    return address;
  };
};

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');

/** Some proxies write a port too; IPv4 may come in the form of IPv6. */
const plain = (written: string): string => {
  const text = written.trim();
  const [, inBrackets] = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? [];
  const [, beforePort] = /^([\d.]+):\d+$/.exec(text) ?? [];
  return (inBrackets ?? beforePort ?? text).replace(/^::ffff:(?=\d+\.)/i, '');
};
