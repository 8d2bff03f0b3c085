import type { Rollout } from '../observation.ts';
import { type Attention, attentionOf } from './attention.ts';
import { titleOf } from './title.ts';
import { UNSEEN } from './unseen.ts';
import type { RolloutView } from './view.ts';
import { type WaitingView, waitingView } from './waiting.ts';

/** A Rollout in one line of a list: much less work than its view. */
export type RolloutLine = Pick<RolloutView, 'namespace' | 'name' | 'phase' | 'reason' | 'title' | 'since' | 'message'> & {
  /** The version that is being rolled out, else the stable one. */
  readonly version?: string;
  readonly stable?: string;
  /** `2/3`; absent when no attempt is in progress. */
  readonly step?: string;
  /** Share of `version`: `50%`. */
  readonly weight?: string;
  readonly waitingFor?: WaitingView;
  readonly attention: Attention;
  readonly revision?: string;
  /** The Git source that owns it. */
  readonly source?: { readonly name: string; readonly revision: string };
};

export const rolloutLine = ({
  namespace,
  name,
  spec,
  status,
}: Pick<Rollout, 'namespace' | 'name' | 'spec' | 'status'>): RolloutLine => {
  if (status === undefined) {
    const { phase, reason, title, message, attention } = UNSEEN;
    return { namespace, name, phase, reason, title, message, attention, version: spec.version };
  }
  const { phase, reason, since, message, stableVersion, display, revision, source } = status;
  const waitingFor = waitingView(status);
  return {
    namespace,
    name,
    phase,
    reason,
    title: titleOf(status),
    ...(since === undefined ? {} : { since }),
    ...shown('version', display?.version),
    ...(stableVersion === undefined ? {} : { stable: stableVersion }),
    ...shown('step', display?.step),
    ...shown('weight', display?.weight),
    message,
    ...(waitingFor === undefined ? {} : { waitingFor }),
    attention: attentionOf(status),
    ...(revision === undefined ? {} : { revision }),
    ...(source === undefined ? {} : { source: { name: source.name, revision: source.revision } }),
  };
};

/** What has no value in the printer columns is not there at all. */
const shown = (name: 'version' | 'step' | 'weight', text: string | undefined): Partial<RolloutLine> =>
  text === undefined || text === '' ? {} : { [name]: text };
