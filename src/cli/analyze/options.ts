import { isoSeconds, parseDuration } from '../../rollout/index.ts';

/** As they were written. */
export type WrittenOptions = {
  readonly namespace?: string;
  readonly config?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly offline?: boolean;
  readonly stable?: string;
  readonly canary?: string;
  readonly host?: string;
  readonly workloadsStable?: string;
  readonly workloadsCanary?: string;
  readonly since?: string;
  readonly from?: string;
  readonly to?: string;
  readonly interval?: string;
  readonly prometheus: readonly string[];
  readonly zipkin: readonly string[];
  readonly output: 'text' | 'json' | 'yaml';
};

/** What is asked for, checked as far as that is possible without looking anywhere. */
export type Asked = {
  /** A file, or the name of a Rollout in the cluster; absent: the default gates. */
  readonly rollout?: { readonly file: string } | { readonly name: string };
  readonly namespace?: string;
  readonly host?: string;
  readonly versions: OfSides<string>;
  readonly workloads: OfSides<readonly string[]>;
  readonly range: Range;
  readonly intervalMs?: number;
  /** Addresses of providers by name, beside those of the configuration or instead of them. */
  readonly urls: { readonly prometheus: Urls; readonly zipkin: Urls };
};

export type Range = { readonly fromMs: number; readonly toMs: number };
type OfSides<T> = { readonly stable?: T; readonly canary?: T };
type Urls = Readonly<Record<string, string>>;

const DEFAULT_SINCE = '1h';
const LONGEST_MS = 31 * 24 * 3_600_000;
const SHORTEST_MS = 1_000;
const NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;
/** Values of labels, which versions are. */
const VERSION = /^[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?$/;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;

/** What is wrong with the command line, all of it, or what it asks for. */
export const readOptions = (
  rollout: string | undefined,
  written: WrittenOptions,
  nowMs: number,
): Asked | { readonly problems: readonly string[] } => {
  const problems: string[] = [];
  const note = (problem: string): undefined => void problems.push(problem);
  const named = (option: string, value: string | undefined, [pattern, expected]: Form): string | undefined =>
    value === undefined || pattern.test(value) ? value : note(`${option} is ${JSON.stringify(value)}, expected ${expected}`);
  const duration = (option: string, value: string | undefined): number | undefined => {
    if (value === undefined) return undefined;
    const ms = parseDuration(value);
    if (ms !== undefined && ms >= SHORTEST_MS) return ms;
    return note(`${option} is ${JSON.stringify(value)}, expected a duration of at least 1s, such as 30m, 1h or 1h30m`);
  };
  const intervalMs = duration('--interval', written.interval);
  const asked = {
    ...given({ rollout: rolloutOf(rollout, note) }),
    ...given({ namespace: named('--namespace', written.namespace, OBJECT), host: named('--host', written.host, HOST) }),
    versions: given({
      stable: named('--stable', written.stable, LABEL),
      canary: named('--canary', written.canary, LABEL),
    }),
    workloads: given({
      stable: workloadsOf('--workloads-stable', written.workloadsStable, note),
      canary: workloadsOf('--workloads-canary', written.workloadsCanary, note),
    }),
    range: rangeOf(written, { nowMs, sinceMs: duration('--since', written.since) }, note),
    ...given({ intervalMs }),
    urls: { prometheus: urlsOf('--prometheus', written.prometheus, note), zipkin: urlsOf('--zipkin', written.zipkin, note) },
  };
  for (const option of ['kubeconfig', 'context'] as const)
    if (written.offline && written[option] !== undefined) note(`--${option} has no meaning with --offline, expected one of them`);
  if (written.offline && asked.rollout !== undefined && 'name' in asked.rollout)
    note(`${asked.rollout.name} is the name of a Rollout in the cluster, expected a file with --offline`);
  return problems.length === 0 ? asked : { problems };
};

type Form = readonly [pattern: RegExp, expected: string];
type Note = (problem: string) => undefined;

const OBJECT: Form = [/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, 'lower-case letters, digits and "-", at most 63'];
const HOST: Form = [NAME, 'the name of a host, such as forecast or forecast.weather.svc.cluster.local'];
const LABEL: Form = [VERSION, "a value of the pods' version label, such as v2"];

/** Without the fields that have no value. */
const given = <T extends object>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;

/** What looks like a path is one; `./forecast` is a file that is called like a Rollout. */
const rolloutOf = (text: string | undefined, note: Note): Asked['rollout'] => {
  if (text === undefined) return undefined;
  if (/\/|\.(?:ya?ml|json)$/.test(text)) return { file: text };
  if (NAME.test(text)) return { name: text };
  return note(`${JSON.stringify(text)} is neither a file nor the name of a Rollout`);
};

const workloadsOf = (option: string, text: string | undefined, note: Note): readonly string[] | undefined => {
  if (text === undefined) return undefined;
  const names = text.split(',').map(name => name.trim());
  if (names.every(name => NAME.test(name))) return [...new Set(names)].sort();
  return note(`${option} is ${JSON.stringify(text)}, expected names of workloads such as forecast-v1,forecast-v1-canary`);
};

const rangeOf = (
  { since, from, to }: WrittenOptions,
  { nowMs, sinceMs }: { readonly nowMs: number; readonly sinceMs: number | undefined },
  note: Note,
): Range => {
  const nothing = { fromMs: 0, toMs: 0 };
  if (since !== undefined && (from !== undefined || to !== undefined)) {
    note('--since ends now, expected it without --from and --to');
    return nothing;
  }
  if (to !== undefined && from === undefined) note('--to needs --from, the moment at which the analysis begins');
  const fromMs = momentOf('--from', from, note);
  const toMs = momentOf('--to', to, note) ?? nowMs;
  const startMs = fromMs ?? nowMs - (sinceMs ?? parseDuration(DEFAULT_SINCE) ?? 0);
  if (toMs > nowMs) note(`--to is ${to}, which is in the future, expected a moment that has passed`);
  if (startMs >= toMs && from !== undefined) note(`--from is ${from}, expected a moment before ${to === undefined ? 'now' : to}`);
  if (toMs - startMs > LONGEST_MS)
    note(`${isoSeconds(startMs)} to ${isoSeconds(toMs)} is longer than 31d, expected a part of it`);
  return { fromMs: startMs, toMs };
};

const momentOf = (option: string, text: string | undefined, note: Note): number | undefined => {
  if (text === undefined) return undefined;
  const ms = MOMENT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(ms)) return ms;
  return note(`${option} is ${JSON.stringify(text)}, expected a moment such as 2026-11-21T14:00:00Z`);
};

/** `URL` for the provider called default, `NAME=URL` for another one. */
const urlsOf = (option: string, texts: readonly string[], note: Note): Urls => {
  const entries = texts.flatMap(text => {
    const [, name = 'default', url = ''] = /^(?:([a-z0-9][-a-z0-9]{0,62})=)?(.*)$/s.exec(text) ?? [];
    if (/^https?:\/\/[^/]/.test(url) && URL.canParse(url)) return [[name, url] as const];
    note(`${option} is not a URL, expected http://... or https://..., after NAME= for a provider that is not called default`);
    return [];
  });
  const twice = entries.find(([name], i) => entries.findIndex(([other]) => other === name) !== i);
  if (twice !== undefined) note(`${option} names the provider ${twice[0]} twice, expected each once`);
  return Object.fromEntries(entries);
};
