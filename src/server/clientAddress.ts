import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** Who sent a request; what stands in `X-Forwarded-For` counts only as far as trusted proxies wrote it. */
export type ClientAddress = (incoming: IncomingMessage) => string;

/** `trustedProxies`: networks as `address/bits`. */
export const createClientAddress = (trustedProxies: readonly string[]): ClientAddress => {
  const isTrusted = createNetworks(trustedProxies);
  return incoming => {
    const hops = (incoming.headersDistinct['x-forwarded-for'] ?? []).join(',').split(',');
    let address = plainAddress(incoming.socket.remoteAddress ?? '');
    while (isTrusted(address)) {
      const before = plainAddress(hops.pop() ?? '');
      if (!isIPv4(before) && !isIPv6(before)) break;
      address = before;
    }
    return address;
  };
};

/** Whether an address, in the form of `plainAddress`, is of one of these networks (`address/bits`). */
export const createNetworks = (networks: readonly string[]): ((address: string) => boolean) => {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits = ''] = network.split('/');
    list.addSubnet(address, Number(bits), familyOf(address));
  }
  return address => list.check(address, familyOf(address));
};

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');

/** Some proxies write a port too; IPv4 may come in the form of IPv6. */
export const plainAddress = (written: string): string => {
  const text = written.trim();
  const [, inBrackets] = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? [];
  const [, beforePort] = /^([\d.]+):\d+$/.exec(text) ?? [];
  return (inBrackets ?? beforePort ?? text).replace(/^::ffff:(?=\d+\.)/i, '');
};

/** What limits count by: whoever has one IPv6 address has the 2^64 of its network. */
export const networkOf = (address: string): string => {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  return [...front, ...Array<string>(zeros).fill('0'), ...back]
    .slice(0, 4)
    .map(group => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':');
};
