import { randomUUID } from 'node:crypto';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import type { KubernetesObject } from '../real/bed/kubernetes.ts';
import { type Hurry, hurried, objectsIn, placedIn } from './folder.ts';
import type { Place } from './place.ts';

interface RollOptions extends Hurry {
  /** Each pause lasts until the test promotes. */
  readonly isHeld?: boolean;
}

/** The Rollout of an example; of several files, the one that was applied last. */
export interface RolloutOfExample {
  /** Applies the Rollout of a file, in seconds instead of minutes. */
  readonly roll: (file: string, options?: RollOptions) => Promise<void>;
  /** Merges into its spec. */
  readonly change: (spec: object) => Promise<void>;
  /** Asks by annotation, and waits until that is accepted. */
  readonly ask: (verb: 'promote' | 'retry') => Promise<void>;
  /** Deletes it, and waits until it is gone. */
  readonly remove: () => Promise<void>;
  /** Its status, once it fits. */
  readonly until: (what: string, fits: (status: RolloutStatus) => boolean) => Promise<RolloutStatus>;
}

/** Waits; throws with what there is instead. */
export type Until = (what: string, ask: () => Promise<boolean>) => Promise<void>;

/** Of a request that is refused because its step is over. */
const ATTEMPTS = 5;
/** Longer than any test. */
const LONG = '10m';

/** `said` is told by an error beside what the Rollout says. */
export function createRollout(
  place: Place,
  namespace: string,
  said: () => string,
): RolloutOfExample & { readonly waitFor: Until } {
  const { kubernetes } = place;
  const all = `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/rollouts`;
  let name = '';
  const status = async () => (await kubernetes.get<{ readonly status?: RolloutStatus }>(`${all}/${name}`)).status;
  const waitFor: Until = async (what, ask) => {
    const missed = await place.until(what, ask).catch((error: Error) => error);
    if (missed === undefined) return;
    const { phase, reason, message } = (await status().catch(() => undefined)) ?? {};
    throw new Error(`${namespace}: ${missed.message}; status ${phase} ${reason}: ${message}; ${said()}`);
  };
  const until: RolloutOfExample['until'] = async (what, fits) => {
    let last: RolloutStatus | undefined;
    await waitFor(what, async () => {
      last = await status();
      return last !== undefined && fits(last);
    });
    if (last === undefined) throw new Error(`${namespace}: no status`);
    return last;
  };
  /** What became of one request. */
  const outcomeOf = async (verb: 'promote' | 'retry'): Promise<string> => {
    const { revision, step } = (await status()) ?? {};
    const id = randomUUID();
    const request = verb === 'promote' ? { id, verb, revision, step: step?.index } : { id, verb };
    const annotations = { 'sluice.dev/request': JSON.stringify(request) };
    await kubernetes.patch(`${all}/${name}`, { metadata: { annotations } });
    const { lastRequest } = await until(`an answer to ${verb}`, ({ lastRequest: last }) => last?.id === id);
    return lastRequest?.outcome ?? '';
  };
  return {
    waitFor,
    until,
    roll: async (file, { isHeld = false, ...hurry } = {}) => {
      const [rollout] = placedIn(namespace, objectsIn(file));
      if (rollout?.kind !== 'Rollout') throw new Error(`${file} has no Rollout`);
      name = rollout.metadata.name;
      await kubernetes.apply(hurried(rollout, isHeld ? { ...place.pace, duration: LONG } : place.pace, hurry));
    },
    change: async spec => void (await kubernetes.patch(`${all}/${name}`, { spec })),
    ask: async verb => {
      let outcome = '';
      // the status is written a moment after the routes, and may have named the step before
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        outcome = await outcomeOf(verb);
        if (!outcome.startsWith('refused')) return;
      }
      throw new Error(`${namespace}: ${verb} was ${outcome}`);
    },
    remove: async () => {
      await kubernetes.delete(`${all}/${name}`);
      await waitFor('the end of the Rollout', async () => {
        const { items } = await kubernetes.get<{ readonly items: readonly KubernetesObject[] }>(all);
        return items.every(({ metadata }) => metadata.name !== name);
      });
    },
  };
}
