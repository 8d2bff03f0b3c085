import type { StoredRollout } from '../../controller/ports.ts';
import { type PersonRequest, type RolloutView, readable, rolloutView, type Verb } from '../../rollout/index.ts';
import { plain } from '../terminal/text.ts';

/** What a request would do now, for whoever makes it: `all traffic goes back from v2 (50%) to v1`. */
export const consequence = (verb: Verb, view: RolloutView): string => CONSEQUENCES[verb](view);

const CONSEQUENCES = {
  promote: view => {
    const { step, steps, versions } = view;
    if (step === undefined) return `${versions.wanted} becomes the stable version`;
    const next = steps[step];
    const where = next === undefined ? 'for its end at 100%' : `for step ${step + 1}/${steps.length} at ${next.weight}%`;
    return `${newVersion(view)} leaves ${placeOf(view)} now, ${where}; a failed gate, pods that are missing and approvals still hold it`;
  },
  abort: view =>
    `all traffic goes back from ${newVersion(view)} (${view.weight.intended}%) to ${view.versions.stable ?? 'the stable version'}`,
  pause: view => `${newVersion(view)} stays in ${placeOf(view)} until somebody resumes; what protects goes on`,
  resume: view =>
    view.step === undefined
      ? 'the weights that somebody changed are put back'
      : `${newVersion(view)} goes on from ${placeOf(view)}`,
  retry: view => `${view.versions.wanted} is tried again, from its first step on`,
} as const satisfies Record<Verb, (view: RolloutView) => string>;

const newVersion = ({ versions }: RolloutView): string => versions.canary ?? versions.wanted;

const placeOf = ({ step = 0, steps, weight }: RolloutView): string => `step ${step}/${steps.length} at ${weight.intended}%`;

/** A refusal of the rules, with where the Rollout is, and what they would take now. */
export const refusalText = (refusal: string, { verb }: Pick<PersonRequest, 'verb'>, rollout: StoredRollout): string => {
  const view = rolloutView(readable(rollout), Date.now());
  const taken = view.actions.filter(action => action.refusal === undefined && action.verb !== verb);
  const possible = taken.map(action => `sluice ${action.verb} ${target(rollout)}`);
  return [
    `refused: ${plain(refusal)}`,
    ...(refusal.includes(view.message) ? [] : [`it is ${view.title}: ${plain(view.message)}`]),
    ...(refusal.includes('"force"') ? [`to go back all the same: sluice abort ${target(rollout)} --force`] : []),
    possible.length === 0 ? `to see where it is: sluice status ${target(rollout)}` : `possible now: ${possible.join(' | ')}`,
  ].join('\n');
};

/** `forecast -n weather`, as a command takes it. */
export const target = ({ name, namespace }: Pick<StoredRollout, 'name' | 'namespace'>): string => `${name} -n ${namespace}`;
