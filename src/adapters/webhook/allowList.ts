import { isIP, isIPv6 } from 'node:net';
import { isUrlCovered } from '../../rollout/index.ts';

export type AllowList = {
  allows(url: URL): boolean;
  /** Whether an entry names this address itself, for this scheme, port and path, and not a name or a pattern that leads there. */
  names(address: string, url: URL): boolean;
};

const HOST = /^https?:\/\/(\[[0-9a-f:.]+\]|[\d.]+)(?:[:/]|$)/i;

/** The same patterns as where Rollouts are checked: what passes there is checked here once more, at the call. */
export const createAllowList = (patterns: readonly string[]): AllowList => {
  const byAddress = patterns.filter(pattern => isIP(HOST.exec(pattern)?.[1]?.replace(/^\[(.*)\]$/, '$1') ?? '') !== 0);
  return {
    allows: url => patterns.some(pattern => isUrlCovered(url, pattern)),
    names: (address, url) => {
      const there = new URL(url);
      there.hostname = isIPv6(address) ? `[${address}]` : address;
      return byAddress.some(pattern => isUrlCovered(there, pattern));
    },
  };
};
