/** `forecast` in namespace weather becomes forecast.weather.svc.cluster.local; names with dots stand as they are. Lower-case. */
export function fullHost(host: string, namespace: string): string {
  return (host.includes('.') || host === '*' ? host : `${host}.${namespace}.svc.cluster.local`).toLowerCase();
}

/** How closely a pattern fits a host: exact is most, then the longest `*.suffix`, then `*`; 0 is not at all. */
export function closeness(pattern: string, host: string): number {
  if (pattern === host) return Number.POSITIVE_INFINITY;
  if (pattern === '*') return 1;
  return pattern.startsWith('*.') && host.endsWith(pattern.slice(1)) ? pattern.length : 0;
}

/** The hosts that both patterns stand for: the narrower one, where one lies in the other. */
export function commonHost(a: string, b: string): string | undefined {
  if (closeness(a, b) > 0) return b;
  return closeness(b, a) > 0 ? a : undefined;
}
