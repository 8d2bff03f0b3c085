import {
  announcements,
  type MessageFacts,
  messageFacts,
  openQuestion,
  pastAnnouncements,
  type Reason,
  type RolloutStatus,
} from '../rollout/index.ts';
import type { Link, Message, Notifier } from './channel-ports.ts';
import type { Clock, EventSink, Logger, RolloutStore, StoredRollout } from './ports.ts';
import { createReceiver, type Draft, type ReceiverObserver } from './receiver.ts';

export type OutboxOptions = {
  /** Kubernetes events: each thing once. */
  readonly events: EventSink;
  /** Everybody else: each thing at least once. */
  readonly notifiers: readonly Notifier[];
  readonly store: Pick<RolloutStore, 'keys' | 'get'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onMessage?: ReceiverObserver;
  /** Where people look further; absent: nowhere. */
  readonly linksOf?: (rollout: StoredRollout, facts: MessageFacts, at: string) => readonly Link[];
  /** What the author of the Rollout wants people to be asked, filled in; absent: nobody is asked in words of their own. */
  readonly askOf?: (rollout: StoredRollout, facts: MessageFacts) => string | undefined;
};

type Event = Parameters<EventSink['emit']>[1];

/**
 * Where everything goes that people are told (R35). Adding is all that anybody waits for: each receiver has a queue of
 * its own, so one that hangs or is gone delays neither a rollout nor another receiver.
 */
export type Outbox = EventSink & {
  /** Only the leader sends; whoever becomes it tells again what may not have been told, with the same ids. */
  follow(isLeader: boolean): void;
  /** Messages that wait, by receiver. */
  depths(): Readonly<Record<string, number>>;
  /** Gives what still waits at most so long; nothing is sent afterwards. */
  drain(timeoutMs: number): Promise<void>;
};

/** What is older is not told again after a restart, unless people are still asked it. */
const TOLD_AGAIN_MS = 600_000;
const ASKED = 'WaitingForApproval' satisfies Reason;

export const createOutbox = (options: OutboxOptions): Outbox => {
  const { events, notifiers, store, clock, logger, onMessage } = options;
  const receivers = notifiers.map(notifier => createReceiver({ notifier, logger, onMessage }));
  let isLeading = false;
  let isDraining = false;

  const add = (rollout: StoredRollout, event: Event, at: string): void => {
    if (receivers.length === 0) return;
    const id = idOf(rollout, event.name);
    let made: Message | undefined;
    const message = (): Message => {
      made ??= toMessage(rollout, { ...event, id, at }, options);
      return made;
    };
    const isAsked = event.reason === ASKED ? stillAsked(rollout, store) : undefined;
    const draft: Draft = {
      ...{ id, reason: event.reason, lane: rollout.uid, message },
      ...(isAsked === undefined ? {} : { isAsked }),
    };
    for (const receiver of receivers) receiver.add(draft);
  };

  const tellAgain = (): void => {
    const sinceMs = clock.now() - TOLD_AGAIN_MS;
    const rollouts = store.keys().flatMap(key => store.get(key) ?? []);
    const past = rollouts.flatMap(rollout =>
      rollout.status === undefined
        ? []
        : pastAnnouncements(rollout.uid, rollout.status, sinceMs).map(told => ({
            rollout,
            at: told.at,
            event: { ...told, name: `${rollout.name}.${told.name}` },
          })),
    );
    const asked = rollouts.flatMap(rollout => askingOf(rollout) ?? []).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
    for (const { rollout, event, at } of past.sort((a, b) => Date.parse(a.at) - Date.parse(b.at))) {
      events.emit(rollout, event);
      add(rollout, event, at);
    }
    // Whoever was told a moment ago knows it by its id.
    for (const { rollout, event, at } of asked) add(rollout, event, at);
  };

  return {
    emit: (rollout, event) => {
      events.emit(rollout, event);
      if (isLeading) add(rollout, event, new Date(clock.now()).toISOString());
    },
    follow: becomesLeader => {
      // The lease goes before the last messages are out: whoever hangs does not make its next holder wait.
      if (becomesLeader === isLeading || isDraining) return;
      isLeading = becomesLeader;
      if (isLeading) tellAgain();
      else for (const receiver of receivers) receiver.clear();
    },
    depths: () => Object.fromEntries(receivers.map(({ name, depth }) => [name, depth()])),
    drain: async timeoutMs => {
      isDraining = true;
      await Promise.all(receivers.map(receiver => receiver.drain(timeoutMs)));
    },
  };
};

/** What people are asked now, however long ago: who missed it would never hear of it. Named as when it was told first. */
const askingOf = (rollout: StoredRollout): { rollout: StoredRollout; event: Event; at: string } | undefined => {
  const { uid, name, status } = rollout;
  const question = openQuestion(status);
  if (status === undefined || question === undefined) return undefined;
  const { reason, message, since } = status;
  const first = announcements(uid, undefined, status).find(told => told.reason === ASKED && told.message === message);
  if (reason === ASKED && first !== undefined)
    return { rollout, event: { ...first, name: `${name}.${first.name}` }, at: since ?? question.askedAt };
  // Something else is said of it by now, and the status does not know any more under which name people were asked.
  const { revision, step, askedAt } = question;
  const asked = `${name}.asked-${revision}-${step}-${Date.parse(askedAt)}`;
  return { rollout, event: { name: asked, type: 'Normal', reason: ASKED, message }, at: askedAt };
};

/** Whether people are still asked what they are asked now; `undefined`: they are asked nothing. */
const stillAsked = ({ uid, namespace, name, status }: StoredRollout, store: OutboxOptions['store']): Draft['isAsked'] => {
  const asked = openQuestion(status);
  if (asked === undefined) return undefined;
  return () => {
    const found = store.get(`${namespace}/${name}`);
    const now = found?.uid === uid ? openQuestion(found.status) : undefined;
    return now?.revision === asked.revision && now.step === asked.step && now.askedAt === asked.askedAt;
  };
};

/** Made when it is sent: rendering and links are work, and `emit` must cost nothing. */
const toMessage = (
  rollout: StoredRollout,
  { id, at, type, reason, message }: Event & { readonly id: string; readonly at: string },
  { linksOf, askOf }: OutboxOptions,
): Message => {
  const { namespace, name, uid, status, spec } = rollout;
  const facts = messageFacts(rollout, { reason, message });
  const ask = askOf?.(rollout, facts);
  return {
    id,
    at,
    namespace,
    name,
    uid,
    type,
    reason,
    message,
    ...placeOf(status),
    facts,
    links: linksOf?.(rollout, facts, at) ?? [],
    ...(ask === undefined ? {} : { ask }),
    ...(spec.notify === undefined ? {} : { notify: spec.notify }),
  };
};

/** Safe as a header, and without the dots that separate what is signed. */
const idOf = ({ uid }: StoredRollout, eventName: string): string => `${uid}-${eventName}`.replace(/[^\w-]+/g, '-');

type Place = Partial<Pick<Message, 'phase' | 'version' | 'stable' | 'revision' | 'step' | 'steps' | 'weight'>>;

const placeOf = (status: RolloutStatus | undefined): Place => {
  if (status === undefined) return {};
  const { phase, stableVersion, canaryVersion, revision, step, traffic } = status;
  const version = canaryVersion ?? stableVersion;
  return {
    phase,
    ...(version === undefined ? {} : { version }),
    ...(stableVersion === undefined ? {} : { stable: stableVersion }),
    ...(revision === undefined ? {} : { revision }),
    ...(step === undefined ? {} : { step: step.index, steps: step.count }),
    ...(traffic === undefined ? {} : { weight: phase === 'Healthy' ? 100 : traffic.weight }),
  };
};
