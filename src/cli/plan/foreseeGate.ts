import { type Detectable, detectable, type PlanGate } from '../../rollout/index.ts';
import type { Assumed } from './options.ts';
import { expected, isBlind, isRate, samplesFor, samplesForAnything, samplesForProof, stableShareOf } from './searches.ts';

/** The traffic of one step. */
export type StepTraffic = {
  readonly hasTraffic: boolean;
  /** Share of the requests that stable gets, 0..1. */
  readonly stableShare: number;
  /** The new version's, copies included; absent: not known. */
  readonly newShare?: number;
  readonly newPerSecond?: number;
  /** The new version gets nothing but mirrored copies. */
  readonly copies?: true;
  /** Why both cannot be compared in this step. */
  readonly incomparable?: string;
};

/** One gate in one step. Times in ms since the step began. */
export type ForeseenGate = {
  readonly gate: PlanGate;
  /** It finds something by counting: only those have the other fields. */
  readonly counts: boolean;
  /** Why it judges nothing here. */
  readonly nothing?: string;
  /** Until it can pass: there are enough samples, and proof where it is asked for. */
  readonly enoughMs?: number;
  /** What it can find until the step may end, and how long that is. */
  readonly finds?: Detectable & { readonly inMs: number };
  /** Stable's share of bad ones that was counted on, 0..1. */
  readonly stableShare?: number;
  /** A version that is as good as stable is proven to be good enough after this (certify). */
  readonly provenMs?: number;
  /** Something that is clearly bad is found after this; absent: never. */
  readonly clear?: Clear;
  /** Where no rate is known: requests to the host per second with which it has enough samples, and finds what is clear, in time. */
  readonly wanted?: { readonly enough?: number; readonly clear?: number };
  /** It has enough samples, or finds anything at all, only after this, which is longer than the pause. */
  readonly late?: { readonly why: 'samples' | 'window' | 'nothing' | 'proof'; readonly neededMs: number };
};

/** So many times as bad as allowed, or as stable. */
export const CLEARLY = 5;

type Clear = { readonly limitMs?: number; readonly baselineMs?: number };

type InStep = StepTraffic &
  Assumed & {
    readonly pauseMs: number | null;
    /** When it is measured first. */
    readonly firstMs: number;
    /** What a plain gate looks at each time. */
    readonly windowMs: number;
    /** Gates that have been proven to be good enough in a step before, by name. */
    readonly proven: ReadonlySet<string>;
  };

/** A step that lasts until a person promotes is looked at for this long. */
const OPEN_MS = 600_000;

const UNTRACED = 'mirrored copies are not traced: it holds the step until a person promotes it';

/** What this gate can do in this step. */
export const foreseeGate = (planned: PlanGate, step: InStep): ForeseenGate => {
  if (!step.hasTraffic) return { gate: planned, counts: false, nothing: 'the new version gets no traffic' };
  const { kind } = planned.source;
  if (kind === 'query' || kind === 'webhook') return { gate: planned, counts: false };
  if (kind === 'zipkin' && step.copies) return { gate: planned, counts: true, nothing: UNTRACED };
  const gate = inThisStep(planned, step);
  const { share, perSecond } = flowOf(gate, step);
  if (share === undefined) return { gate, counts: true, nothing: 'how many requests match the header route is not known here' };
  const seen = { gate, counts: gate.judge === 'sequential' };
  return perSecond === undefined ? withoutRate(seen, step, share) : withRate(seen, step, perSecond);
};

type Seen = Pick<ForeseenGate, 'gate' | 'counts'>;

const shortestOf = ({ pauseMs, firstMs }: InStep): number => Math.max(pauseMs ?? OPEN_MS, firstMs);

/** Lost requests are judged however few there are. */
const neededOf = ({ source, minSamples }: PlanGate): number => (source.kind === 'unattributed' ? 0 : minSamples);

const withoutRate = (seen: Seen, step: InStep, share: number): ForeseenGate => {
  const { gate, counts } = seen;
  const needed = neededOf(gate);
  const clear = counts ? samplesFor(gate, step, CLEARLY) : undefined;
  const rate = (samples: number, ms: number): number => samples / (ms / 1_000) / share;
  const shortestMs = shortestOf(step);
  return {
    ...seen,
    wanted: {
      ...(needed > 0 ? { enough: rate(needed, counts ? shortestMs : step.windowMs) } : {}),
      ...(clear === undefined ? {} : { clear: rate(clear, shortestMs) }),
    },
  };
};

const withRate = (seen: Seen, step: InStep, perSecond: number): ForeseenGate => {
  const { gate, counts } = seen;
  const afterMs = (samples: number): number => (1_000 * samples) / perSecond;
  const sampledMs = counts || afterMs(neededOf(gate)) <= step.windowMs ? afterMs(neededOf(gate)) : Number.POSITIVE_INFINITY;
  const timed = { gate, step, afterMs };
  const provenMs = provenMsOf(timed);
  const enoughMs = Math.max(sampledMs, unprovenMs(timed, provenMs));
  const inMs = Math.max(shortestOf(step), Number.isFinite(enoughMs) ? enoughMs : 0);
  const finds = counts ? detectable(gate, expected(gate, step, (perSecond * inMs) / 1_000)) : undefined;
  const late = lateOf(timed, { sampledMs, enoughMs, isBlind: finds !== undefined && isBlind(finds) });
  return {
    ...seen,
    enoughMs,
    ...(finds === undefined ? {} : { finds: { ...finds, inMs }, clear: clearOf(timed), stableShare: stableShareOf(gate, step) }),
    ...(provenMs === undefined ? {} : { provenMs }),
    ...(late === undefined ? {} : { late }),
  };
};

type Timed = { readonly gate: PlanGate; readonly step: InStep; readonly afterMs: (count: number) => number };

/** Only a pause that somebody wrote can be too short. */
const lateOf = (
  { gate, step, afterMs }: Timed,
  { sampledMs, enoughMs, isBlind }: { readonly sampledMs: number; readonly enoughMs: number; readonly isBlind: boolean },
): ForeseenGate['late'] => {
  const { pauseMs } = step;
  if (pauseMs === null || (pauseMs === 0 && Number.isFinite(enoughMs)) || gate.source.kind === 'unattributed') return undefined;
  if (sampledMs === Number.POSITIVE_INFINITY) return { why: 'window', neededMs: sampledMs };
  if (sampledMs > pauseMs) return { why: 'samples', neededMs: sampledMs };
  if (enoughMs > pauseMs) return { why: 'proof', neededMs: enoughMs };
  const needed = isBlind ? samplesForAnything(gate, step) : undefined;
  return needed === undefined ? undefined : { why: 'nothing', neededMs: afterMs(needed) };
};

/** How long the proof takes when the new version is exactly as good as stable. */
const provenMsOf = ({ gate, step, afterMs }: Timed): number | undefined => {
  const certify = gate.baseline?.certify;
  if (certify === undefined || step.proven.has(gate.name)) return undefined;
  const samples = samplesForProof(gate, step, certify);
  return samples === undefined ? Number.POSITIVE_INFINITY : afterMs(samples);
};

const LEAST_UNDECIDED_MS = 300_000;

/** How long the step waits for proof. */
const unprovenMs = ({ gate, step }: Timed, provenMs = 0): number => {
  const certify = gate.baseline?.certify;
  if (certify?.onUndecided !== 'pass') return provenMs;
  return Math.min(provenMs, certify.undecidedAfterMs ?? Math.max(LEAST_UNDECIDED_MS, step.pauseMs ?? 0));
};

/** Where the versions cannot be compared the limit stands alone, or what was normal takes its place. */
const inThisStep = (gate: PlanGate, { incomparable }: StepTraffic): PlanGate => {
  if (incomparable === undefined || gate.baseline === undefined) return gate;
  const { baseline, ...alone } = gate;
  if (gate.min !== undefined || gate.max !== undefined) return alone;
  return isRate(gate) ? { ...alone, min: baseline.limit } : { ...alone, max: baseline.limit };
};

/** Samples per request to the host, and per second. */
const flowOf = ({ source }: PlanGate, { newShare, perSecond, sampling }: InStep) => {
  const ofRequests = source.kind === 'unattributed' ? 1 : newShare;
  const share = ofRequests === undefined ? undefined : ofRequests * (source.kind === 'zipkin' ? sampling : 1);
  return { share, perSecond: share === undefined || perSecond === undefined ? undefined : share * perSecond };
};

const clearOf = ({ gate, step, afterMs }: Timed): Clear => {
  const { baseline, ...limit } = gate;
  const { min: _min, max: _max, ...compared } = gate;
  const ofLimit = hasLimit(gate) ? samplesFor(limit, step, CLEARLY) : undefined;
  const ofBaseline = baseline === undefined ? undefined : samplesFor(compared, step, CLEARLY);
  return {
    ...(ofLimit === undefined ? {} : { limitMs: afterMs(ofLimit) }),
    ...(ofBaseline === undefined ? {} : { baselineMs: afterMs(ofBaseline) }),
  };
};

const hasLimit = ({ source, min, max }: PlanGate): boolean =>
  source.kind === 'unattributed' || min !== undefined || max !== undefined;
