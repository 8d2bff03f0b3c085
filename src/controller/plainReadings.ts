import { type Action, type GateSource, type Measurement, type PlanGate, percentileOf } from '../rollout/index.ts';
import { whyNoCopies } from './copies.ts';
import type { GateCaller, Providers, RenderTemplate } from './ports.ts';
import { promDuration, type Subject } from './subject.ts';

export type PlainReader = {
  /** Reads a gate that is judged by one answer at a time; a provider that does not answer is an answer too (R16). */
  read(subject: Subject, action: Measure, gate: PlanGate, signal: AbortSignal): Promise<Measurement>;
};

type Measure = Extract<Action, { kind: 'measure' }>;
type Source<Kind extends GateSource['kind']> = Extract<GateSource, { kind: Kind }>;
type Single = { readonly value: number } | { readonly none: string };

/** Windows of custom queries that name none last at least this long. */
const MIN_WINDOW_MS = 30_000;

/** Built-in measures that are judged plainly look at this much at least: several scrapes. */
const PLAIN_WINDOW_MS = 60_000;

/** Gates with a query of their own, and webhooks. */
export const createPlainReader = (deps: {
  readonly providers: Providers;
  readonly render: RenderTemplate;
  /** Absent: there are no webhook gates here. */
  readonly callGate?: GateCaller | undefined;
}): PlainReader => {
  const { providers, render, callGate } = deps;

  const readQuery = async (
    source: Source<'query'>,
    subject: Subject,
    atMs: number,
    signal: AbortSignal,
  ): Promise<Measurement> => {
    const provider = providers.prometheus[source.provider];
    if (provider === undefined) throw new Error(`provider ${source.provider} is not configured any more`);
    const scrapeMs = subject.memory.scrapeDistanceMs.get(`prometheus/${source.provider}`) ?? 0;
    const windowMs = source.windowMs ?? Math.max(subject.plan.intervalMs, 2 * scrapeMs, MIN_WINDOW_MS);
    const values = { ...subject.templateValues, window: promDuration(windowMs) };
    const ask = (template: string): Promise<Single> => provider.readValue(render(template, values), atMs, signal);
    const { query, samples } = source;
    const [value, count] = await Promise.all([ask(query), samples === undefined ? undefined : ask(samples)]);
    return valueMeasurement(value, count, atMs, windowMs);
  };

  /** A built-in measure over the last window alone, as other tools look at it (judge: plain). */
  const readWindow = async (
    source: Source<'prometheus' | 'zipkin'>,
    { host, stable, canary, plan }: Subject,
    { atMs, copies }: Measure,
    signal: AbortSignal,
  ): Promise<Measurement> => {
    const provider = providers[source.kind][source.provider];
    if (provider === undefined) throw new Error(`provider ${source.provider} is not configured any more`);
    const windowMs = Math.max(plan.intervalMs, PLAIN_WINDOW_MS);
    const withoutDurations = !('percentile' in source);
    const span = { fromMs: atMs - windowMs, toMs: atMs };
    const query = {
      host,
      stable,
      canary,
      onlyCanary: true,
      ...(copies === undefined ? {} : { copies }),
      ...span,
      slowerThanMs: [],
      withoutDurations,
    };
    const { canary: of } = await provider.readTraffic(query, signal);
    if (of.requests === 0) {
      const why = copies === undefined ? '' : `; ${whyNoCopies(source, canary.version)}`;
      return { kind: 'none', atMs, message: `no requests of the new version in the window${why}` };
    }
    if (!('percentile' in source))
      return { kind: 'value', atMs, value: 100 * (1 - of.errors / of.requests), samples: of.requests, windowMs };
    const value = percentileOf(of.durations, source.percentile);
    if (value === undefined) return { kind: 'none', atMs, message: 'no duration of the new version in the window' };
    return { kind: 'value', atMs, value, samples: of.timed, windowMs };
  };

  const askWebhook = async (
    source: Source<'webhook'>,
    subject: Subject,
    { atMs, gate }: { atMs: number; gate: string },
    signal: AbortSignal,
  ): Promise<Measurement> => {
    if (callGate === undefined) throw new Error('webhook gates cannot be called here');
    const { intervalMs } = subject.plan;
    const values = { ...subject.templateValues, window: promDuration(intervalMs) };
    const encoded = Object.entries(values).map(([name, value]) => [name, encodeURIComponent(value)]);
    const url = render(source.url, Object.fromEntries(encoded));
    const body = { ...bodyOf(subject), gate };
    return { kind: 'verdict', atMs, ...(await callGate.call({ url, timeoutMs: source.timeoutMs, body }, signal)) };
  };

  return {
    read: async (subject, action, { source, name }, signal) => {
      const { atMs } = action;
      try {
        if (source.kind === 'query') return await readQuery(source, subject, atMs, signal);
        if (source.kind === 'prometheus' || source.kind === 'zipkin') return await readWindow(source, subject, action, signal);
        if (source.kind === 'webhook') return await askWebhook(source, subject, { atMs, gate: name }, signal);
        throw new Error(`${source.kind} is read together with other gates`);
      } catch (error) {
        return { kind: 'error', atMs, message: error instanceof Error ? error.message : String(error) };
      }
    },
  };
};

/** What a webhook is told: which rollout, which version, and where it is. */
const bodyOf = ({ templateValues, revision }: Subject): Readonly<Record<string, string | number>> => {
  const { namespace, name, version, stable, step, steps, weight, interval } = templateValues;
  return { namespace, name, revision, version, stable, step, steps, weight, interval };
};

const valueMeasurement = (value: Single, samples: Single | undefined, atMs: number, windowMs: number): Measurement => {
  if ('none' in value) return { kind: 'none', atMs, message: value.none };
  if (samples === undefined) return { kind: 'value', atMs, value: value.value, windowMs };
  return 'none' in samples
    ? { kind: 'none', atMs, message: `samples: ${samples.none}` }
    : { kind: 'value', atMs, value: value.value, samples: samples.value, windowMs };
};
