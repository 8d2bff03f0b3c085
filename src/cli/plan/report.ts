import type { ForeseenPlan, ForeseenStep } from './foresee.ts';
import { type Assumed, USUAL_ERRORS } from './options.ts';
import type { Planned } from './read.ts';
import { type Warning, warningsOf } from './warnings.ts';
import { approvalText, askedOf, figure, findsText, lengthText, stayText, trafficText } from './words.ts';

/** All that is told. */
export type Report = {
  readonly name: string;
  readonly version: string;
  readonly foreseen: ForeseenPlan;
  readonly assumed: Assumed;
  readonly warnings: readonly Warning[];
  readonly notes: readonly string[];
};

export const reportOf = (
  { rollout }: Planned,
  foreseen: ForeseenPlan,
  known: { readonly assumed: Assumed; readonly isConfigured: boolean },
): Report => {
  const { metadata, spec } = rollout;
  return {
    name: metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`,
    version: spec.version,
    foreseen,
    assumed: known.assumed,
    warnings: warningsOf(foreseen),
    notes: [
      ...(spec.windows === undefined || spec.windows.length === 0 ? [] : ['windows may hold each step back']),
      ...(spec.paused === true ? ['spec.paused is true: nothing begins'] : []),
      ...assumptions(foreseen, known),
    ],
  };
};

const assumptions = (
  { plan }: ForeseenPlan,
  { assumed, isConfigured }: { readonly assumed: Assumed; readonly isConfigured: boolean },
): readonly string[] => {
  const counting = plan.gates.filter(({ judge }) => judge === 'sequential');
  return [
    ...(isConfigured ? [] : ['assumed: one Prometheus and what the Rollout names; --config names what there is']),
    ...(assumed.perSecond === undefined ? ['--requests-per-second tells what each gate can find'] : []),
    ...(assumed.stableErrors === undefined && counting.some(({ baseline }) => baseline !== undefined)
      ? [`assumed: ${100 * USUAL_ERRORS} % of stable's requests fail (--stable-errors)`]
      : []),
    ...(counting.some(({ dispersion = 1 }) => dispersion > 1)
      ? ['assumed: failures vary twice as much as independent ones; it is measured when the rollout starts']
      : []),
  ];
};

/** When it ends at the earliest, in one sentence. */
export const endText = ({ foreseen: { plan, steps, earliestMs } }: Report): string => {
  const people = steps.filter(({ step }) => step.pauseMs === null || step.approval !== undefined).length;
  const end = plan.end === 'stable' ? 'back on the stable version' : 'at 100% and stable';
  const waits = people === 0 ? '' : `, and what people take in ${people === 1 ? 'one step' : `${people} steps`}`;
  return `${end} after ${lengthText(earliestMs)} at the earliest${waits}`;
};

/** For people at a terminal. */
export const asText = (report: Report): string => {
  const { foreseen, assumed, warnings, notes } = report;
  const rate = assumed.perSecond === undefined ? '' : `, with ${figure(assumed.perSecond)} requests/s`;
  const width = Math.max(0, ...foreseen.plan.gates.map(({ name }) => name.length));
  const lines = [
    `${report.name} ${report.version}: ${foreseen.steps.length} steps${rate}; ${endText(report)}`,
    '',
    'gates',
    ...foreseen.plan.gates.map(gate => `  ${gate.name.padEnd(width)}  ${askedOf(gate)}`),
    ...(foreseen.plan.gates.length === 0 ? ['  none: only readiness protects this rollout'] : []),
    ...foreseen.steps.flatMap(step => ['', ...stepLines(step, { count: foreseen.steps.length, width })]),
    ...(warnings.length === 0 ? [] : ['', ...warnings.map(warningText)]),
    ...(notes.length === 0 ? [] : ['', ...notes.map(note => `note: ${note}`)]),
  ];
  return lines.map(line => `${line.trimEnd()}\n`).join('');
};

const warningText = ({ step, gate, message }: Warning): string => `warning: step ${step}, ${gate}: ${message}`;

const stepLines = (
  foreseen: ForeseenStep,
  { count, width }: { readonly count: number; readonly width: number },
): readonly string[] => {
  const { step, number, newPerSecond, gates } = foreseen;
  const name = step.name === undefined ? '' : ` ${step.name}`;
  const rate = newPerSecond === undefined || newPerSecond === 0 ? '' : `; ${figure(newPerSecond)} requests/s of the new version`;
  const approval = approvalText(step);
  return [
    `step ${number}/${count}${name} ${trafficText(step)}: ${stayText(foreseen)}${rate}`,
    ...(approval === undefined ? [] : [`  ${approval}`]),
    ...gates.map(gate => `  ${gate.gate.name.padEnd(width)}  ${findsText(gate)}`),
  ];
};

/** For programs. Times in seconds. */
export const asObject = ({ name, version, foreseen, assumed, warnings, notes }: Report): object => ({
  rollout: name,
  version,
  ...(assumed.perSecond === undefined ? {} : { requestsPerSecond: assumed.perSecond }),
  ...(assumed.stableErrors === undefined ? {} : { stableErrorsPercent: Number((100 * assumed.stableErrors).toPrecision(6)) }),
  earliestEndSeconds: seconds(foreseen.earliestMs),
  waitsForPeople: foreseen.steps.some(({ step }) => step.pauseMs === null || step.approval !== undefined),
  ends: foreseen.plan.end === 'stable' ? 'stable' : 'promoted',
  gates: foreseen.plan.gates.map(gate => ({ name: gate.name, asks: askedOf(gate), plan: gate })),
  steps: foreseen.steps.map(stepObject),
  warnings,
  notes,
});

const seconds = (ms: number): number => Math.ceil(ms / 1_000);

const stepObject = ({ step, number, lastsMs, newPerSecond, gates }: ForeseenStep): object => ({
  step: number,
  ...(step.name === undefined ? {} : { name: step.name }),
  weight: step.weight,
  pauseSeconds: step.pauseMs === null ? null : seconds(step.pauseMs),
  atLeastSeconds: seconds(lastsMs),
  ...(step.approval === undefined ? {} : { approval: step.approval }),
  ...(step.headerRoutes === undefined ? {} : { headerRoutes: step.headerRoutes }),
  ...(step.mirror === undefined ? {} : { mirror: step.mirror }),
  ...(newPerSecond === undefined ? {} : { newRequestsPerSecond: newPerSecond }),
  gates: gates.map(foreseen => ({
    name: foreseen.gate.name,
    says: findsText(foreseen),
    ...(foreseen.enoughMs === undefined ? {} : { enoughSamplesAfterSeconds: seconds(foreseen.enoughMs) }),
    ...(foreseen.finds?.share === undefined ? {} : { findsFromPercent: Number((100 * foreseen.finds.share).toPrecision(3)) }),
    ...(foreseen.finds?.ratio === undefined ? {} : { findsFromTimesStable: Number(foreseen.finds.ratio.toPrecision(3)) }),
  })),
});
