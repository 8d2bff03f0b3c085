/** One lane while somebody serves it; each turn ends with exactly one of `done`, `again` and `failed`. */
export type Lane<T> = {
  /** What is to be done now; it stays the first one until `done`. */
  head(): T;
  /** It is through. */
  done(): void;
  /** It will be tried again, after the lanes that wait already. */
  again(): void;
  /** So many times it has failed now; the lane rests until `again`. */
  failed(): number;
};

/** Things to do, in order within a lane, lane by lane in turn. */
export type Lanes<T> = {
  add(key: string, item: T): void;
  /** The lane whose turn it is; nobody else gets it until its turn ends. */
  next(): Lane<T> | undefined;
  /** Lanes that are being served. */
  atWork(): number;
  /** Things to do, those included that are being done. */
  size(): number;
  /** Forgets the oldest thing that is not being done, and answers what it was; `undefined`: there is none. */
  dropOldest(): T | undefined;
  /** Forgets everything; answers what that was. Lanes that are being served then lead nowhere. */
  clear(): readonly T[];
};

type Entry<T> = { readonly item: T; readonly lane: LaneState<T> };
type LaneState<T> = { readonly key: string; entries: Entry<T>[]; state: 'ready' | 'atWork' | 'resting'; failures: number };

/** Nothing here waits or knows the time. */
export const createLanes = <T>(): Lanes<T> => {
  const lanes = new Map<string, LaneState<T>>();
  const ready = new Set<LaneState<T>>();
  /** In the order in which they came. */
  const all = new Set<Entry<T>>();
  let served = 0;

  const release = (lane: LaneState<T>): void => {
    if (lane.entries.length === 0) {
      ready.delete(lane);
      lanes.delete(lane.key);
      return;
    }
    lane.state = 'ready';
    ready.add(lane);
  };

  const remove = (entry: Entry<T>): void => {
    const { lane } = entry;
    all.delete(entry);
    if (lane.entries[0] === entry) lane.failures = 0;
    lane.entries = lane.entries.filter(other => other !== entry);
  };

  const endTurn = (lane: LaneState<T>): void => {
    if (lane.state === 'atWork') served -= 1;
  };

  const turnOf = (lane: LaneState<T>, first: Entry<T>): Lane<T> => ({
    head: () => first.item,
    done: () => {
      endTurn(lane);
      remove(first);
      release(lane);
    },
    again: () => {
      endTurn(lane);
      release(lane);
    },
    failed: () => {
      endTurn(lane);
      lane.state = 'resting';
      lane.failures += 1;
      return lane.failures;
    },
  });

  return {
    add: (key, item) => {
      const lane = lanes.get(key) ?? { key, entries: [], state: 'ready', failures: 0 };
      const entry = { item, lane };
      lane.entries.push(entry);
      all.add(entry);
      lanes.set(key, lane);
      if (lane.state === 'ready') ready.add(lane);
    },
    next: () => {
      const [lane] = ready;
      const [first] = lane?.entries ?? [];
      if (lane === undefined || first === undefined) return undefined;
      ready.delete(lane);
      lane.state = 'atWork';
      served += 1;
      return turnOf(lane, first);
    },
    atWork: () => served,
    size: () => all.size,
    dropOldest: () => {
      for (const entry of all) {
        const { lane } = entry;
        if (lane.state === 'atWork' && lane.entries[0] === entry) continue;
        remove(entry);
        if (lane.state === 'ready') release(lane);
        return entry.item;
      }
      return undefined;
    },
    clear: () => {
      const items = [...all].map(({ item }) => item);
      for (const known of [lanes, ready, all]) known.clear();
      served = 0;
      return items;
    },
  };
};
