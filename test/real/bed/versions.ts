/**
 * Versions of the servers that the bed gets by itself. Pinned, because the measured behaviour (time until a weight is obeyed, flags of
 * failed requests, names of labels) belongs to these versions. A cached file carries its version in its name, so raising one here rebuilds it.
 */
export const VERSIONS = {
  etcd: '3.6.6',
  kubernetes: '1.34.4',
  kwok: '0.7.0',
  /** Istio 1.31 of August 2026: the release itself is no Go module, this commit of it is. */
  istio: '0.0.0-20260827124520-eed52ebb66ad',
  istioApi: '1.31.1',
  /** What proxies tell istiod about themselves. */
  istioProxy: '1.31.0',
  envoy: '1.40.0',
  /** Modules of Envoy's API for istiod: those that Istio's module file names are not published. */
  goControlPlane: '1.40.0',
  goControlPlaneContrib: '1.36.1-0.20260729145720-a2d8c7492908',
  zipkin: '3.5.1',
} as const;
