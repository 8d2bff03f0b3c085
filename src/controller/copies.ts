import { type Measurement, type PlanGate, percentText } from '../rollout/index.ts';
import type { ProviderSums } from './sums.ts';

/** With more copies without an answer than this nobody can say that the version works. */
const MOST_UNANSWERED = 0.05;

/**
 * A measurement of a step in which the new version gets nothing but mirrored copies: they are no share of the requests, and
 * when nobody tells of them, or of too few of them, there is something to say about it.
 */
export const ofCopies = (
  measurement: Measurement,
  { source }: PlanGate,
  sums: Pick<ProviderSums, 'requests' | 'unanswered'>,
  version: string,
): Measurement => {
  if (measurement.kind !== 'counts') return measurement;
  const { canaryPercent: _, requests: __, ...told } = measurement;
  if (source.kind === 'unattributed') return told;
  const missing = missingAnswers(sums, version);
  if (missing !== undefined) return { ...told, missing };
  const isSilent = measurement.counts.total === 0 && (source.kind === 'zipkin' || sums.requests.stable > 0);
  return isSilent ? { ...told, hint: whyNoCopies(source, version) } : told;
};

/** Why a provider may know nothing of mirrored copies, and what to do about it. */
export const whyNoCopies = ({ kind }: Pick<PlanGate['source'], 'kind'>, version: string): string =>
  kind === 'zipkin'
    ? "Istio's proxies do not trace mirrored copies: judge this step by Prometheus, or promote it"
    : `mirrored copies are counted at the receiving side only: do the pods of ${version} have a sidecar that Prometheus reads?`;

/** A version that hangs fails no copy: the proxy that sent it gives up, and so it does when the original is over before the upload. */
const missingAnswers = (
  { requests, unanswered }: Pick<ProviderSums, 'requests' | 'unanswered'>,
  version: string,
): string | undefined => {
  const total = requests.canary + unanswered;
  if (total === 0 || unanswered <= MOST_UNANSWERED * total) return undefined;
  const share = percentText({ bad: unanswered, total });
  return `${share} of ${total} mirrored copies ended without an answer of ${version}: it is slower than the timeout of the route, or uploads end early; promote the step if that is so by nature`;
};
