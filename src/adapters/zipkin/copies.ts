import type { TrafficQuery } from '../../controller/ports.ts';
import { type Call, receivedBy } from './calls.ts';
import type { Span } from './spans.ts';
import { serviceName } from './view.ts';

/** Copies that the pods tell. */
type ReceivedCopies = {
  readonly calls: readonly Call[];
  /** Is this what the sender says about one of them? */
  isKnown(sent: Span): boolean;
  others(spans: readonly Span[]): readonly Span[];
};

export const NO_COPIES: ReceivedCopies = { calls: [], isKnown: () => false, others: spans => spans };

/**
 * Istio tells its proxies not to trace copies. Those that are traced all the same (the sender traces nothing, so that each
 * pod's proxy decides for itself; or an EnvoyFilter asks for it) are told best by the pods: theirs is the new version's own time.
 */
export function receivedCopies(spans: readonly Span[], { host, canary }: TrafficQuery): ReceivedCopies {
  const received = receivedBy(spans, serviceName(host), version => (version === canary.version ? canary.subset : undefined));
  const own = new Set(received.map(([span]) => span));
  const answered = received.filter(([, call]) => !call.cancelled);
  const ids = new Set(answered.flatMap(([{ traceId, id, parentId }]) => [`${traceId} ${id}`, `${traceId} ${parentId}`]));
  return {
    calls: answered.map(([, call]) => call),
    isKnown: ({ traceId, id }) => ids.has(`${traceId} ${id}`),
    others: all => all.filter(span => !own.has(span)),
  };
}
