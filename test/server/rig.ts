import { type AnswerOutcome, type GivenAnswer, type KubeUser, Refused } from '../../src/controller/channel-ports.ts';
import type { Clock, Logger, StoredRollout } from '../../src/controller/ports.ts';
import type { Wish, WishOutcome } from '../../src/controller/view-ports.ts';
import type { Leader } from '../../src/server/forward.ts';
import type { InboundMetrics } from '../../src/server/inboundMetrics.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { createNewest } from '../../src/server/newest.ts';
import { type Server, type ServerDeps, type ServerOptions, startServer } from '../../src/server/server.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };
/** All cases come from one address. */
const PATIENT = { burst: 100_000 };

/** Logs as they would be written, a line each. */
const createLog = () => {
  const lines: string[] = [];
  const at =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push(JSON.stringify({ level, ...fields, message }));
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return { lines, logger };
};

export const ALICE: KubeUser = { name: 'alice', groups: ['release', 'system:authenticated'], extra: {} };
export const TOKEN = 'token-of-alice';
export const SIGNATURE = 'signed';

/**
 * The server with people whom the test knows. Tokens are names in `users`; everybody may answer in `weather`; hooks want the
 * header `signature`, and read an answer about weather/forecast.
 */
export const startRig = async (options: Partial<ServerOptions> = {}, deps: Partial<ServerDeps> = {}) => {
  const log = createLog();
  const clock = { nowMs: Date.UTC(2026, 10, 21, 14), now: () => clock.nowMs };
  const given: GivenAnswer[] = [];
  const told: (AnswerOutcome | Refused)[] = [];
  const woken: string[] = [];
  const wished: Wish[] = [];
  const world = {
    leader: { kind: 'self' } as Leader,
    users: { [TOKEN]: ALICE } as Record<string, KubeUser>,
    reviews: 0,
    outcome: { kind: 'recorded', by: 'alice' } as AnswerOutcome,
    wishOutcome: { kind: 'done', outcome: 'accepted: paused' } as WishOutcome,
  };
  const verify = (headers: Readonly<Record<string, readonly string[]>>): void => {
    if (headers['signature']?.join() !== SIGNATURE) throw new Refused(401, 'the signature does not hold');
  };
  const read = async (): Promise<GivenAnswer> => ({
    key: 'weather/forecast',
    revision: '7c1f09d2',
    step: 2,
    decision: 'approved',
    identity: 'webhook:change-board',
    groups: [],
    via: 'webhook/change-board',
    at: '2026-11-21T14:00:00.000Z',
  });
  const metrics = createMetrics(clock);
  const outcomes: string[] = [];
  const inbound: InboundMetrics = {
    ...metrics.inbound,
    answered: (via, outcome) => void outcomes.push(`${via} ${outcome}`),
    requested: (verb, outcome) => void outcomes.push(`${verb} ${outcome}`),
    pushed: (source, outcome) => void outcomes.push(`git/${source} ${outcome}`),
  };
  const server = await startServer(
    { listen: LOOPBACK, hooks: LOOPBACK, trustedProxies: [], anonymousRead: false, failures: PATIENT, ...options },
    {
      metrics: { ...metrics, inbound },
      waitingFor: () => undefined,
      leader: () => world.leader,
      access: {
        userOf: async token => {
          world.reviews += 1;
          return world.users[token];
        },
        may: async (_, verb, { namespace }) => (verb === 'approve' || verb === 'update') && namespace === 'weather',
      },
      newest: createRollouts([]).newest,
      mesh: { preview: () => ({ objects: [] }) },
      version: '0.0.0-test',
      freeze: () => undefined,
      pages: new URL('../../src/dashboard/', import.meta.url),
      answer: async answer => {
        given.push(answer);
        return world.outcome;
      },
      wish: async wish => {
        wished.push(wish);
        return world.wishOutcome;
      },
      records: { read: async () => [] },
      answerHooks: {
        '/hooks/slack': {
          name: 'slack',
          verify: async ({ headers }) => verify(headers),
          read,
          tell: async (_, outcome) => void told.push(outcome),
        },
        '/hooks/approvals/change-board': { name: 'webhook/change-board', verify: async ({ headers }) => verify(headers), read },
      },
      pushHooks: [{ source: 'fleet', verify: ({ headers }) => verify(headers) }],
      wakeSource: name => void woken.push(name),
      clock,
      logger: log.logger,
      ...deps,
    },
  );
  /** As if nothing had happened yet. */
  const forget = (): void => {
    for (const list of [outcomes, given, told, woken, wished, log.lines]) list.length = 0;
    Object.assign(world, { leader: { kind: 'self' }, reviews: 0, outcome: { kind: 'recorded', by: 'alice' } });
  };
  return {
    server,
    url: `http://${server.address}`,
    hooks: `http://${server.hooks}`,
    log,
    clock,
    given,
    told,
    woken,
    wished,
    world,
    outcomes,
    forget,
  };
};

export type Rig = Awaited<ReturnType<typeof startRig>>;

/** Rigs that end with the test. */
export const createRigs = () => {
  const open: Server[] = [];
  let shared: Rig | undefined;
  return {
    /** One for all cases that change nothing of it. */
    shared: async (): Promise<Rig> => {
      shared ??= await startRig();
      shared.forget();
      return shared;
    },
    closeShared: async (): Promise<void> => shared?.server.close(),
    start: async (...parameters: Parameters<typeof startRig>): Promise<Rig> => {
      const rig = await startRig(...parameters);
      open.push(rig.server);
      return rig;
    },
    close: async (): Promise<void> => {
      await Promise.all(open.splice(0).map(server => server.close()));
    },
  };
};

/** Rollouts of a process, and what changes about them. */
export const createRollouts = (all: readonly StoredRollout[], clock: Clock = { now: () => Date.UTC(2026, 10, 21, 14) }) => {
  const rollouts = new Map(all.map(rollout => [`${rollout.namespace}/${rollout.name}`, rollout]));
  const callbacks: ((key: string) => void)[] = [];
  const store = {
    keys: () => [...rollouts.keys()],
    get: (key: string) => rollouts.get(key),
    onChange: (callback: (key: string) => void) => void callbacks.push(callback),
  };
  const tell = (key: string): void => {
    for (const callback of callbacks) callback(key);
  };
  return {
    store,
    newest: createNewest({ store, clock, logger: createLog().logger }),
    put: (rollout: StoredRollout): void => {
      const key = `${rollout.namespace}/${rollout.name}`;
      rollouts.set(key, rollout);
      tell(key);
    },
    remove: (key: string): void => {
      rollouts.delete(key);
      tell(key);
    },
  };
};

export const ANSWER = { decision: 'approve', revision: '7c1f09d2', step: 2 };

/** Answers by the API as alice, except for what the test changes. */
export const approve = (
  { url }: Pick<Rig, 'url'>,
  {
    path = '/api/v1/rollouts/weather/forecast/approvals',
    body,
    headers = {},
  }: { path?: string; body?: string | Buffer; headers?: Record<string, string> } = {},
): Promise<Response> =>
  fetch(url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
    body: (body ?? JSON.stringify(ANSWER)) as string,
  });

/** What problem JSON says. */
export const detailOf = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { readonly detail: string }).detail;
