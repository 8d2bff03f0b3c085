import type { Cause, PodCounts } from '../observation.ts';
import { countText } from './gateFigures.ts';

/** What Envoy's response flags mean, as far as they say why a request failed. */
const FLAGS: Readonly<Record<string, string>> = {
  UH: 'no healthy upstream',
  UF: 'upstream connection failure',
  UO: 'upstream overflow, a circuit breaker is open',
  UC: 'upstream closed the connection',
  UT: 'upstream request timeout',
  UR: 'upstream reset the stream',
  URX: 'gave up after retries',
  UPE: 'upstream protocol error',
  UMSDR: 'upstream stream lasted too long',
  NR: 'no route',
  NC: 'no such cluster',
  NFCF: 'no filter configuration',
  LH: 'failed health check',
  LR: 'connection reset locally',
  RL: 'rate limited',
  RLSE: 'rate limit service error',
  UAEX: 'refused by external authorization',
  FI: 'fault injected',
  DI: 'delay injected',
  DT: 'downstream request timeout',
  DPE: 'downstream protocol error',
  SI: 'stream idle timeout',
  OM: 'overload manager',
  DF: 'DNS lookup failed',
};

/** From this share on, one kind of failure stands for most of them. */
const MOST = 0.5;

/** Why a version failed, to be put behind the verdict; empty when there is nothing to point at. */
export const causeSentence = ({
  causes = [],
  pods = [],
}: {
  readonly causes?: readonly Cause[];
  readonly pods?: readonly PodCounts[];
}): string => [causeOfMost(causes), podToBlame(pods)].map(text => (text === undefined ? '' : `; ${text}`)).join('');

/** `41 of 52 failures: 503 UH, no healthy upstream`; nothing when no kind of failure has most of them. */
const causeOfMost = (causes: readonly Cause[]): string | undefined => {
  const total = causes.reduce((sum, { count }) => sum + count, 0);
  const [first] = [...causes].sort((a, b) => b.count - a.count);
  if (first === undefined || total === 0 || first.count < MOST * total) return undefined;
  return `${share(first.count, total)} failures: ${first.what}${meaning(first.what)}`;
};

const meaning = (what: string): string => {
  const known = what
    .split(/[\s,]+/)
    .map(flag => (Object.hasOwn(FLAGS, flag) ? FLAGS[flag] : undefined))
    .filter(text => text !== undefined);
  return known.map(text => `, ${text}`).join('');
};

const share = (part: number, total: number): string =>
  part === total ? `all ${countText(total)}` : `${countText(part)} of ${countText(total)}`;

/** One pod has most of the failures, and far more than its part of the requests. */
const BLAMED = 0.6;

/** `38 of 40 errors from pod forecast-v2-x`; nothing when failures are spread as the requests are, or there is one pod only. */
const podToBlame = (pods: readonly PodCounts[]): string | undefined => {
  const failures = pods.reduce((sum, pod) => sum + pod.failures, 0);
  const requests = pods.reduce((sum, pod) => sum + pod.requests, 0);
  const [worst] = [...pods].sort((a, b) => b.failures - a.failures);
  if (worst === undefined || failures === 0 || pods.filter(pod => pod.requests > 0).length < 2) return undefined;
  const part = worst.failures / failures;
  if (part < BLAMED || part < (1.5 * worst.requests) / Math.max(1, requests)) return undefined;
  return `${share(worst.failures, failures)} errors from pod ${worst.name}`;
};
