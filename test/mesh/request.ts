/** One request, and the proxy that routes it. */
export interface MeshRequest {
  /** The authority without a port. */
  readonly host: string;
  /** Without the query. Default `/`. */
  readonly path?: string;
  /** Default GET. */
  readonly method?: string;
  /** Default http. */
  readonly scheme?: string;
  /** Names in any case; several values are several lines of the header. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Parameters as they stand in the address, not decoded; of several values the first one counts. */
  readonly query?: Readonly<Record<string, string>>;
  /** Who routes: the sidecar of the caller (`mesh`, the default), or a gateway as `namespace/name`. */
  readonly gateway?: string;
  /** Labels of the proxy's workload: of the caller, or of the gateway. */
  readonly sourceLabels?: Readonly<Record<string, string>>;
  /** Namespace of the proxy's workload; short hosts of the caller are meant in it. */
  readonly sourceNamespace?: string;
  /** Port of the gateway's server, or of the service that the caller asks for. */
  readonly port?: number;
}

/** Envoy joins the lines of these itself, as it does with the other names that it has a place for. */
const JOINED = ['user-agent', 'x-forwarded-for', 'x-request-id'];

/** The lines of a header. Each is compared by itself, and one that fits is enough. */
export function linesOf(request: MeshRequest, name: string): readonly string[] {
  const pseudo: Readonly<Record<string, string>> = {
    ':authority': request.host,
    ':method': request.method ?? 'GET',
    ':path': request.path ?? '/',
    ':scheme': request.scheme ?? 'http',
  };
  const known = pseudo[name];
  if (known !== undefined) return [known];
  const wanted = name.toLowerCase();
  const lines = Object.entries(request.headers ?? {}).flatMap(([key, value]) => (key.toLowerCase() === wanted ? value : []));
  return JOINED.includes(wanted) && lines.length > 0 ? [lines.join(',')] : lines;
}
