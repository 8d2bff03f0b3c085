const CLUSTER_SUFFIX = '.svc.cluster.local';

/**
 * The full name of a host as Istio reads it in an object of `namespace`: only a name without a dot is short. So
 * `forecast.weather` is a host of its own in the eyes of the mesh, and not the service.
 */
export const fullHost = (host: string, namespace: string): string =>
  host === '' || host.includes('.') || host === '*' ? host : `${host}.${namespace}${CLUSTER_SUFFIX}`;

/**
 * The full name of a service as people write it in a Rollout of `namespace`: `forecast`, `forecast.weather` and
 * `forecast.weather.svc` become `forecast.weather.svc.cluster.local`. Other names stay as they are.
 */
export function serviceHost(host: string, namespace: string): string {
  const name = host.toLowerCase().replace(/\.$/, '');
  if (name.endsWith(CLUSTER_SUFFIX)) return name;
  const [service, second, third, ...more] = name.split('.');
  if (second === undefined) return `${service}.${namespace}${CLUSTER_SUFFIX}`;
  if (third === undefined || (third === 'svc' && more.length === 0)) return `${service}.${second}${CLUSTER_SUFFIX}`;
  return name;
}

/** The namespace of the service with this full name; `undefined` for a host outside of the cluster. */
export const serviceNamespace = (host: string): string | undefined =>
  host.endsWith(CLUSTER_SUFFIX) ? host.slice(0, -CLUSTER_SUFFIX.length).split('.')[1] : undefined;

/** Whether a host of a DestinationRule with a wildcard in front (`*`, `*.local`) covers the full name. */
export const wildcardCovers = (pattern: string, host: string): boolean =>
  pattern.startsWith('*') && host.endsWith(pattern.slice(1));
