import type { RolloutStore, StoredRollout } from '../../controller/ports.ts';
import { type OpenQuestion, openQuestion } from '../../rollout/index.ts';
import type { Asking } from './questions.ts';

/** What people are asked about a Rollout now. */
export type Open = { readonly rollout: StoredRollout; readonly open: OpenQuestion; readonly asking: Asking };

const known = new WeakMap<StoredRollout, { readonly found: Open | undefined }>();

/** Presses may come often; a Rollout that has not changed is the same object. */
const openOf = (rollout: StoredRollout): Open | undefined => {
  const seen = known.get(rollout);
  if (seen !== undefined) return seen.found;
  const open = openQuestion(rollout.status);
  const found = open === undefined ? undefined : { rollout, open, asking: askingOf(rollout, open) };
  known.set(rollout, { found });
  return found;
};

const askingOf = ({ uid }: StoredRollout, { revision, step, askedAt }: OpenQuestion): Asking => ({
  uid,
  revision,
  step,
  askedAt,
});

/** All that people are asked now; of a Rollout that has not changed the same objects as before. */
export const openQuestions = (store: Pick<RolloutStore, 'keys' | 'get'>): readonly Open[] =>
  store.keys().flatMap(key => {
    const rollout = store.get(key);
    return rollout === undefined ? [] : (openOf(rollout) ?? []);
  });
