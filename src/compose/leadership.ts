import { hostname } from 'node:os';
import type { KubeClient } from '../adapters/kubernetes/client.ts';
import { createElector, type Elector } from '../adapters/kubernetes/elector.ts';
import type { Config } from '../config/load.ts';
import { type Clock, type Logger, SystemError } from '../controller/ports.ts';
import type { Addresses, Leader } from '../server/forward.ts';

/** A write must end before the lease can; istiod's webhook alone may take several seconds. */
export const WRITE_TIMEOUT_MS = 5_000;

/** Without leader election this process is always the leader. */
type Leadership = {
  start(): void;
  stop(): Promise<void>;
  mayWrite(): boolean;
  epoch(): number;
  /** Throws when a write that is about to be sent could outlive the lease (R31). */
  guard(): void;
  onChange(callback: (isLeader: boolean) => void): void;
  /** Where others reach this process while it leads; to be called before `start`. */
  announce(addresses: Addresses): void;
  leader(): Leader;
};

export const createLeadership = (config: Config, client: KubeClient, logger: Logger): Leadership => {
  const { enabled, namespace, name } = config.leaderElection;
  if (!enabled) {
    const callbacks: ((isLeader: boolean) => void)[] = [];
    // Before the caches are full, what is not there yet looks as if it were gone.
    let isStarted = false;
    return {
      start: () => {
        isStarted = true;
        for (const callback of callbacks) callback(true);
      },
      stop: async () => {},
      mayWrite: () => isStarted,
      epoch: () => 0,
      guard: () => {},
      onChange: callback => callbacks.push(callback),
      announce: () => {},
      leader: () => ({ kind: isStarted ? 'self' : 'nobody' }),
    };
  }
  // Steady: a clock on the wall that is set back would make this process believe in a lease that others see end.
  const clock: Clock = { now: () => performance.timeOrigin + performance.now() };
  const identity = `${hostname()}_${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
  let announced: Addresses = {};
  const addresses = (): Addresses => announced;
  const elector: Elector = createElector({ client, namespace, name, identity, clock, logger, addresses });
  const mayWrite = (): boolean => elector.isLeader() && elector.remainingMs(clock.now()) > WRITE_TIMEOUT_MS;
  return {
    start: () => elector.start(),
    stop: () => elector.stop(),
    mayWrite,
    epoch: () => elector.epoch(),
    guard: () => {
      if (!mayWrite())
        throw new SystemError('sluice', 'writing', 'refused', 'the lease is held by another process, or is about to end');
    },
    onChange: callback => elector.onChange(callback),
    announce: own => {
      announced = own;
    },
    leader: () => {
      if (mayWrite()) return { kind: 'self' };
      const other = elector.leader();
      return other === undefined ? { kind: 'nobody' } : { kind: 'other', addresses: other };
    },
  };
};
