import { createHash } from 'node:crypto';
import type { Access, KubeUser } from '../../controller/channel-ports.ts';
import { type Clock, SystemError } from '../../controller/ports.ts';
import type { KubeClient } from './client.ts';
import { type KubeObject, type Resource, ROLLOUTS } from './resources.ts';

export type AccessOptions = {
  readonly client: Pick<KubeClient, 'create'>;
  readonly clock: Clock;
};

const TOKEN_REVIEWS: Resource = { group: 'authentication.k8s.io', version: 'v1', plural: 'tokenreviews', namespaced: false };
const ACCESS_REVIEWS: Resource = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'subjectaccessreviews',
  namespaced: false,
};

/** A token or a right that was taken away is good for so much longer at most. */
const REMEMBERED_MS = 10_000;
const MOST_USERS = 1_000;
const MOST_RIGHTS = 10_000;
/** Guesses must not keep the API server from its work. */
const MOST_AT_ONCE = 32;
/** Nobody keeps everybody else from asking; what is more waits. */
const MOST_AT_ONCE_PER_USER = 8;

/**
 * Asks by TokenReview and SubjectAccessReview. Who a valid token belongs to is remembered for 10 s, by a digest of the token,
 * and so are what somebody may not do, and what they may `get`. Whether they may do anything else is asked each time.
 */
export const createAccess = ({ client, clock }: AccessOptions): Access => {
  const users = createMemory<KubeUser>(clock, MOST_USERS);
  const rights = createMemory<boolean>(clock, MOST_RIGHTS);
  const readsInHand = createShared<boolean>();
  const tokensInHand = createShared<KubeUser | undefined>();
  const taken = createTurns();
  let asking = 0;

  const review = async (resource: Resource, spec: object, signal: AbortSignal): Promise<Fields> => {
    if (asking >= MOST_AT_ONCE)
      throw new SystemError('kubernetes', `creating ${resource.plural}`, 'unavailable', 'too many at once');
    asking += 1;
    try {
      const { group, version } = resource;
      const object = { apiVersion: `${group}/${version}`, kind: KINDS[resource.plural] ?? '', metadata: {}, spec };
      return fieldsOf((await client.create(resource, object satisfies KubeObject, { signal }))['status']);
    } finally {
      asking -= 1;
    }
  };

  const userOf = async (token: string, digest: string, signal: AbortSignal): Promise<KubeUser | undefined> => {
    const status = await review(TOKEN_REVIEWS, { token }, signal);
    const user = status['authenticated'] === true ? userIn(status['user']) : undefined;
    if (user !== undefined) users.set(digest, user);
    return user;
  };

  const may = async ({ user, verb, rollout }: Question, signal: AbortSignal): Promise<boolean> => {
    const { group, version, plural: resource } = ROLLOUTS;
    const resourceAttributes = { ...rollout, verb, group, version, resource };
    const { name: who, uid, groups, extra } = user;
    const spec = { resourceAttributes, user: who, groups, extra, ...(uid === undefined ? {} : { uid }) };
    const { allowed, denied } = await taken(who, signal, () => review(ACCESS_REVIEWS, spec, signal));
    return allowed === true && denied !== true;
  };

  return {
    userOf: async (token, signal) => {
      const digest = digestOf(token);
      return users.get(digest) ?? (await tokensInHand(digest, () => userOf(token, digest, signal)));
    },
    may: async (user, verb, { namespace, name }, signal) => {
      const question = { user, verb, rollout: { namespace, name } };
      const digest = digestOf(JSON.stringify([user.name, user.uid, user.groups, user.extra, verb, namespace, name]));
      const known = rights.get(digest);
      if (known !== undefined) return known;
      const ask = (): Promise<boolean> => may(question, signal);
      const isAllowed = await (verb === 'get' ? readsInHand(digest, ask) : ask());
      if (!isAllowed || verb === 'get') rights.set(digest, isAllowed);
      return isAllowed;
    },
  };
};

type Question = {
  readonly user: KubeUser;
  readonly verb: string;
  readonly rollout: { readonly namespace: string; readonly name: string };
};

const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64');

/** Values by key, for 10 s; what was set longest ago is forgotten first. A clock that is set back makes nothing last longer. */
const createMemory = <T>(clock: Clock, most: number) => {
  const entries = new Map<string, { readonly value: T; readonly untilMs: number }>();
  return {
    get: (key: string): T | undefined => {
      const found = entries.get(key);
      const leftMs = found === undefined ? 0 : found.untilMs - clock.now();
      if (found !== undefined && leftMs > 0 && leftMs <= REMEMBERED_MS) return found.value;
      entries.delete(key);
      return undefined;
    },
    set: (key: string, value: T): void => {
      entries.delete(key);
      entries.set(key, { value, untilMs: clock.now() + REMEMBERED_MS });
      const [oldest] = entries.keys();
      if (entries.size > most && oldest !== undefined) entries.delete(oldest);
    },
  };
};

/** Whoever asks what is being asked already waits for that answer. */
const createShared = <T>() => {
  const inHand = new Map<string, Promise<T>>();
  return (key: string, ask: () => Promise<T>): Promise<T> => {
    const asked = inHand.get(key) ?? ask().finally(() => inHand.delete(key));
    inHand.set(key, asked);
    return asked;
  };
};

/** Lets each user do a few things at once; what is more waits, until its signal ends that. */
const createTurns = () => {
  const inHand = new Map<string, Set<Promise<unknown>>>();
  return async <T>(who: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    for (let own = inHand.get(who); own !== undefined && own.size >= MOST_AT_ONCE_PER_USER; own = inHand.get(who)) {
      await Promise.race(own);
      signal.throwIfAborted();
    }
    const own = inHand.get(who) ?? new Set();
    inHand.set(who, own);
    const working = work();
    const ended = working.then(
      () => {},
      () => {},
    );
    own.add(ended);
    try {
      return await working;
    } finally {
      own.delete(ended);
      if (own.size === 0) inHand.delete(who);
    }
  };
};

const KINDS: Readonly<Record<string, string>> = { tokenreviews: 'TokenReview', subjectaccessreviews: 'SubjectAccessReview' };

type Fields = { readonly allowed?: unknown; readonly denied?: unknown; readonly [field: string]: unknown };

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/** `undefined` for an answer that names nobody. */
const userIn = (value: unknown): KubeUser | undefined => {
  const { username, uid, groups, extra } = fieldsOf(value);
  if (typeof username !== 'string' || username === '') return undefined;
  return {
    name: username,
    ...(typeof uid === 'string' && uid !== '' ? { uid } : {}),
    groups: texts(groups),
    extra: Object.fromEntries(Object.entries(fieldsOf(extra)).map(([name, values]) => [name, texts(values)])),
  };
};

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
