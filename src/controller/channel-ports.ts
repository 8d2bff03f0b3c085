import type { AnswerRefusal, MessageFacts } from '../rollout/index.ts';
import type { Key } from './ports.ts';

/** One thing that people are told, for programs to read (docs/notifications.md). */
export type Message = {
  /** The same whenever the same thing is told again, so that a receiver can drop repeats. */
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly phase?: string;
  /** The new version while there is one, else the stable one. */
  readonly version?: string;
  readonly stable?: string;
  readonly revision?: string;
  /** 1-based; absent when no step is in progress. */
  readonly step?: number;
  readonly steps?: number;
  /** Intended share of the new version in percent. */
  readonly weight?: number;
  /** What, why, until when and what to do, for templates. */
  readonly facts: MessageFacts;
  /** Where people look further. */
  readonly links: readonly Link[];
  /** What the author of the Rollout wants people to be asked (`approval.message`), filled in; absent: nothing of their own. */
  readonly ask?: string;
  /** `spec.notify` of the Rollout. */
  readonly notify?: { readonly slack?: string | undefined };
};

/** `title`: `dashboard`, `p99 in Zipkin`. */
export type Link = { readonly title: string; readonly url: string };

/** Takes messages for people to one place. */
export type Notifier = {
  /** Kind and name, such as `webhook/audit`. */
  readonly name: string;
  wants(reason: string): boolean;
  /**
   * Throws SystemError when the receiver did not take it: `unavailable` is tried again for ever, anything else a few times.
   * Messages of one Rollout come one after the other, those of several side by side.
   */
  send(message: Message, signal: AbortSignal): Promise<void>;
  /** Stores what it has yet to store; called once, before the process ends. */
  close?(signal: AbortSignal): Promise<void>;
};

/** A message filled into its template, escaped for where it goes to; throws an Error that names the template and the line. */
export type RenderMessage = (message: Message, channel: 'slack' | 'text') => string;

/** What a notifier remembers of a Rollout beyond a restart: a small JSON text that goes with the Rollout. */
export type NotifierMemory = {
  /** `undefined`: nothing. Throws SystemError. */
  load(
    rollout: { readonly namespace: string; readonly name: string; readonly uid: string },
    signal: AbortSignal,
  ): Promise<string | undefined>;
  save(
    rollout: { readonly namespace: string; readonly name: string; readonly uid: string },
    text: string,
    signal: AbortSignal,
  ): Promise<void>;
};

/** A request of another program as it came; nothing of it is believed yet. */
export type HookRequest = {
  /** Names in lower case; a name that was sent more than once has all its values. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: Buffer;
};

/** A request from outside that changes nothing; the message is for the caller, and holds no secret. */
export class Refused extends Error {
  readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 415 | 429 | 503;
  constructor(status: Refused['status'], message: string) {
    super(message);
    this.name = 'Refused';
    this.status = status;
  }
}

/** What somebody answered by a channel that proved who they are; whether it counts is another question (R19). */
export type GivenAnswer = {
  readonly key: Key;
  readonly revision: string;
  readonly step: number;
  readonly decision: 'approved' | 'rejected';
  /** `slack:U024BE7LH`, `user:alice@example.com` or `webhook:change-board`. */
  readonly identity: string;
  /** Groups that the channel itself vouches for. */
  readonly groups: readonly string[];
  readonly via: string;
  /** RFC 3339; when it was signed or sent, never later than it was received. */
  readonly at: string;
  /** The moment of asking that was seen, RFC 3339: a question that was asked anew since is another one. */
  readonly askedAt?: string;
  readonly comment?: string;
};

/** What became of an answer. */
export type AnswerOutcome =
  /** The status that knows it is stored. */
  | { readonly kind: 'recorded'; readonly by: string }
  | { readonly kind: 'refused'; readonly refusal: AnswerRefusal }
  | { readonly kind: 'unknown' }
  /** It could not be stored in time; whoever answers again loses nothing. */
  | { readonly kind: 'notStored'; readonly reason: string };

/** Answers to requests for approval that another program brings. */
export type AnswerHook = {
  /** `slack`, `webhook/change-board`. */
  readonly name: string;
  /** Whether it comes from whom it says; needs no knowledge of rollouts. Throws Refused. */
  verify(request: HookRequest): Promise<void>;
  /** What it says; called after `verify`, by the leader. Throws Refused. */
  read(request: HookRequest): Promise<GivenAnswer>;
  /**
   * Present where the caller does not wait for the outcome: it is told `200` once the request is verified, and the person
   * hears of the outcome, or of what `read` refused, by this.
   */
  tell?(request: HookRequest, outcome: AnswerOutcome | Refused): Promise<void>;
};

/** A Git server says that somebody has pushed. */
export type PushHook = {
  readonly source: string;
  /** Throws Refused. Nothing in the body is believed. */
  verify(request: HookRequest): void;
};

/** Who a Kubernetes token belongs to. */
export type KubeUser = {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
};

/** The API server's word on tokens and rights. Throws SystemError. */
export type Access = {
  /** `undefined`: the token is not valid, or no longer. */
  userOf(token: string, signal: AbortSignal): Promise<KubeUser | undefined>;
  may(
    user: KubeUser,
    verb: string,
    rollout: { readonly namespace: string; readonly name: string },
    signal: AbortSignal,
  ): Promise<boolean>;
};
