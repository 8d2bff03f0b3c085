/** As they were written. */
export type WrittenOptions = {
  readonly offline?: boolean;
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
};

const MOST_PER_SECOND = 1e7;

/** Share of stable's requests that fail where nobody has told: about that of a healthy service. */
export const USUAL_ERRORS = 0.001;

/** What is wrong with the command line, all of it, or what it says. */
export const readOptions = (written: WrittenOptions): Assumed | { readonly problems: readonly string[] } => {
  const problems: string[] = [];
  const number = (option: string, text: string | undefined, { isIn, expected }: Range): number | undefined => {
    if (text === undefined) return undefined;
    const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (isIn(value)) return value;
    problems.push(`${option} is ${JSON.stringify(text)}, expected ${expected}`);
    return undefined;
  };
  if (!written.offline) problems.push('plan against the cluster is not supported yet: use --offline');
  const perSecond = number('--requests-per-second', written.requestsPerSecond, RATE);
  const stableErrors = number('--stable-errors', written.stableErrors, ERRORS);
  const sampling = number('--sampling', written.sampling, SAMPLING) ?? 100;
  if (problems.length > 0) return { problems };
  return {
    ...(perSecond === undefined ? {} : { perSecond }),
    ...(stableErrors === undefined ? {} : { stableErrors: stableErrors / 100 }),
    sampling: sampling / 100,
  };
};

type Range = { readonly isIn: (value: number) => boolean; readonly expected: string };

const RATE: Range = {
  isIn: value => value > 0 && value <= MOST_PER_SECOND,
  expected: 'a number above 0, such as 20, or 0.5 for one request every two seconds',
};
const ERRORS: Range = { isIn: value => value >= 0 && value < 100, expected: 'a percentage from 0 to below 100, such as 0.1' };
const SAMPLING: Range = { isIn: value => value > 0 && value <= 100, expected: 'a percentage above 0 and up to 100, such as 1' };
