import type { Link } from '../controller/channel-ports.ts';
import type { Clock, StoredRollout } from '../controller/ports.ts';
import type { Further } from '../controller/view-ports.ts';
import { messageFacts, openQuestion, readable, rolloutView } from '../rollout/index.ts';
import type { Rights } from './reading.ts';

export type RolloutBodyDeps = Further & { readonly clock: Clock };

/**
 * Makes what a reader gets of one Rollout: the object, what people see of it, and where they look further. It is the same
 * text for all readers but for what each of them may do.
 */
export const createRolloutBody =
  ({ linksOf, askOf, clock }: RolloutBodyDeps) =>
  (stored: StoredRollout): ((may: Rights) => string) => {
    const rollout = readable(stored);
    const { namespace, name, uid, spec, status } = rollout;
    const question = openQuestion(status);
    const facts = messageFacts(rollout, { reason: status?.reason ?? '', message: status?.message ?? '' });
    const links: readonly Link[] = linksOf?.(rollout, facts, lastLookAt(rollout, clock)) ?? [];
    const ask = askOf?.(rollout, facts);
    const text = JSON.stringify({
      namespace,
      name,
      uid,
      spec,
      ...(status === undefined ? {} : { status }),
      ...(question === undefined ? {} : { question }),
      view: rolloutView(rollout, clock.now()),
      ...(ask === undefined ? {} : { ask }),
      links,
    });
    return may => `${text.slice(0, -1)},"may":${JSON.stringify(may)}}`;
  };

/** Up to when graphs are of interest; the same as long as nothing happens, so that nobody is sent the same again. */
const lastLookAt = ({ status }: StoredRollout, clock: Clock): string =>
  (status?.gates ?? []).reduce((newest, { at = '' }) => (at > newest ? at : newest), '') ||
  (status?.since ?? new Date(clock.now()).toISOString());
