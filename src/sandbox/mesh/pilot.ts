import type { Store } from '../kube/store.ts';
import type { Switchable } from '../outage.ts';
import type { PodAddress } from '../workloads/addresses.ts';
import { type Snapshot, takeSnapshot } from './snapshot.ts';

/** Keeps the proxy's configuration in step with the API. */
export interface Pilot {
  /** The configuration that is obeyed now. */
  snapshot(): Snapshot;
  /** Resolves when no change is waiting to be obeyed. */
  settled(): Promise<void>;
  close(): void;
}

const WATCHED = new Set([
  'pods',
  'services',
  'virtualservices.networking.istio.io',
  'destinationrules.networking.istio.io',
  'gateways.networking.istio.io',
]);

/** istiod waits this long after a change for more, and at most ten seconds. */
const DEBOUNCE_MS = 100;
const DEBOUNCE_MAX_MS = 10_000;
/** From the end of the wait until the proxy has switched. */
const PUSH_MS = 5;

const RETRY_MS = 200;

/** Follows the store; a change is obeyed about 105 ms later, as one clean switch. While istiod is away nothing new is obeyed. */
export function startPilot(store: Store, addressOf: (uid: string) => PodAddress | undefined, istiod: Switchable): Pilot {
  let current = takeSnapshot(store, addressOf);
  let timer: NodeJS.Timeout | undefined;
  let firstChangeMs = 0;
  let waiting: (() => void)[] = [];
  const push = () => {
    timer = ['ok', 'slow'].includes(istiod.mode()) ? undefined : setTimeout(push, RETRY_MS);
    if (timer) return;
    current = takeSnapshot(store, addressOf);
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  const unsubscribe = store.subscribe(change => {
    if (!WATCHED.has(change.resource)) return;
    const now = performance.now();
    if (timer) clearTimeout(timer);
    else firstChangeMs = now;
    timer = setTimeout(push, Math.max(0, Math.min(DEBOUNCE_MS, firstChangeMs + DEBOUNCE_MAX_MS - now)) + PUSH_MS);
  });
  return {
    snapshot: () => current,
    settled: () => (timer ? new Promise(resolve => waiting.push(resolve)) : Promise.resolve()),
    close: () => {
      unsubscribe();
      clearTimeout(timer);
    },
  };
}
