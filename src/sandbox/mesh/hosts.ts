/** `forecast` in namespace weather becomes forecast.weather.svc.cluster.local; names with dots stand as they are. */
export function fullHost(host: string, namespace: string): string {
  return host.includes('.') || host === '*' ? host : `${host}.${namespace}.svc.cluster.local`;
}
