const CLUSTER_SUFFIX = '.svc.cluster.local';

/**
 * The full name of a host as it is written in an object of `namespace`: `forecast`, `forecast.weather` and
 * `forecast.weather.svc` become `forecast.weather.svc.cluster.local`. Other names, also wildcards, stay as they are.
 */
export function fullHost(host: string, namespace: string): string {
  const name = host.toLowerCase().replace(/\.$/, '');
  if (name.includes('*') || name.endsWith(CLUSTER_SUFFIX)) return name;
  const [service, second, third, ...more] = name.split('.');
  if (second === undefined) return `${service}.${namespace}${CLUSTER_SUFFIX}`;
  if (third === undefined || (third === 'svc' && more.length === 0)) return `${service}.${second}${CLUSTER_SUFFIX}`;
  return name;
}

/** Whether a host of a DestinationRule with a wildcard in front (`*`, `*.local`) covers the full name. */
export const wildcardCovers = (pattern: string, host: string): boolean =>
  pattern.startsWith('*') && host.endsWith(pattern.slice(1));
