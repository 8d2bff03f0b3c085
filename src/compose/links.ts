import { graphLink, type TrafficView, trafficExpression } from '../adapters/prometheus/link.ts';
import { tracesLink } from '../adapters/zipkin/link.ts';
import type { Config } from '../config/load.ts';
import type { Link } from '../controller/channel-ports.ts';
import type { OutboxOptions } from '../controller/outbox.ts';
import type { RenderTemplate, StoredRollout } from '../controller/ports.ts';
import { promDuration, templateValues } from '../controller/subject.ts';
import {
  compilePlan,
  type GateSource,
  type GateStatus,
  type Installation,
  type Plan,
  type RolloutStatus,
} from '../rollout/index.ts';

type LinksOf = NonNullable<OutboxOptions['linksOf']>;

/** Before the step is known to have begun, so much is looked at. */
const LOOK_BACK_MS = 1_800_000;
/** A scrape distance has to fit in twice. */
const MIN_WINDOW_MS = 120_000;
/** Windows of queries that name none last at least this long. */
const MIN_QUERY_WINDOW_MS = 30_000;

export type LinksOptions = Pick<Config, 'providers' | 'publicUrl'> & {
  readonly installation: Installation;
  readonly render: RenderTemplate;
};

/** Where people look further: the dashboard, and what each gate looks at, over the time of the step. */
export const createLinks = ({ providers, publicUrl, installation, render }: LinksOptions): LinksOf => {
  const ofGate = (gate: GateStatus, { rollout, plan, target }: Told, time: Time): readonly Link[] => {
    const source = plan.gates.find(({ name }) => name === gate.name)?.source;
    if (source === undefined || source.kind === 'webhook') return [];
    if (source.kind === 'unattributed' && gate.verdict === 'Pass') return [];
    if (source.kind === 'zipkin') {
      const { publicUrl: zipkin } = providers.zipkin[source.provider] ?? {};
      const of = { host: target.host, version: target.canary };
      return zipkin === undefined ? [] : [{ title: `${gate.name} in Zipkin`, url: tracesLink(zipkin, of, time) }];
    }
    const { publicUrl: prometheus } = providers.prometheus[source.provider] ?? {};
    const expression = expressionOf(source, { rollout, plan, target }, render);
    if (prometheus === undefined || expression === undefined) return [];
    return [{ title: `${gate.name} in Prometheus`, url: graphLink(prometheus, expression, time) }];
  };

  return (rollout, { gates }, at) => {
    const { namespace, name, status } = rollout;
    const place = [namespace, name].map(encodeURIComponent).join('/');
    const plan = gates.length === 0 ? undefined : planOf(rollout, installation);
    const told = plan === undefined || status?.target === undefined ? undefined : { rollout, plan, target: status.target };
    return [
      ...(publicUrl === undefined ? [] : [{ title: 'dashboard', url: `${publicUrl}/rollouts/${place}` }]),
      ...(told === undefined ? [] : gates.flatMap(gate => ofGate(gate, told, timeOf(status, Date.parse(at))))),
    ];
  };
};

type Told = { readonly rollout: StoredRollout; readonly plan: Plan; readonly target: NonNullable<RolloutStatus['target']> };
type Time = { readonly fromMs: number; readonly toMs: number };

/** An attempt that has ended has no plan any more, and its gates are still those of the spec, unless that was edited since. */
const planOf = ({ spec, status }: StoredRollout, installation: Installation): Plan | undefined => {
  if (status?.plan !== undefined) return status.plan;
  try {
    return compilePlan(spec, installation, undefined);
  } catch {
    return undefined;
  }
};

/** From the beginning of the step, or of an attempt that has ended, until people were told. */
const timeOf = (status: RolloutStatus | undefined, toMs: number): Time => {
  const startedAt = status?.step?.startedAt ?? status?.history?.findLast(({ action }) => action === 'started')?.at;
  const fromMs = Date.parse(startedAt ?? '');
  return { fromMs: fromMs < toMs ? fromMs : toMs - LOOK_BACK_MS, toMs };
};

type OfPrometheus = Exclude<GateSource, { kind: 'zipkin' | 'webhook' }>;

/** What the gate asks Prometheus, as an expression that can be drawn; `undefined` when it cannot be told any more. */
const expressionOf = (source: OfPrometheus, told: Told, render: RenderTemplate): string | undefined => {
  const { intervalMs } = told.plan;
  if (source.kind !== 'query')
    return trafficExpression(told.target.host, viewOf(source), Math.max(MIN_WINDOW_MS, 2 * intervalMs));
  const windowMs = source.windowMs ?? Math.max(intervalMs, MIN_QUERY_WINDOW_MS);
  return filled(render, source.query, told, { window: promDuration(windowMs) });
};

const viewOf = (source: Exclude<OfPrometheus, { kind: 'query' }>): TrafficView => {
  if (source.kind === 'unattributed') return { kind: 'unattributed' };
  return source.metric === 'latency' ? { kind: 'latency', percentile: source.percentile } : { kind: 'successRate' };
};

/** What the author of the Rollout wants people to be asked, about the step that they are asked about. */
export const createAsk =
  (render: RenderTemplate): NonNullable<OutboxOptions['askOf']> =>
  (rollout, { question }) => {
    const message = question?.approval.message;
    const { plan, target } = rollout.status ?? {};
    if (question === undefined || message === undefined || plan === undefined || target === undefined) return undefined;
    const { step, weight } = question;
    const window = promDuration(Math.max(plan.intervalMs, MIN_QUERY_WINDOW_MS));
    return filled(render, message, { rollout, plan, target }, { window, step, weight });
  };

/** `undefined`: it cannot be filled; people are told all the same, without it. */
const filled = (
  render: RenderTemplate,
  template: string,
  { rollout, plan, target }: Told,
  more: Readonly<Record<string, string | number>>,
): string | undefined => {
  const { status } = rollout;
  if (status === undefined) return undefined;
  try {
    return render(template, { ...templateValues(rollout, status, plan, target), ...more });
  } catch {
    return undefined;
  }
};
