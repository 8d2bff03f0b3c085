import { durationText, type PlanGate, type PlanStep } from '../../rollout/index.ts';
import type { ForeseenStep } from './foresee.ts';
import { CLEARLY, type ForeseenGate } from './foreseeGate.ts';
import { isRate } from './searches.ts';

/** Three digits, as nothing here is known better. */
export const figure = (value: number): string => {
  const rounded = Number(value.toPrecision(3));
  return rounded >= 1_000 ? Math.round(rounded).toLocaleString('en-US') : String(rounded);
};

/** `5m`: whole seconds, rounded up. */
export const lengthText = (ms: number): string => durationText(Math.ceil(ms / 1_000) * 1_000);

/** `at least 99 % of requests succeed`, and what they are compared with. */
export const askedOf = (gate: PlanGate): string => {
  const parts = [limitText(gate), baselineText(gate), certifyText(gate)].filter(text => text !== undefined);
  const alpha = gate.alpha === undefined ? '' : `; alpha ${alphaText(gate, gate.alpha)}`;
  const plain =
    gate.judge === 'plain' && gate.source.kind !== 'webhook'
      ? `; plain, fails when broken more than ${counted(gate.failureLimit)} in a row`
      : '';
  const pauses = gate.onFailure === 'pause' ? '; a failure pauses' : '';
  return `${parts.join(', and ')}${alpha}${plain}${pauses}`;
};

const counted = (times: number): string => (times === 1 ? 'once' : `${times} times`);

/** A limit begins anew in each step, so its part is smaller there. */
const alphaText = ({ stepAlpha, baseline }: PlanGate, alpha: number): string => {
  if (stepAlpha === undefined) return baseline === undefined ? figure(alpha) : `${figure(alpha)} each`;
  return baseline === undefined
    ? `${figure(stepAlpha)} in each step`
    : `${figure(stepAlpha)} in each step for the limit, ${figure(alpha)} for the comparison`;
};

const limitText = ({ source, min, max, isDerived }: PlanGate): string | undefined => {
  const origin = isDerived === undefined ? '' : " (from stable's normal)";
  if (source.kind === 'webhook') return `its answer, from ${source.url.split('/')[2] ?? ''}`;
  if (source.kind === 'unattributed') return `at most ${max} % of all requests reach no pod`;
  if (source.kind === 'query')
    return `query ${[min === undefined ? '' : `>= ${min}`, max === undefined ? '' : `<= ${max}`].filter(Boolean).join(' and ')}`;
  if (min !== undefined) return `at least ${min} % succeed${origin}`;
  return max === undefined
    ? undefined
    : `p${source.kind === 'zipkin' || source.metric === 'latency' ? source.percentile : ''} at most ${max} ms${origin}`;
};

const baselineText = (gate: PlanGate): string | undefined => {
  const { baseline } = gate;
  if (baseline === undefined) return undefined;
  return isRate(gate)
    ? `failures at most ${figure(baseline.tolerance)} times stable's`
    : `durations at most ${figure(baseline.tolerance)} times stable's`;
};

const certifyText = ({ baseline }: PlanGate): string | undefined => {
  const certify = baseline?.certify;
  if (certify === undefined) return undefined;
  const after = certify.undecidedAfterMs === undefined ? "the step's pause, at least 5m" : lengthText(certify.undecidedAfterMs);
  const then = certify.onUndecided === 'pass' ? `passes without after ${after}` : 'holds without';
  return `proof of less than ${figure(certify.ratio)} times stable's failures or ${figure(certify.floor)} % (${then})`;
};

/** What a gate can find in a step. */
export const findsText = (foreseen: ForeseenGate): string => {
  const { gate, nothing, finds, wanted, enoughMs, counts } = foreseen;
  if (nothing !== undefined) return nothing;
  if (wanted !== undefined) return wantedText(foreseen);
  if (!counts) return plainText(enoughMs);
  const parts = [limitPart(foreseen), baselinePart(foreseen)].filter(text => text !== undefined);
  const found = parts.length === 0 ? 'nothing' : `${whatOf(gate)} ${parts.join(', or ')}`;
  return `finds ${found} in ${lengthText(finds?.inMs ?? 0)}${proofText(foreseen)}`;
};

const plainText = (enoughMs: number | undefined): string => {
  if (enoughMs === undefined) return 'asked at each interval';
  return Number.isFinite(enoughMs) ? `enough samples after ${lengthText(enoughMs)}` : 'never has enough samples';
};

const whatOf = (gate: PlanGate): string => {
  if (gate.source.kind === 'unattributed') return 'lost requests';
  return isRate(gate) ? 'failures' : 'slow ones';
};

const DAY_MS = 86_400_000;

/** Nothing for what takes so long that nobody waits for it. */
const within = (ms: number | undefined, what: string): string =>
  ms === undefined || ms > DAY_MS ? '' : ` (${what} after ${lengthText(ms)})`;

const limitPart = ({ gate, finds, clear }: ForeseenGate): string | undefined =>
  finds?.share === undefined
    ? undefined
    : `from ${figure(100 * finds.share)} % on${within(clear?.limitMs, `${figure(clearShare(gate))} %`)}`;

/** Left out where the limit has found the same failures sooner. */
const baselinePart = ({ gate, finds, clear, stableShare = 0 }: ForeseenGate): string | undefined => {
  const { share = 1, ratio } = finds ?? {};
  if (ratio === undefined || (isRate(gate) && ratio * stableShare >= share)) return undefined;
  const than = isRate(gate) ? "stable's" : "as many slower than stable's p90";
  return `from ${figure(ratio)} times ${than} on${within(clear?.baselineMs, `${CLEARLY} times`)}`;
};

const proofText = ({ provenMs }: ForeseenGate): string => {
  if (provenMs === undefined) return '';
  return Number.isFinite(provenMs)
    ? `; one as good as stable is proven after about ${lengthText(provenMs)}`
    : '; one as good as stable is never proven: stable itself fails more often';
};

/** In percent. */
const clearShare = ({ source, min, max }: PlanGate): number => {
  const allowed =
    source.kind === 'unattributed' ? (max ?? 1) : 'percentile' in source ? 100 - source.percentile : 100 - (min ?? 99);
  return Math.min(100, CLEARLY * allowed);
};

const wantedText = ({ gate, wanted }: ForeseenGate): string => {
  const clear = gate.min === undefined && gate.max === undefined ? `${CLEARLY} times stable's` : `${figure(clearShare(gate))} %`;
  const parts = [
    ...(wanted?.enough === undefined ? [] : [`enough samples from ${figure(wanted.enough)} requests/s on`]),
    ...(wanted?.clear === undefined ? [] : [`finds ${clear} of ${whatOf(gate)} from ${figure(wanted.clear)} requests/s on`]),
  ];
  return parts.length === 0 ? 'finds nothing, at whatever rate' : `${parts.join(', ')} (to the host)`;
};

/** `at 10%`, and who else sees the new version. */
export const trafficText = ({ weight, headerRoutes, mirror }: PlanStep): string =>
  [
    `at ${weight}%`,
    ...(headerRoutes === undefined ? [] : ['chosen requests by header']),
    ...(mirror === undefined ? [] : [`copies of ${mirror.percentage}% of requests`]),
  ].join(', ');

/** `5m`, `until a person promotes`. */
export const stayText = ({ step, lastsMs }: ForeseenStep): string => {
  if (step.pauseMs === null) return `until a person promotes, at least ${lengthText(lastsMs)}`;
  return lastsMs > step.pauseMs && step.pauseMs > 0
    ? `${lengthText(lastsMs)} (pause ${lengthText(step.pauseMs)})`
    : lengthText(lastsMs);
};

/** Who has to agree, and when; `undefined`: nobody. */
export const approvalText = ({ approval }: PlanStep): string | undefined => {
  if (approval === undefined) return undefined;
  const { when, required, approvers, timeoutMs, onTimeout } = approval;
  const limit =
    timeoutMs === undefined
      ? ''
      : `, within ${lengthText(timeoutMs)}, else ${onTimeout === 'hold' ? 'it holds' : 'all traffic goes back'}`;
  return `${when} it ${required} of ${approvers.join(', ')} must approve${limit}`;
};
