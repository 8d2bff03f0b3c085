import { type Clock, type Logger, SystemError } from '../../controller/ports.ts';
import type { KubeClient } from './client.ts';
import { type Addresses, type LeaseSpec, readLease, type Term, writeLease } from './lease.ts';
import { type KubeObject, LEASES } from './resources.ts';

export type ElectorOptions = {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process, e.g. host name and a random part. */
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where others reach this process while it leads; stands on the lease. */
  readonly addresses?: () => Addresses;
  /** Whole seconds; default 10 s. */
  readonly leaseDurationMs?: number;
  /** Default 2 s. Whoever waits for the lease looks four times as often, so that one that was released is taken at once. */
  readonly renewMs?: number;
};

/** Sees to it that at most one process at a time believes itself the leader (R31). */
export type Elector = {
  start(): void;
  /** Releases the lease, if held, so that another can take it at once. */
  stop(): Promise<void>;
  isLeader(): boolean;
  /** Number of the current or last term: how often the lease had changed hands. */
  epoch(): number;
  /** How long the lease is still certain to be ours; 0 when it is not. A write that may take longer must not be sent. */
  remainingMs(nowMs: number): number;
  /** Where the other process that leads is reached, as its lease said when it was last looked at; `undefined`: none is known. */
  leader(): Addresses | undefined;
  /** Called when leadership begins or ends. */
  onChange(callback: (isLeader: boolean) => void): void;
};

type Held = {
  readonly lease: KubeObject;
  readonly transitions: number;
  readonly validUntilMs: number;
  /** The same by a clock that nobody sets back. */
  readonly validUntilTickMs: number;
};

/** Another holder's lease runs from when we saw it change, by our own clock: theirs may be wrong. */
type Observed = { readonly record: string; readonly atMs: number; readonly lease: LeaseSpec };

const LONGEST_ENDING_MS = 1000;

function isKind(error: unknown, kind: SystemError['kind']): boolean {
  return error instanceof SystemError && error.kind === kind;
}

class LeaseElector implements Elector {
  readonly #options: ElectorOptions;
  readonly #leaseDurationMs: number;
  readonly #renewMs: number;
  readonly #callbacks: ((isLeader: boolean) => void)[] = [];
  #held: Held | undefined;
  #observed: Observed | undefined;
  #epoch = 0;
  #told = false;
  #outage = false;
  #stopped = false;
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#leaseDurationMs = options.leaseDurationMs ?? 10_000;
    this.#renewMs = options.renewMs ?? 2_000;
  }

  start(): void {
    if (!this.#round && !this.#timer) this.#begin();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    // A renewal under way is waited for: the release has to name the version that it makes.
    const impatience = setTimeout(() => this.#ending.abort(), LONGEST_ENDING_MS);
    await this.#round;
    clearTimeout(impatience);
    clearTimeout(this.#expiry);
    const held = this.isLeader() ? this.#held : undefined;
    this.#held = undefined;
    this.#tell(false);
    if (held) await this.#release(held);
  }

  isLeader(): boolean {
    return this.remainingMs(this.#options.clock.now()) > 0;
  }

  epoch(): number {
    return this.#epoch;
  }

  remainingMs(nowMs: number): number {
    if (!this.#held) return 0;
    return Math.max(0, Math.min(this.#held.validUntilMs - nowMs, this.#held.validUntilTickMs - performance.now()));
  }

  leader(): Addresses | undefined {
    if (this.#observed === undefined || this.isLeader()) return undefined;
    const { atMs, lease } = this.#observed;
    const isOther = lease.holder !== '' && lease.holder !== this.#options.identity;
    return isOther && this.#options.clock.now() < atMs + lease.durationMs ? lease.addresses : undefined;
  }

  onChange(callback: (isLeader: boolean) => void): void {
    this.#callbacks.push(callback);
  }

  #begin(): void {
    this.#timer = undefined;
    this.#round = this.#tryRound().finally(() => {
      this.#round = undefined;
      if (!this.#stopped) this.#timer = setTimeout(() => this.#begin(), this.isLeader() ? this.#renewMs : this.#renewMs / 4);
    });
  }

  async #tryRound(): Promise<void> {
    const { logger } = this.#options;
    try {
      if (this.#held && this.isLeader()) await this.#renew(this.#held);
      else await this.#campaign();
      this.#outage = false;
    } catch (error) {
      if (!this.#outage) logger.warn({ err: error }, 'cannot get or renew the lease, trying again');
      this.#outage = true;
    }
    if (!this.isLeader()) {
      this.#held = undefined;
      this.#tell(false);
    }
  }

  async #renew(held: Held): Promise<void> {
    const { identity, clock } = this.#options;
    try {
      await this.#write(held.lease, { holder: identity, transitions: held.transitions, nowMs: clock.now() });
    } catch (error) {
      if (isKind(error, 'notFound')) return this.#create();
      if (!isKind(error, 'conflict')) throw error;
      // Somebody wrote on it. If it still names us, only the version was old; otherwise it is lost.
      const lease = await this.#read();
      const found = lease && readLease(lease);
      if (!lease || found?.holder !== identity) return this.#lose();
      await this.#write(lease, { holder: identity, transitions: found.transitions, nowMs: clock.now() });
    }
  }

  async #campaign(): Promise<void> {
    const { identity, clock } = this.#options;
    const lease = await this.#read();
    if (!lease) return this.#create();
    const found = readLease(lease);
    const record = JSON.stringify(found);
    const nowMs = clock.now();
    if (this.#observed?.record !== record) this.#observed = { record, atMs: nowMs, lease: found };
    // Our own name on it is from an earlier term, or from a process before this one that is gone.
    const free = found.holder === '' || found.holder === identity;
    if (!free && nowMs < this.#observed.atMs + found.durationMs) return;
    await this.#take(() =>
      this.#write(lease, { holder: identity, transitions: found.transitions + 1, nowMs, acquiredMs: nowMs }),
    );
  }

  /** A conflict here means that another was faster. */
  async #take(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isKind(error, 'conflict')) throw error;
    }
  }

  async #create(): Promise<void> {
    const { namespace, name, identity, clock } = this.#options;
    const nowMs = clock.now();
    const transitions = this.#held?.transitions ?? 0;
    const addresses = this.#addresses();
    const term: Term = { holder: identity, durationMs: this.#leaseDurationMs, transitions, nowMs, acquiredMs: nowMs, addresses };
    const content = writeLease({ metadata: { namespace, name } }, term);
    const sent = { nowMs, tickMs: performance.now() };
    await this.#take(async () => this.#hold(await this.#options.client.create(LEASES, content, this.#limits()), sent));
  }

  #addresses(): Addresses {
    return this.#options.addresses?.() ?? {};
  }

  async #write(lease: KubeObject, term: Omit<Term, 'durationMs' | 'addresses'>): Promise<void> {
    const content = writeLease(lease, { ...term, durationMs: this.#leaseDurationMs, addresses: this.#addresses() });
    const sent = { nowMs: term.nowMs, tickMs: performance.now() };
    this.#hold(await this.#options.client.replace(LEASES, content, this.#limits()), sent);
  }

  /** Counts from before the request was sent: nobody can have seen the lease change earlier than that. */
  #hold(lease: KubeObject, sent: { readonly nowMs: number; readonly tickMs: number }): void {
    const { transitions } = readLease(lease);
    const validUntilMs = sent.nowMs + this.#leaseDurationMs;
    this.#held = { lease, transitions, validUntilMs, validUntilTickMs: sent.tickMs + this.#leaseDurationMs };
    this.#epoch = transitions;
    if (this.#stopped || !this.isLeader()) return;
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => this.#tell(this.isLeader()), this.remainingMs(this.#options.clock.now()) + 1);
    this.#tell(true);
  }

  #lose(): void {
    this.#held = undefined;
    this.#tell(false);
  }

  async #read(): Promise<KubeObject | undefined> {
    const { client, namespace, name } = this.#options;
    try {
      const { signal, timeoutMs } = this.#limits();
      return await client.get(LEASES, { namespace, name }, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
    } catch (error) {
      if (isKind(error, 'notFound')) return undefined;
      throw error;
    }
  }

  async #release(held: Held): Promise<void> {
    const nowMs = this.#options.clock.now();
    const term: Term = { holder: '', durationMs: 1000, transitions: held.transitions, nowMs, addresses: {} };
    try {
      await this.#options.client.replace(LEASES, writeLease(held.lease, term), { timeoutMs: LONGEST_ENDING_MS });
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'cannot release the lease; it ends by itself');
    }
  }

  /** A request that takes long is given up while there is time for another. */
  #limits(): { readonly timeoutMs: number; readonly signal: AbortSignal } {
    return { timeoutMs: Math.floor(this.#leaseDurationMs / 3), signal: this.#ending.signal };
  }

  #tell(isLeader: boolean): void {
    if (this.#told === isLeader) return;
    this.#told = isLeader;
    const { logger, identity } = this.#options;
    logger.info({ identity, epoch: this.#epoch }, isLeader ? 'this process leads now' : 'this process does not lead any more');
    for (const callback of this.#callbacks) {
      try {
        callback(isLeader);
      } catch (error) {
        logger.error({ err: error }, 'a handler of leadership failed');
      }
    }
  }
}

export function createElector(options: ElectorOptions): Elector {
  return new LeaseElector(options);
}
