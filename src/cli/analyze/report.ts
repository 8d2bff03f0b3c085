import { isoSeconds } from '../../rollout/index.ts';
import type { Outcome } from './outcome.ts';
import type { Prepared } from './prepare.ts';
import type { JudgedGate } from './progress.ts';
import { percentOf } from './share.ts';
import { originOf, type Side } from './sides.ts';
import type { Walked } from './walk.ts';
import { counted, lengthText, percentText } from './words.ts';

/** All that an analysis has found. */
export type Findings = {
  readonly prepared: Prepared;
  readonly walked: Walked;
  readonly outcome: Outcome;
  /** What people should know when they read the rest. */
  readonly notes: readonly string[];
  /** Requests that each provider was sent. */
  readonly asked: ReadonlyMap<string, number>;
  /** By gate: what could have been found at this request rate. */
  readonly detects: Readonly<Record<string, string>>;
};

/** For people: who, by what, each gate, and what a rollout would have done. */
export const asText = (findings: Findings): string => {
  const { prepared, walked, notes } = findings;
  const { subjects } = prepared;
  const lines = [
    `${subjects.host}: ${subjects.canary.version} against ${subjects.stable.version}, ${prepared.gatesOf}`,
    timeLine(findings),
    '',
    ...versionLines(findings),
    ...normalLine(walked),
    '',
    ...walked.gates.flatMap(gate => gateLines(gate, findings)),
    '',
    ...notes.map(note => `note: ${note}`),
    ...(notes.length > 0 ? [''] : []),
    conclusion(findings),
  ];
  return lines.map(line => `${plain(line)}\n`).join('');
};

/** One line without commands to the terminal: names and messages come from many places. */
const plain = (text: string): string => text.replace(/[\p{C}\u2028\u2029]+/gu, ' ');

const timeLine = ({ prepared, walked, asked }: Findings): string => {
  const { fromMs, toMs } = prepared.subjects.range;
  const requests = [...asked].map(([provider, count]) => `${provider} ${counted(count, 'request')}`).join(', ');
  const length = lengthText(toMs - fromMs);
  return `${isoSeconds(fromMs)} to ${isoSeconds(toMs)} (${length}), read every ${lengthText(walked.intervalMs)}: ${requests}`;
};

const versionLines = ({ prepared: { subjects }, walked }: Findings): readonly string[] => {
  const isCounted = walked.gates.some(({ plan }) => 'provider' in plan.source && plan.source.kind !== 'zipkin');
  const noun = isCounted ? 'request' : 'span';
  const { requests } = walked;
  const line = (side: Side, count: number, more = ''): string => {
    const origin = side.isSeen === undefined ? `subset ${side.subset}` : originOf(side);
    return `${side.version.padEnd(widest(subjects))}  ${counted(count, noun)}${more}; ${origin}`;
  };
  const share = requests.canary > 0 ? `, ${percentText(percentOf(requests))} of both` : '';
  return [line(subjects.stable, requests.stable), line(subjects.canary, requests.canary, share)];
};

const widest = ({ stable, canary }: { readonly stable: Side; readonly canary: Side }): number =>
  Math.max(stable.version.length, canary.version.length);

/** What default limits and comparisons come from. */
const normalLine = ({ reference }: Walked): readonly string[] =>
  Object.entries(reference?.normal ?? {}).map(([provider, { stable, stableP99Ms }]) => {
    if (stable.total === 0) return `the ten minutes before: ${provider} knows no requests of the stable version`;
    const failed = `${percentText((100 * stable.bad) / stable.total)} of ${counted(stable.total, provider.startsWith('zipkin') ? 'span' : 'request')} failed`;
    const p99 = stableP99Ms === undefined ? '' : `, p99 ${Number(stableP99Ms.toPrecision(3))} ms`;
    return `the ten minutes before, by ${provider}: ${failed}${p99} (stable)`;
  });

const VERDICTS = { width: 13, indent: ' '.repeat(15) };

const gateLines = (gate: JudgedGate, findings: Findings): readonly string[] => {
  const { plan, state } = gate;
  const detects = findings.detects[plan.name];
  const steps = plan.steps === undefined ? '' : `, only in step ${plan.steps.join(', ')}`;
  const failed = gate.failed === undefined ? '' : `, failed ${whenFailed(gate.failed, findings)}`;
  return [
    `${state.verdict.padEnd(VERDICTS.width)}  ${plan.name} (${state.source}${steps})${failed}`,
    `${VERDICTS.indent}${withoutName(state.message, plan.name)}`,
    ...(detects === undefined ? [] : [`${VERDICTS.indent}${detects}`]),
  ];
};

const withoutName = (message: string, name: string): string =>
  message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;

/** `at ...Z, 2 min 15 s after the start and at most 45 s after its first requests, on 312 requests of v2`. */
const whenFailed = (
  { atMs, requests }: { readonly atMs: number; readonly requests: number },
  { prepared: { subjects }, walked }: Findings,
): string => {
  const { firstRequestMs, intervalMs } = walked;
  const { fromMs } = subjects.range;
  const beganMs = (firstRequestMs ?? fromMs) - intervalMs;
  const later = beganMs > fromMs ? ` and at most ${lengthText(atMs - beganMs)} after its first requests` : '';
  return `at ${isoSeconds(atMs)}, ${lengthText(atMs - fromMs)} after the start${later}, on ${counted(requests, 'request')} of ${subjects.canary.version}`;
};

const conclusion = (findings: Findings): string => {
  const { outcome, prepared, walked } = findings;
  const { stable, canary } = prepared.subjects;
  const gates = outcome.gates.join(', ');
  switch (outcome.kind) {
    case 'rolledBack':
      return `A rollout would have gone back to ${stable.version} ${whenFailed(outcome, findings)}: ${gates}`;
    case 'paused':
      return `A rollout would have paused ${whenFailed(outcome, findings)}: ${gates}`;
    case 'passed': {
      const first = walked.allPassedMs === undefined ? '' : `, for the first time at ${isoSeconds(walked.allPassedMs)}`;
      return `A rollout would have gone on: every gate that applies passes${first}`;
    }
    case 'undecided':
      return `A rollout would have waited, neither gone on nor back: ${gates} not decided at the end`;
    case 'providerFailed':
      return `Not known: no answer for ${gates}`;
    case 'noData':
      return `Nothing was judged: there are no requests of ${canary.version} in this time`;
  }
};

/** For programs. */
export const asObject = ({ prepared, walked, outcome, notes, asked, detects }: Findings): object => {
  const { subjects, gatesOf } = prepared;
  const side = ({ version, subset, workloads, origin, isSeen }: Side, requests: number) => ({
    ...{ version, workloads, origin, isSeen, subset, requests },
  });
  return {
    host: subjects.host,
    gatesOf,
    from: new Date(subjects.range.fromMs).toISOString(),
    to: new Date(subjects.range.toMs).toISOString(),
    intervalSeconds: walked.intervalMs / 1000,
    stable: side(subjects.stable, walked.requests.stable),
    canary: side(subjects.canary, walked.requests.canary),
    outcome: { ...outcome, atMs: undefined, ...('atMs' in outcome ? momentOf(outcome, subjects.range.fromMs) : {}) },
    gates: walked.gates.map(gate => gateObject(gate, subjects.range.fromMs, detects)),
    normal: walked.reference?.normal ?? {},
    notes,
    asked: Object.fromEntries(asked),
  };
};

const gateObject = ({ plan, state, failed }: JudgedGate, fromMs: number, detects: Findings['detects']): object => {
  const { baseline, ...rest } = state;
  const { sums: _, ...compared } = baseline ?? {};
  return {
    ...rest,
    ...(baseline === undefined ? {} : { baseline: compared }),
    ...(plan.min === undefined ? {} : { min: plan.min }),
    ...(plan.max === undefined ? {} : { max: plan.max }),
    ...(plan.steps === undefined ? {} : { steps: plan.steps }),
    ...(failed === undefined ? {} : { failed: momentOf(failed, fromMs) }),
    ...(detects[plan.name] === undefined ? {} : { detects: detects[plan.name] }),
  };
};

const momentOf = ({ atMs, requests }: { readonly atMs: number; readonly requests: number }, fromMs: number): object => ({
  at: new Date(atMs).toISOString(),
  afterSeconds: Math.round((atMs - fromMs) / 1000),
  requests,
});
