import { isoSeconds, type RolloutSpec } from '../../rollout/index.ts';
import { beginsOf, type ClosedSpan, closedAhead } from './ahead.ts';
import { type Compared, isBlocked } from './compared.ts';
import type { ForeseenPlan, ForeseenStep } from './foresee.ts';
import { type Assumed, USUAL_ERRORS } from './options.ts';
import type { Planned } from './read.ts';
import { type Warning, warningsOf } from './warnings.ts';
import { askedOf, findsText, lengthText } from './words.ts';

/** All that is told. */
export type Report = {
  readonly name: string;
  readonly version: string;
  readonly foreseen: ForeseenPlan;
  readonly assumed: Assumed;
  /** Absent: it was compared with nothing. */
  readonly compared?: Compared;
  /** Times of the next 7 days in which nothing moves forward. */
  readonly closed: readonly ClosedSpan[];
  /** By step, when it begins at the earliest if this is committed now; empty: that says nothing here. */
  readonly begins: readonly (number | undefined)[];
  readonly warnings: readonly Warning[];
  readonly notes: readonly string[];
};

type Known = {
  readonly assumed: Assumed;
  readonly isConfigured: boolean;
  readonly nowMs: number;
  readonly compared?: Compared | undefined;
  /** Where the file names none. */
  readonly namespace?: string | undefined;
};

export const reportOf = ({ rollout }: Planned, foreseen: ForeseenPlan, known: Known): Report => {
  const { metadata, spec } = rollout;
  const { compared, nowMs } = known;
  const namespace = metadata.namespace ?? known.namespace;
  return {
    name: namespace === undefined ? metadata.name : `${namespace}/${metadata.name}`,
    version: spec.version,
    foreseen,
    assumed: known.assumed,
    ...(compared === undefined ? {} : { compared }),
    closed: closedAhead(spec, nowMs),
    begins: areTimesTold(spec, compared) ? beginsOf(spec, foreseen, nowMs) : [],
    warnings: [...capacityWarnings(foreseen, compared), ...warningsOf(foreseen)],
    notes: [
      ...(spec.paused === true ? ['spec.paused is true: nothing begins'] : []),
      ...(compared?.notes ?? []),
      ...assumptions(foreseen, known),
    ],
  };
};

/** Where something begins now, or windows decide when. */
const areTimesTold = ({ windows = [], paused }: RolloutSpec, compared: Compared | undefined): boolean => {
  if (paused === true || compared?.freeze !== undefined) return false;
  if (compared?.outlook !== undefined && compared.outlook.kind !== 'starts') return false;
  return windows.length > 0 || (compared !== undefined && compared.pods !== undefined);
};

/** R13: fewer pods than the share of a step needs. */
const capacityWarnings = ({ steps }: ForeseenPlan, compared: Compared | undefined): readonly Warning[] => {
  const [stable, wanted] = compared?.pods ?? [];
  if (stable === undefined || wanted === undefined || wanted.ready === 0) return [];
  const short = steps.find(({ step }) => wanted.ready < neededFor(step.weight, stable.ready));
  if (short === undefined) return [];
  const needed = neededFor(short.step.weight, stable.ready);
  const message = `${wanted.version} has ${wanted.ready} ready pods, and ${short.step.weight}% of what ${stable.ready} pods of ${stable.version} serve needs ${needed}`;
  return [{ step: short.number, gate: 'pods', message }];
};

const neededFor = (weight: number, readyOfStable: number): number => Math.ceil((weight / 100) * readyOfStable);

const assumptions = ({ plan }: ForeseenPlan, { assumed, isConfigured }: Known): readonly string[] => {
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
export const endText = ({ foreseen: { plan, steps, earliestMs }, compared }: Report): string => {
  const people = steps.filter(({ step }) => step.pauseMs === null || step.approval !== undefined).length;
  const end = plan.end === 'stable' ? 'back on the stable version' : 'at 100% and stable';
  const waits = people === 0 ? '' : `, and what people take in ${people === 1 ? 'one step' : `${people} steps`}`;
  // where nothing begins now, it is told of whatever begins next
  const whole = compared?.outlook === undefined || compared.outlook.kind === 'starts' ? '' : 'from the first step on ';
  return `${whole}${end} after ${lengthText(earliestMs)} at the earliest${waits}`;
};

/** `v1 3, v2 none: it begins when one is ready`. */
export const podsText = (pods: NonNullable<Compared['pods']>): string => {
  const last = pods.at(-1);
  const waits = pods.length > 1 && last?.ready === 0 ? ': it begins when one is ready' : '';
  return `${pods.map(({ version, ready }) => `${version} ${ready === 0 ? 'none' : ready}`).join(', ')}${waits}`;
};

/** `2026-11-27T17:00:00Z to 2026-11-27T23:00:00Z`. */
export const spanText = ({ fromMs, toMs }: ClosedSpan): string =>
  `${isoSeconds(fromMs)} ${toMs === undefined ? 'for 14 days at least' : `to ${isoSeconds(toMs)}`}`;

/** When a step begins; `undefined`: nothing is said of it. */
export const beginText = ({ begins }: Report, number: number): string | undefined => {
  if (begins.length === 0) return undefined;
  const beginsMs = begins[number - 1];
  return beginsMs === undefined ? 'not within 14 days (spec.windows)' : `from ${isoSeconds(beginsMs)}`;
};

/** More closed times than these are only counted. */
export const MOST_SPANS = 10;

/** For programs. Times in seconds. */
export const asObject = (report: Report): object => {
  const { name, version, foreseen, assumed, compared, closed, begins, warnings, notes } = report;
  return {
    rollout: name,
    version,
    ...(compared === undefined ? {} : { comparison: comparisonObject(compared) }),
    ...(assumed.perSecond === undefined ? {} : { requestsPerSecond: Number(assumed.perSecond.toPrecision(6)) }),
    ...(assumed.stableErrors === undefined ? {} : { stableErrorsPercent: Number((100 * assumed.stableErrors).toPrecision(6)) }),
    earliestEndSeconds: seconds(foreseen.earliestMs),
    waitsForPeople: foreseen.steps.some(({ step }) => step.pauseMs === null || step.approval !== undefined),
    ends: foreseen.plan.end === 'stable' ? 'stable' : 'promoted',
    gates: foreseen.plan.gates.map(gate => ({ name: gate.name, asks: askedOf(gate), plan: gate })),
    steps: foreseen.steps.map(step => {
      const beginsMs = begins[step.number - 1];
      return { ...stepObject(step), ...(beginsMs === undefined ? {} : { beginsAt: isoSeconds(beginsMs) }) };
    }),
    ...(closed.length === 0 ? {} : { closed: closed.map(closedObject) }),
    warnings,
    notes,
  };
};

const comparisonObject = (compared: Compared): object => {
  const { with: against, outlook, changes, pods, findings, moved, problem, freeze } = compared;
  return {
    with: against,
    blocked: isBlocked(compared),
    ...(outlook === undefined ? {} : { outlook }),
    changes,
    ...(pods === undefined ? {} : { pods }),
    ...(freeze === undefined ? {} : { freeze }),
    findings,
    mesh: moved.map(({ when, objects }) => ({ when, objects: objects.map(one => ({ ...one, diff: one.diff.join('\n') })) })),
    ...(problem === undefined ? {} : { problem }),
  };
};

const closedObject = ({ fromMs, toMs, because }: ClosedSpan): object => ({
  from: isoSeconds(fromMs),
  ...(toMs === undefined ? {} : { to: isoSeconds(toMs) }),
  because,
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
