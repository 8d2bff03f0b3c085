import type { MiddlewareHandler } from 'hono';
import type { Access, KubeUser } from '../controller/channel-ports.ts';
import type { RolloutStore, StoredRollout } from '../controller/ports.ts';
import { asked, authenticated } from './authenticated.ts';
import type { Gatehouse, Inbound } from './inbound.ts';
import { keyOf, type Place, unknownRollout } from './place.ts';
import { Problem } from './problem.ts';

/** Somebody who reads; nobody has to say who they are where everybody may read. */
export type Reader = KubeUser | undefined;

/** Namespaces whose Rollouts somebody may read. */
export type Scope = { readonly all: boolean; readonly namespaces: ReadonlySet<string> };

/** What somebody may do to a Rollout. */
export type Rights = { readonly update: boolean; readonly approve: boolean };

/** Who may read which Rollouts: those who have the verb `get` on them, or everybody. All throw Problem 503. */
export type Reading = {
  /** Lets in who may ask at all, and says who it is. */
  readonly known: MiddlewareHandler<Inbound>;
  mayGet(reader: Reader, rollout: Place): Promise<boolean>;
  /** The Rollout, if there is one. Throws Problem 403 and 404. */
  found(reader: Reader, rollout: Place): Promise<StoredRollout>;
  /** Of these namespaces, those that the reader may read. */
  scopeOf(reader: Reader, namespaces: ReadonlySet<string>): Promise<Scope>;
  rightsOf(reader: Reader, rollout: Place): Promise<Rights>;
};

export type ReadingDeps = {
  readonly store: Pick<RolloutStore, 'get'>;
  readonly access: Access;
  /** Everybody may read without a token. */
  readonly anonymousRead: boolean;
  readonly gatehouse: Gatehouse;
};

export const createReading = ({ store, access, anonymousRead, gatehouse }: ReadingDeps): Reading => {
  const somebody = authenticated(access, gatehouse);
  const may = (user: KubeUser, verb: string, rollout: Place): Promise<boolean> =>
    asked(gatehouse.logger, signal => access.may(user, verb, rollout, signal));
  const mayGet = async (reader: Reader, rollout: Place): Promise<boolean> =>
    anonymousRead || (reader !== undefined && (await may(reader, 'get', rollout)));

  return {
    mayGet,
    known: (context, next) => {
      if (!anonymousRead || context.env.incoming.headers.authorization !== undefined) return somebody(context, next);
      // what anybody may ask counts against nobody
      context.set('isVerified', true);
      return next();
    },
    found: async (reader, rollout) => {
      if (!(await mayGet(reader, rollout))) throw forbidden(reader, 'get', rollout);
      const found = store.get(keyOf(rollout));
      if (found === undefined) throw unknownRollout();
      return found;
    },
    // asked for the whole cluster first: those who may not read all of it have few namespaces
    scopeOf: async (reader, namespaces) => {
      if (await mayGet(reader, { namespace: '', name: '' })) return { all: true, namespaces };
      const readable = new Set<string>();
      for (const namespace of namespaces) if (await mayGet(reader, { namespace, name: '' })) readable.add(namespace);
      return { all: false, namespaces: readable };
    },
    rightsOf: async (reader, rollout) => {
      if (reader === undefined) return { update: false, approve: false };
      const [update, approve] = await Promise.all([may(reader, 'update', rollout), may(reader, 'approve', rollout)]);
      return { update, approve };
    },
  };
};

export const forbidden = (reader: Reader, verb: string, { namespace, name }: Place): Problem =>
  new Problem(403, `${reader?.name ?? 'nobody'} may not ${verb} rollouts.sluice.dev ${name} in namespace ${namespace}`);

/** Those of all Rollouts that there are. */
export const namespacesOf = (keys: readonly string[]): ReadonlySet<string> =>
  new Set(keys.map(key => key.slice(0, key.indexOf('/'))));
