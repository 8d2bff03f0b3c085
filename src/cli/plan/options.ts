import type { Reference } from '../../rollout/index.ts';
import type { ClusterOptions } from '../cluster/cluster.ts';

/** As they were written. */
export type WrittenOptions = Pick<ClusterOptions, 'namespace' | 'context' | 'kubeconfig'> & {
  readonly offline?: boolean;
  readonly against?: string;
  /** `--no-diff`. */
  readonly diff?: boolean;
  readonly prometheus?: string;
  readonly controllerNamespace?: string;
  readonly requestsPerSecond?: string;
  readonly stableErrors?: string;
  readonly sampling?: string;
  readonly config?: string;
  readonly output: 'text' | 'json' | 'yaml' | 'markdown';
};

/** What is known of the traffic that the rollout will meet. */
export type Assumed = {
  /** Requests to the host, both versions together; absent: not known. */
  readonly perSecond?: number;
  /** Share of stable's requests that fail, 0..1; absent: not known. */
  readonly stableErrors?: number;
  /** Share of the requests that have spans, 0..1. */
  readonly sampling: number;
  /** What was measured; absent: it is made up from the rest. */
  readonly reference?: Reference;
};

/** What the file is compared with. */
export type Against =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'cluster' }
  /** Without a ref: where the branch left the main one. */
  | { readonly kind: 'git'; readonly ref?: string };

export type Wanted = { readonly assumed: Assumed; readonly against: Against };

const MOST_PER_SECOND = 1e7;

/** Share of stable's requests that fail where nobody has told: about that of a healthy service. */
export const USUAL_ERRORS = 0.001;

/** What is wrong with the command line, all of it, or what it says. */
export const readOptions = (written: WrittenOptions): Wanted | { readonly problems: readonly string[] } => {
  const problems: string[] = [];
  const number = (option: string, text: string | undefined, { isIn, expected }: Range): number | undefined => {
    if (text === undefined) return undefined;
    const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (isIn(value)) return value;
    problems.push(`${option} is ${JSON.stringify(text)}, expected ${expected}`);
    return undefined;
  };
  const against = againstOf(written, problems);
  const perSecond = number('--requests-per-second', written.requestsPerSecond, RATE);
  const stableErrors = number('--stable-errors', written.stableErrors, ERRORS);
  const sampling = number('--sampling', written.sampling, SAMPLING) ?? 100;
  if (problems.length > 0) return { problems };
  const assumed = {
    ...(perSecond === undefined ? {} : { perSecond }),
    ...(stableErrors === undefined ? {} : { stableErrors: stableErrors / 100 }),
    sampling: sampling / 100,
  };
  return { assumed, against };
};

const AGAINST = /^(?:cluster|git(?::(.+))?)$/;

/** Options that only a cluster gives a meaning. */
const OF_CLUSTER = {
  namespace: '--namespace',
  context: '--context',
  kubeconfig: '--kubeconfig',
  prometheus: '--prometheus',
  controllerNamespace: '--controller-namespace',
} as const satisfies Partial<Record<keyof WrittenOptions, string>>;

const againstOf = (written: WrittenOptions, problems: string[]): Against => {
  const { offline, against, prometheus } = written;
  const [isKnown, ref] = AGAINST.exec(against ?? 'cluster') ?? [];
  if (isKnown === undefined)
    problems.push(`--against is ${JSON.stringify(against)}, expected cluster, git, or git:REF with a branch, tag or commit`);
  if (offline && against !== undefined) problems.push('--against has no meaning with --offline, expected one of them');
  if (prometheus !== undefined && !/^https?:\/\/[^/]/.test(prometheus))
    problems.push('--prometheus is not a URL, expected http://... or https://...');
  if (!offline && isKnown === 'cluster') return { kind: 'cluster' };
  const instead = offline ? '--offline' : '--against git';
  for (const [option, name] of Object.entries(OF_CLUSTER)) {
    if (written[option as keyof typeof OF_CLUSTER] !== undefined)
      problems.push(`${name} has no meaning with ${instead}, expected one of them`);
  }
  if (offline) return { kind: 'nothing' };
  return { kind: 'git', ...(ref === undefined ? {} : { ref }) };
};

type Range = { readonly isIn: (value: number) => boolean; readonly expected: string };

const RATE: Range = {
  isIn: value => value > 0 && value <= MOST_PER_SECOND,
  expected: 'a number above 0, such as 20, or 0.5 for one request every two seconds',
};
const ERRORS: Range = { isIn: value => value >= 0 && value < 100, expected: 'a percentage from 0 to below 100, such as 0.1' };
const SAMPLING: Range = { isIn: value => value > 0 && value <= 100, expected: 'a percentage above 0 and up to 100, such as 1' };
