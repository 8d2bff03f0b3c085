import type { RolloutStatus } from '../../rollout/index.ts';

/** What somebody who takes the tour could do next. */
type Hint = {
  /** The same hint is given once in a row. */
  readonly id: string;
  readonly lines: readonly string[];
};

const TITLE_WIDTH = 22;

/** A row of a block: a title, and what belongs to it. */
export const row = (title: string, text: string): string => `  ${title.padEnd(TITLE_WIDTH)} ${text}`;

/** The keys that do something while the tour runs. */
export const KEYS: readonly string[] = [
  row('2', 'commit v2, a good version'),
  row('3', 'commit v3: every third of its requests fails'),
  row('f', 'mend all versions, as if their pods were replaced by good ones'),
  row('b', 'break the version that is being rolled out'),
  row('h', 'say all this again'),
  row('q', 'end everything; nothing is left on this machine'),
];

/** What comes next, by where the rollout is; nothing while it moves by itself. `page` is its address in the dashboard. */
export const nextOf = (status: RolloutStatus, page: string): Hint | undefined => {
  const { phase, stableVersion, canaryVersion = '' } = status;
  if (phase === 'Healthy') return HEALTHY[stableVersion ?? ''];
  if (phase === 'AwaitingApproval')
    return {
      id: `ask ${status.revision}`,
      lines: [
        row(`Next: agree to ${canaryVersion}`, `in the browser: ${page}, sign in with alice's token, Approve`),
        row('', 'or in the other terminal: sluice approve forecast'),
      ],
    };
  if (phase !== 'RolledBack') return undefined;
  return {
    id: `back ${status.revision}`,
    lines: [
      row('Next: why?', `in the browser: ${page}; the cause stands at the top, with its evidence`),
      row('', 'or in the other terminal: sluice status forecast, sluice history forecast'),
      row('', 'to decide again from the evidence:'),
      row('', `  kubectl get configmap forecast-evidence-${status.attempt ?? 1} -o yaml | sluice replay -`),
      row('Then', `press f, which mends ${canaryVersion}, and try it again: sluice retry forecast`),
    ],
  };
};

const HEALTHY: Readonly<Record<string, Hint>> = {
  v1: {
    id: 'v1',
    lines: [row('Next: press 2', 'Carol commits forecast v2: half of the traffic goes there, then people are asked')],
  },
  v2: { id: 'v2', lines: [row('Next: press 3', 'Carol commits forecast v3, and v3 is bad; nobody has to do anything')] },
  v3: { id: 'v3', lines: [row('That was the tour.', 'press q to end it; docs/tour.md has more to try')] },
};
