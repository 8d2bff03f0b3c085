import type { ProxyResponse } from '../http/response.ts';
import type { Series } from './answer.ts';

/** Counters that belong together: one request counter, or the buckets of one histogram. */
export type Group = {
  readonly metric: string;
  readonly reporter: string;
  readonly workload: string;
  readonly namespace: string | undefined;
  readonly response: ProxyResponse;
  /** The pod of the version that told it; absent where the scrape does not say, and for counters of other proxies than its own. */
  readonly pod: string | undefined;
  readonly series: readonly Series[];
};

/** Labels that Istio's proxies set themselves; all others come from the scrape. */
const proxyLabel = /^(?:__name__|reporter|request_protocol|connection_security_policy|(?:source|destination|response|grpc)_.*)$/;

/**
 * Series grouped to counters, each proxy's once. Clusters often scrape one pod twice (by the merged metrics of its
 * agent and by its proxy's own port); counted twice, the same request would weigh twice as evidence. Where the scrape
 * tells the pod, of equal counters of one pod the first by its labels is taken, unless its samples are much sparser: a
 * choice that changed from reading to reading would count the time between the two scrapes twice.
 */
export function groupCounters(series: readonly Series[]): readonly Group[] {
  const byLabels = new Map<string, Series[]>();
  for (const one of series) {
    const key = keyOf(one, isNotEdge);
    const members = byLabels.get(key);
    if (members === undefined) byLabels.set(key, [one]);
    else members.push(one);
  }
  const byProxy = new Map<string, readonly Series[]>();
  for (const [key, members] of [...byLabels].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const proxy = proxyKey(members, key);
    const other = byProxy.get(proxy);
    if (other === undefined || isMuchDenser(members, other)) byProxy.set(proxy, members);
  }
  return [...byProxy.values()].map(toGroup);
}

function isNotEdge(label: string): boolean {
  return label !== 'le';
}

function isProxyLabel(label: string): boolean {
  return proxyLabel.test(label);
}

/** Large hosts have tens of thousands of series with thirty labels each: Prometheus tells those in order, so sorting is rare. */
function keyOf({ labels }: Series, isPart: (label: string) => boolean): string {
  const names: string[] = [];
  let isSorted = true;
  for (const name in labels) {
    if (!isPart(name)) continue;
    isSorted &&= (names.at(-1) ?? '') <= name;
    names.push(name);
  }
  if (!isSorted) names.sort();
  let key = '';
  for (const name of names) key += `${name}\u0001${labels[name]}\u0002`;
  return key;
}

function proxyKey(members: readonly Series[], key: string): string {
  const first = members[0];
  const pod = first && podOf(first.labels);
  return first === undefined || pod === undefined ? key : `${pod}\u0002${keyOf(first, isProxyLabel)}`;
}

/** The scraped pod: the receiver's own, or, for counters of senders and waypoints, theirs. */
function podOf(labels: Series['labels']): string | undefined {
  return labels['pod'] ?? labels['pod_name'] ?? labels['kubernetes_pod_name'];
}

function isMuchDenser(members: readonly Series[], others: readonly Series[]): boolean {
  return (members[0]?.samples.length ?? 0) > 1.5 * (others[0]?.samples.length ?? 0);
}

function toGroup(series: readonly Series[]): Group {
  const labels = series[0]?.labels ?? {};
  return {
    metric: labels['__name__'] ?? '',
    reporter: labels['reporter'] ?? '',
    workload: labels['destination_workload'] ?? '',
    namespace: labels['destination_workload_namespace'],
    response: {
      code: labels['response_code'],
      flags: labels['response_flags'],
      grpcStatus: labels['request_protocol'] === 'grpc' ? labels['grpc_response_status'] : undefined,
    },
    pod: labels['reporter'] === 'destination' ? podOf(labels) : undefined,
    series,
  };
}
