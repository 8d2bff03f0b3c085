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

/** A token that was revoked is good for so much longer at most. */
const REMEMBERED_MS = 10_000;
const MOST_REMEMBERED = 1_000;
/** Guesses must not keep the API server from its work. */
const MOST_AT_ONCE = 32;

type Remembered = { readonly user: KubeUser; readonly untilMs: number };

/**
 * Asks by TokenReview and SubjectAccessReview. Who a valid token belongs to is remembered for 10 s, by a digest of the token;
 * what somebody may do is asked each time.
 */
export const createAccess = ({ client, clock }: AccessOptions): Access => {
  const known = new Map<string, Remembered>();
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

  const remember = (digest: string, user: KubeUser): void => {
    known.delete(digest);
    known.set(digest, { user, untilMs: clock.now() + REMEMBERED_MS });
    const [oldest] = known.keys();
    if (known.size > MOST_REMEMBERED && oldest !== undefined) known.delete(oldest);
  };

  return {
    userOf: async (token, signal) => {
      const digest = createHash('sha256').update(token).digest('base64');
      const found = known.get(digest);
      const leftMs = found === undefined ? 0 : found.untilMs - clock.now();
      if (found !== undefined && leftMs > 0 && leftMs <= REMEMBERED_MS) return found.user;
      known.delete(digest);
      const status = await review(TOKEN_REVIEWS, { token }, signal);
      const user = status['authenticated'] === true ? userIn(status['user']) : undefined;
      if (user !== undefined) remember(digest, user);
      return user;
    },
    may: async (user, verb, { namespace, name }, signal) => {
      const { group, version, plural: resource } = ROLLOUTS;
      const resourceAttributes = { namespace, verb, group, version, resource, name };
      const { name: who, uid, groups, extra } = user;
      const spec = { resourceAttributes, user: who, groups, extra, ...(uid === undefined ? {} : { uid }) };
      const { allowed, denied } = await review(ACCESS_REVIEWS, spec, signal);
      return allowed === true && denied !== true;
    },
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
