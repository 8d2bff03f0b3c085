import type { ResolvedTarget } from '../rollout/index.ts';
import type { Key, StoredRollout } from './ports.ts';

/** Who steers what, so that no two Rollouts steer one route (R12). */
export type Rivals = {
  /** Notes where this Rollout steers now (nowhere, while its mesh cannot be resolved), and answers the older one that steers there too. */
  olderThan(rollout: StoredRollout, target: ResolvedTarget | undefined): Key | undefined;
  /** The Rollout of this key was added, changed or deleted. */
  changed(key: Key): void;
};

type RivalsDeps = {
  readonly keys: () => readonly Key[];
  readonly get: (key: Key) => StoredRollout | undefined;
  /** Where a Rollout steers that was not looked at yet, from caches. */
  readonly resolve: (rollout: StoredRollout) => ResolvedTarget | undefined;
  /** Somebody who steered the same route has come or gone. */
  readonly wake: (key: Key) => void;
};

type Claim = { readonly uid: string; readonly routes: readonly string[] };

/**
 * An index from routes to the Rollouts that steer them. Each Rollout is entered when it is looked at; before the first one
 * is, all others are entered too, so that a start in any order finds the older one.
 */
export const createRivals = ({ keys, get, resolve, wake }: RivalsDeps): Rivals => {
  const claims = new Map<Key, Claim>();
  const holders = new Map<string, Set<Key>>();
  let unseen: Set<Key> | undefined;

  const enter = (key: Key, claim: Claim | undefined, tell: (key: Key) => void = wake): void => {
    const before = claims.get(key)?.routes ?? [];
    const after = claim?.routes ?? [];
    if (claim === undefined) claims.delete(key);
    else claims.set(key, claim);
    for (const route of before.filter(known => !after.includes(known))) {
      const rest = holders.get(route);
      rest?.delete(key);
      if (rest?.size === 0) holders.delete(route);
      for (const other of rest ?? []) tell(other);
    }
    for (const route of after.filter(added => !before.includes(added))) {
      const others = holders.get(route) ?? new Set();
      for (const other of others) tell(other);
      holders.set(route, others.add(key));
    }
  };

  /** What breaks here breaks the round of that Rollout too, where it is told. */
  const resolved = (rollout: StoredRollout): ResolvedTarget | undefined => {
    try {
      return resolve(rollout);
    } catch {
      return undefined;
    }
  };

  const enterUnseen = (): void => {
    // At the start nobody has been told anything yet that would have to be taken back.
    const tell = unseen === undefined ? () => {} : wake;
    unseen ??= new Set(keys());
    for (const key of unseen) {
      const rollout = claims.has(key) ? undefined : get(key);
      if (rollout !== undefined) enter(key, claimOf(rollout, resolved(rollout)), tell);
    }
    unseen.clear();
  };

  return {
    olderThan: (rollout, target) => {
      enterUnseen();
      const key = `${rollout.namespace}/${rollout.name}`;
      const claim = claimOf(rollout, target);
      enter(key, claim);
      const others = new Set(claim.routes.flatMap(route => [...(holders.get(route) ?? [])]));
      const older = [...others]
        .map(get)
        .filter(other => other !== undefined)
        .filter(other => isOlder(other, rollout));
      const [oldest] = older.sort((a, b) => (isOlder(a, b) ? -1 : 1));
      return oldest && `${oldest.namespace}/${oldest.name}`;
    },
    changed: key => {
      const rollout = get(key);
      const claim = claims.get(key);
      if (rollout === undefined) return enter(key, undefined);
      if (claim === undefined || claim.uid !== rollout.uid) unseen?.add(key);
    },
  };
};

/** A route without a name is the only one that matters in its object, and never the same as one with a name. */
const claimOf = ({ uid }: StoredRollout, target: ResolvedTarget | undefined): Claim => {
  const routes = target === undefined ? [] : target.routes.length === 0 ? [''] : target.routes;
  const objects = target?.virtualServices ?? [];
  return { uid, routes: objects.flatMap(object => routes.map(route => `${object} ${target?.host} ${route}`)) };
};

const isOlder = (a: StoredRollout, b: StoredRollout): boolean =>
  a.creationTimestamp === b.creationTimestamp ? a.uid < b.uid : a.creationTimestamp < b.creationTimestamp;
