import { createMeasurer, type Measurer } from '../../controller/measure.ts';
import { createMemory, type Memory } from '../../controller/memory.ts';
import type { Providers, RenderTemplate, VersionSelector } from '../../controller/ports.ts';
import { promDuration, type Subject } from '../../controller/subject.ts';
import {
  compilePlan,
  type Installation,
  type Plan,
  type PlanGate,
  type Reference,
  type RolloutSpec,
  referenceProviders,
} from '../../rollout/index.ts';
import type { Range } from './options.ts';
import { createProgress, isAsked, type Judgement } from './progress.ts';

/** What is judged: who, by which gates, and when. */
export type Subjects = {
  readonly namespace: string;
  readonly name: string;
  /** Full name. */
  readonly host: string;
  readonly stable: VersionSelector;
  readonly canary: VersionSelector;
  readonly spec: RolloutSpec;
  /** Why requests of the two versions cannot be compared at all; absent: they can. */
  readonly incomparable?: string;
  /** The new version gets nothing but mirrored copies. */
  readonly copies?: true;
  readonly range: Range;
  /** Instead of the interval of the spec. */
  readonly intervalMs?: number;
};

export type Walked = Judgement & {
  readonly plan: Plan;
  readonly reference: Extract<Reference, { kind: 'measured' }> | undefined;
  readonly intervalMs: number;
  /** The interval is longer than it was meant to be. */
  readonly isSpread: boolean;
};

export type WalkDeps = {
  readonly providers: Providers;
  readonly installation: Installation;
  readonly render: RenderTemplate;
  readonly now: () => number;
  /** Providers are to answer as they would have done then. */
  readonly setNow: (ms: number) => void;
  /** Before a reading is tried again. */
  readonly wait: (ms: number) => Promise<void>;
};

/** A provider did not answer as it should, also when it was asked again. */
export class ProviderDown extends Error {}

/** More readings than this of one provider ask too much of it: longer times are read in longer intervals. */
export const MOST_READINGS = 240;

/** So long after the end everything about it has arrived, if it is over that long. */
const SETTLED_MS = 120_000;

const TRIES = 3;
const RETRY_MS = 500;
/** A custom query that fails so often in a row is not asked again. */
const MOST_QUERY_ERRORS = 3;
const STEP = 'analysis';

/**
 * Goes through the time as a rollout would have: what was normal before, then interval by interval, with the code that
 * measures and judges in the controller. Throws ProviderDown.
 */
export const walk = async (subjects: Subjects, deps: WalkDeps): Promise<Walked> => {
  const memory = createMemory();
  const measurer = createMeasurer({ providers: deps.providers, render: deps.render });
  const reference = await readReference(subjects, { ...deps, memory, measurer });
  const compiled = compilePlan(subjects.spec, deps.installation, reference);
  const { fromMs, toMs } = subjects.range;
  const wantedMs = subjects.intervalMs ?? compiled.intervalMs;
  const originMs = Math.min(fromMs + compiled.initialDelayMs, toMs - 1_000);
  const plan = { ...compiled, intervalMs: spread(wantedMs, toMs - originMs) };
  const frame = { sinceMs: originMs, lengthMs: toMs - fromMs, incomparable: subjects.incomparable };
  const progress = createProgress(plan, frame);
  const subject = subjectOf(subjects, plan, memory);
  const queryErrors = new Map<string, number>();
  const copies = subjects.copies === undefined ? {} : { copies: subjects.copies };
  const asked = { kind: 'measure', step: STEP, sinceMs: originMs, ...copies } as const;
  for (const atMs of gridOf(originMs, toMs, plan.intervalMs)) {
    deps.setNow(atMs < toMs ? atMs : Math.min(deps.now(), toMs + SETTLED_MS));
    const gates = plan.gates.filter(gate => isAsked(gate) && (queryErrors.get(gate.name) ?? 0) < MOST_QUERY_ERRORS);
    const action = { ...asked, atMs, gates: gates.map(({ name }) => name) };
    const read = () =>
      settled(memory, done => measurer.measure(subject, { ...action, compares: progress.incomparable() === undefined }, done));
    await persistently(read, () => errorOf(memory, plan), deps);
    for (const gate of gates) countQueryErrors(queryErrors, gate, memory);
    progress.add(atMs, memory);
  }
  const { intervalMs } = plan;
  return { plan, reference, intervalMs, isSpread: intervalMs > wantedMs, ...progress.result(memory) };
};

/** The interval in whole seconds with which there are not too many readings. */
const spread = (intervalMs: number, lengthMs: number): number =>
  Math.max(intervalMs, Math.ceil(lengthMs / MOST_READINGS / 1_000) * 1_000);

/** The moments of a step's readings: each interval's end, and the end of it all. */
const gridOf = (originMs: number, toMs: number, intervalMs: number): readonly number[] => {
  const inner = Math.ceil((toMs - originMs) / intervalMs) - 1;
  return [...Array.from({ length: inner }, (_, k) => originMs + (k + 1) * intervalMs), toMs];
};

/** What was normal before the time began; `undefined`: no provider is asked for it. Throws ProviderDown. */
export const readReference = async (
  { host, stable, canary, spec, range }: Pick<Subjects, 'host' | 'stable' | 'canary' | 'spec' | 'range'>,
  deps: Omit<WalkDeps, 'now'> & { readonly memory: Memory; readonly measurer: Measurer },
): Promise<Walked['reference']> => {
  const { memory, measurer, installation } = deps;
  const providers = referenceProviders(spec, installation);
  if (providers.length === 0) return undefined;
  const atMs = range.fromMs;
  deps.setNow(atMs);
  const versions = { stable: stable.version, canary: canary.version };
  const read = () =>
    settled(memory, done =>
      measurer.measureReference(
        { memory, host, stable, canary },
        { kind: 'measureReference', atMs, ...versions, providers },
        done,
      ),
    );
  await persistently(read, () => (memory.reference?.kind === 'error' ? memory.reference.message : undefined), deps);
  return memory.reference?.kind === 'measured' ? memory.reference : undefined;
};

/** Starts readings, and waits until none is under way. */
const settled = (memory: Memory, start: (done: () => void) => void): Promise<void> =>
  new Promise(resolve => {
    const done = (): void => {
      if (memory.inFlight.size === 0) resolve();
    };
    start(done);
    done();
  });

const persistently = async (
  read: () => Promise<void>,
  error: () => string | undefined,
  { wait }: Pick<WalkDeps, 'wait'>,
): Promise<void> => {
  for (let tried = 1; ; tried += 1) {
    await read();
    const message = error();
    if (message === undefined) return;
    if (tried === TRIES) throw new ProviderDown(message);
    await wait(RETRY_MS * tried);
  }
};

/** Without the counts of one provider nothing can be said; a query that is wrong only harms its own gate. */
const errorOf = ({ measurements }: Memory, { gates }: Plan): string | undefined => {
  const failed = gates.map(gate => (gate.judge === 'plain' ? undefined : measurements.get(gate.name)));
  return failed.find(measurement => measurement?.kind === 'error')?.message;
};

const countQueryErrors = (errors: Map<string, number>, { name, judge }: PlanGate, { measurements }: Memory): void => {
  if (judge === 'plain') errors.set(name, measurements.get(name)?.kind === 'error' ? (errors.get(name) ?? 0) + 1 : 0);
};

const subjectOf = ({ namespace, name, host, stable, canary }: Subjects, plan: Plan, memory: Memory): Subject => ({
  memory,
  host,
  stable,
  canary,
  plan,
  stored: [],
  revision: '',
  templateValues: {
    namespace,
    name,
    host,
    stable: stable.version,
    canary: canary.version,
    version: canary.version,
    step: 1,
    steps: plan.steps.length,
    weight: plan.steps[0]?.weight ?? 0,
    interval: promDuration(plan.intervalMs),
    commit: '',
  },
});
