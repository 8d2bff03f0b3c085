import { isoSeconds } from '../../rollout/index.ts';
import type { Prepared } from './prepare.ts';
import { isAsked } from './progress.ts';
import { MOST_READINGS, type Walked } from './walk.ts';
import { lengthText, percentText } from './words.ts';

type Known = {
  readonly prepared: Prepared;
  readonly walked: Walked;
  /** By provider of spans, in ms. */
  readonly skipped: ReadonlyMap<string, number>;
  /** Where the cluster is that was asked; absent: none was. */
  readonly cluster: string | undefined;
};

/** What was assumed, left out or is missing: without it the figures say less than they seem to. */
export const notesOf = (known: Known): readonly string[] => [
  ...aboutData(known),
  ...aboutReadings(known),
  ...aboutCluster(known),
  ...known.prepared.assumed.map(text => `assumed: ${text}`),
];

const aboutData = ({ prepared, walked }: Known): readonly string[] => {
  const { host, stable, canary, range } = prepared.subjects;
  const time = `from ${isoSeconds(range.fromMs)} to ${isoSeconds(range.toMs)}`;
  if (prepared.isHostSeen === false) {
    return [
      `Prometheus knows no requests to ${host} ${time}: is the host right, are its callers or pods in the mesh, does Prometheus keep data that long?`,
    ];
  }
  const unseen = [stable, canary].filter(({ isSeen }) => isSeen === false);
  return [
    ...unseen.map(({ version, workloads }) => `Prometheus knows no requests of ${workloads.join(', ')} (${version}) ${time}`),
    ...(walked.requests.stable === 0 && walked.requests.canary > 0
      ? [`${stable.version} had no requests, so nothing is compared`]
      : []),
  ];
};

const aboutReadings = ({ prepared, walked, skipped }: Known): readonly string[] => {
  const lateMs = prepared.subjects.range.toMs - spansUntilMs(walked);
  const { plan, intervalMs, spans, requests } = walked;
  const webhooks = plan.gates.filter(gate => !isAsked(gate)).length;
  const sampled = Object.entries(spans).flatMap(([provider, { canary }]) => {
    const percent = (100 * canary) / Math.max(1, requests.canary);
    return canary > 0 && percent < 99 ? [`${provider} has spans of ${percentText(percent)} of the new version's requests`] : [];
  });
  return [
    ...(walked.isSpread
      ? [`read every ${lengthText(intervalMs)}, as at most ${MOST_READINGS} readings are made; a failure is seen that much later`]
      : []),
    ...(plan.initialDelayMs > 0 ? [`the first ${lengthText(plan.initialDelayMs)} are not judged (analysis.initialDelay)`] : []),
    ...(webhooks > 0 ? ['webhooks are not called'] : []),
    ...(lateMs > 1_000 ? [`spans of the last ${lengthText(lateMs)} may not have arrived, and do not count`] : []),
    ...sampled,
    ...[...skipped].map(([provider, ms]) => `${provider} has too many spans to read all: ${lengthText(ms)} were left out`),
  ];
};

/** A gate that has failed was not read any further. */
const spansUntilMs = ({ gates }: Walked): number => {
  const going = gates.filter(({ plan, failed }) => plan.source.kind === 'zipkin' && failed === undefined);
  return Math.min(...going.map(({ state }) => Date.parse(state.until ?? '')).filter(Number.isFinite));
};

/** A kubeconfig may lead to another cluster than the one that the metrics are of. */
const aboutCluster = ({ prepared: { subjects }, cluster }: Known): readonly string[] => {
  const hasPods = [subjects.stable, subjects.canary].some(({ origin }) => origin === 'pods');
  return cluster !== undefined && hasPods ? [`pods are those of the cluster at ${cluster}`] : [];
};
