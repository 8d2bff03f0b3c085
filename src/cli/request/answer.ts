import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredRollout } from '../../controller/ports.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { findRollout } from '../cluster/findRollout.ts';
import type { Written } from './annotation.ts';

/** What became of a request that was written. */
export type Answer =
  | { readonly kind: 'accepted' | 'refused'; readonly outcome: string; readonly rollout: StoredRollout }
  /** Somebody has taken it away before it was answered; `request` is what stands there instead. */
  | { readonly kind: 'takenAway'; readonly request?: string; readonly rollout: StoredRollout }
  /** Nobody has answered in time. */
  | { readonly kind: 'unanswered'; readonly rollout: StoredRollout };

const FIRST_LOOK_MS = 60;
const LOOK_EVERY_MS = 400;
/** So many looks in a row that find neither the request nor its answer. */
const MOST_ABSENT = 3;

/** Looks at the Rollout until its status has answered the request. Throws KubeError. */
export const awaitAnswer = async (cluster: Cluster, { id, raw, rollout: before }: Written, limitMs: number): Promise<Answer> => {
  const untilMs = performance.now() + limitMs;
  let absent = 0;
  for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(2 * pauseMs, LOOK_EVERY_MS)) {
    await sleep(pauseMs);
    const { rollout } = await findRollout(cluster, before.name);
    const outcome = outcomeIn(rollout, id);
    if (outcome !== undefined) return { kind: outcome.startsWith('refused') ? 'refused' : 'accepted', outcome, rollout };
    absent = rollout.request === raw ? 0 : absent + 1;
    const { request } = rollout;
    if (absent === MOST_ABSENT) return { kind: 'takenAway', rollout, ...(request === undefined ? {} : { request }) };
    if (performance.now() >= untilMs) return { kind: 'unanswered', rollout };
  }
};

/** A request that came right afterwards may be the last one already; of ours it is only known then that it was answered. */
const outcomeIn = ({ status }: StoredRollout, id: string): string | undefined => {
  if (status?.lastRequest?.id === id) return status.lastRequest.outcome;
  return status?.answered?.ids?.includes(id) ? 'answered; another request came right after it' : undefined;
};
