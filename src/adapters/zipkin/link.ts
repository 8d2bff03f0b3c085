import { serviceName } from './view.ts';

/** Of one page; the newest are shown. */
const LIMIT = 100;

/**
 * Where the web page of a Zipkin lists the traces of a version: the spans of its own proxies name it. Calls that reached no
 * pod are not among them; they are in the traces of whoever called.
 */
export const tracesLink = (
  publicUrl: string,
  { host, version }: { readonly host: string; readonly version: string },
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): string => {
  const query = {
    serviceName: serviceName(host),
    annotationQuery: `istio.canonical_revision=${version}`,
    lookback: 'range',
    startTs: String(Math.floor(fromMs)),
    endTs: String(Math.ceil(toMs)),
    limit: String(LIMIT),
  };
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${publicUrl.replace(/\/zipkin$/, '')}/zipkin/?${pairs.join('&')}`;
};
