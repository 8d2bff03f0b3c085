import { type Clock, type EventSink, type Logger, type StoredRollout, SystemError } from '../../controller/ports.ts';
import type { KubeClient } from './client.ts';
import { wait } from './delay.ts';
import { EVENTS, type KubeObject } from './resources.ts';

export type EventSinkOptions = {
  readonly client: Pick<KubeClient, 'create'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Who tells; shown by `kubectl describe`. */
  readonly component?: string;
  /** Events that may wait; the oldest is dropped for one more. */
  readonly capacity?: number;
  readonly firstDelayMs?: number;
  readonly longestDelayMs?: number;
};

export type KubeEventSink = EventSink & {
  /** Waits until all events are sent, at most so long; nothing is sent afterwards. */
  drain(timeoutMs: number): Promise<void>;
};

/** The API server's own limit. */
const LONGEST_MESSAGE = 1024;
const LONGEST_NAME = 253;

function eventName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/\.{2,}|-\.|\.-/g, '-')
    .slice(0, LONGEST_NAME);
  return name.replace(/^[.-]+|[.-]+$/g, '');
}

function toObject(
  rollout: StoredRollout,
  event: Parameters<EventSink['emit']>[1],
  teller: { readonly component: string; readonly nowMs: number },
): KubeObject {
  const time = `${new Date(teller.nowMs).toISOString().slice(0, 19)}Z`;
  const { message } = event;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: eventName(event.name), namespace: rollout.namespace },
    involvedObject: {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'Rollout',
      namespace: rollout.namespace,
      name: rollout.name,
      uid: rollout.uid,
      resourceVersion: rollout.resourceVersion,
    },
    type: event.type,
    reason: event.reason,
    message: message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE - 3)}...` : message,
    source: { component: teller.component },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
}

function isKind(error: unknown, kind: SystemError['kind']): boolean {
  return error instanceof SystemError && error.kind === kind;
}

/** Events of one namespace that wait, oldest first. */
type Lane = { readonly waiting: KubeObject[]; readonly sending: Promise<void> };

class EventQueue implements KubeEventSink {
  readonly #options: Required<EventSinkOptions>;
  /** By namespace, so that one that takes no events (a quota, an admission webhook, its end) holds up no other. */
  readonly #lanes = new Map<string, Lane>();
  readonly #ending = new AbortController();
  /** Namespaces whose failure is logged. */
  readonly #told = new Set<string>();
  #isLosing = false;

  constructor(options: Required<EventSinkOptions>) {
    this.#options = options;
  }

  emit(...[rollout, event]: Parameters<EventSink['emit']>): void {
    if (this.#ending.signal.aborted) return;
    const { component, clock } = this.#options;
    const { namespace } = rollout;
    const object = toObject(rollout, event, { component, nowMs: clock.now() });
    const lane = this.#lanes.get(namespace);
    if (lane) lane.waiting.push(object);
    else {
      const waiting = [object];
      this.#lanes.set(namespace, { waiting, sending: this.#sendAll(namespace, waiting) });
    }
    this.#makeRoom();
  }

  async drain(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.#ending.abort(), timeoutMs);
    await Promise.all([...this.#lanes.values()].map(({ sending }) => sending));
    clearTimeout(timer);
    this.#ending.abort();
  }

  #makeRoom(): void {
    const lanes = [...this.#lanes.values()].map(({ waiting }) => waiting).sort((a, b) => b.length - a.length);
    const { capacity, logger } = this.#options;
    const isFull = lanes.reduce((sum, { length }) => sum + length, 0) > capacity;
    const dropped = isFull ? lanes[0]?.shift() : undefined;
    const reason = `more than ${capacity} events wait; the oldest are dropped`;
    if (isFull && !this.#isLosing)
      logger.warn({ namespace: dropped?.metadata.namespace, reason }, 'events of Kubernetes are lost');
    this.#isLosing = isFull;
  }

  async #sendAll(namespace: string, waiting: KubeObject[]): Promise<void> {
    const { firstDelayMs, longestDelayMs } = this.#options;
    let failures = 0;
    for (let object = waiting[0]; object && !this.#ending.signal.aborted; object = waiting[0]) {
      const done = await this.#send(object);
      // While it was being sent it may have been dropped from the front.
      if (done && waiting[0] === object) waiting.shift();
      failures = done ? 0 : failures + 1;
      if (!done) await wait(Math.min(longestDelayMs, firstDelayMs * 2 ** (failures - 1)), this.#ending.signal);
    }
    this.#lanes.delete(namespace);
  }

  /** Whether the event is done with: recorded, there already, or never to be recorded. Failures in a row are logged once for each namespace. */
  async #send(object: KubeObject): Promise<boolean> {
    const { namespace = '' } = object.metadata;
    try {
      await this.#options.client.create(EVENTS, object, { signal: this.#ending.signal });
      this.#told.delete(namespace);
      return true;
    } catch (error) {
      if (isKind(error, 'conflict')) return true;
      if (this.#ending.signal.aborted) return false;
      if (!this.#told.has(namespace)) this.#options.logger.warn({ namespace, err: error }, 'cannot record events in Kubernetes');
      this.#told.add(namespace);
      // Something that stands in for the API server for a while answers, but not as one.
      return !isKind(error, 'unavailable') && !isKind(error, 'badAnswer');
    }
  }
}

/** Sends the events of each namespace one after the other, without making anybody wait for them. */
export function createEventSink(options: EventSinkOptions): KubeEventSink {
  const defaults = { component: 'sluice', capacity: 1000, firstDelayMs: 500, longestDelayMs: 30_000 };
  return new EventQueue({ ...defaults, ...options });
}
