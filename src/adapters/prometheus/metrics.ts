/** Istio's standard metrics: their names, and the labels that tell the host. */
export const requestsMetric = 'istio_requests_total';
export const durationsMetric = 'istio_request_duration_milliseconds_bucket';

/** Where a host's requests are told: labels of Istio's standard metrics. */
type Destination = { readonly matchers: readonly string[]; readonly namespace: string | undefined };

export function destinationOf(host: string): Destination {
  const [, name, namespace] = /^([^.]+)\.([^.]+)\.svc(?:\.|$)/.exec(host) ?? [];
  if (name === undefined || namespace === undefined) {
    return { matchers: [`destination_service=${JSON.stringify(host)}`], namespace: undefined };
  }
  return {
    matchers: [`destination_service_name=${JSON.stringify(name)}`, `destination_service_namespace=${JSON.stringify(namespace)}`],
    namespace,
  };
}

/** Instant query that answers with the raw samples of all counters that match, in the last `windowMs`. */
export function rangeSelector(matchers: readonly string[], windowMs: number): string {
  return `{${matchers.join(',')}}[${Math.ceil(windowMs / 1000)}s]`;
}
