import { parseDuration, type Verb } from '../../rollout/index.ts';
import type { ClusterOptions } from '../cluster/cluster.ts';

/** As they were written. */
export type WrittenOptions = ClusterOptions & {
  readonly reason?: string;
  readonly force?: boolean;
  readonly revision?: string;
  readonly step?: string;
  readonly replace?: boolean;
  readonly watch?: boolean;
  readonly timeout?: string;
  readonly output: 'text' | 'json' | 'yaml';
};

/** What a person wants of a Rollout, as far as the command line says it. */
export type Asked = {
  readonly verb: Verb;
  readonly name: string;
  readonly force: boolean;
  readonly reason?: string;
  readonly revision?: string;
  readonly step?: number;
  /** May it take the place of a request that nobody has answered? */
  readonly replaces: boolean;
  /** How long to wait for the answer, and for the end of the rollout. */
  readonly timeoutMs?: number;
};

const REVISION = /^[\w.-]{1,128}$/;
const STEP = /^(?:0|[1-9]\d{0,3})$/;

/** What is wrong with the command line, all of it, or what it says. */
export const readOptions = (
  verb: Verb,
  name: string,
  written: WrittenOptions,
): Asked | { readonly problems: readonly string[] } => {
  const { reason, force = false, revision, step, replace = false, timeout } = written;
  const timeoutMs = timeout === undefined ? undefined : parseDuration(timeout);
  const problems = [
    ...(force && verb !== 'abort' ? [`--force belongs to abort; ${verb} overrules nothing that protects`] : []),
    ...(revision === undefined || REVISION.test(revision)
      ? []
      : [`--revision is ${JSON.stringify(revision)}, expected a revision as the status has it, such as 7c1f09d2`]),
    ...(step === undefined || STEP.test(step) ? [] : [`--step is ${JSON.stringify(step)}, expected the number of a step`]),
    ...(timeout !== undefined && timeoutMs === undefined
      ? [`--timeout is ${JSON.stringify(timeout)}, expected a duration such as 30s, 5m or 1h30m`]
      : []),
  ];
  if (problems.length > 0) return { problems };
  return {
    verb,
    name,
    force,
    replaces: replace,
    ...(reason === undefined ? {} : { reason }),
    ...(revision === undefined ? {} : { revision }),
    ...(step === undefined ? {} : { step: Number(step) }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
};
