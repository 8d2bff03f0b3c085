import { Hono } from 'hono';
import type { Access } from '../controller/channel-ports.ts';
import type { Clock, Logger } from '../controller/ports.ts';
import type { Further, MeshPreview, RecordReader } from '../controller/view-ports.ts';
import type { TakeAnswer } from './answer.ts';
import { createBodyReader } from './body.ts';
import { createClientAddress, createNetworks } from './clientAddress.ts';
import { createFailureLimit, type FailureLimitOptions } from './failureLimit.ts';
import { type Addresses, createForwarder, type Leader } from './forward.ts';
import type { Gatehouse, Inbound } from './inbound.ts';
import { type Listen, type Listener, listenFor } from './listener.ts';
import type { Metrics } from './metrics.ts';
import type { Newest } from './newest.ts';
import { reachableAt } from './reachable.ts';
import { createReading } from './reading.ts';
import { createRolloutBody } from './rolloutBody.ts';
import { approvalRoutes } from './routes/approvals.ts';
import { type HookRoutesDeps, hookRoutes } from './routes/hooks.ts';
import { pageRoutes } from './routes/pages.ts';
import { processRoutes } from './routes/process.ts';
import { recordRoutes } from './routes/records.ts';
import { requestRoutes, type TakeWish } from './routes/requests.ts';
import { rolloutRoutes } from './routes/rollouts.ts';
import { type SelfRoutesDeps, selfRoutes } from './routes/self.ts';
import { streamRoutes } from './routes/stream.ts';
import { createStreams, type StreamLimits } from './stream/streams.ts';

export type Server = {
  /** Where it listens, e.g. `127.0.0.1:8080`. */
  readonly address: string;
  /** Where webhooks are received; absent when nothing is configured that sends some. */
  readonly hooks?: string;
  /** What other instances may call, if there is an address that they can reach. */
  readonly reachedAt: Addresses;
  /** Ends what would go on for ever; everything else is still answered. */
  endStreams(): void;
  close(): Promise<void>;
};

export type ServerOptions = {
  readonly listen: Listen;
  readonly hooks: Listen;
  /** Networks as `address/bits`. */
  readonly trustedProxies: readonly string[];
  readonly anonymousRead: boolean;
  /** Address of the pod. */
  readonly podAddress?: string;
  readonly failures?: Omit<FailureLimitOptions, 'clock'>;
  readonly streams?: StreamLimits;
};

export type ServerDeps = Pick<HookRoutesDeps, 'answerHooks' | 'pushHooks' | 'wakeSource'> &
  Pick<SelfRoutesDeps, 'version' | 'freeze'> &
  Further & {
    readonly metrics: Pick<Metrics, 'text' | 'contentType' | 'inbound'>;
    /** Why the process is not ready yet. */
    readonly waitingFor: () => string | undefined;
    readonly leader: () => Leader;
    readonly access: Access;
    readonly newest: Newest;
    readonly mesh: MeshPreview;
    readonly records: RecordReader;
    /** Folder with the files of the dashboard. */
    readonly pages: URL;
    readonly answer: TakeAnswer;
    readonly wish: TakeWish;
    readonly clock: Clock;
    readonly logger: Logger;
  };

/** Serves health, metrics and the API, and, apart from them, webhooks. Throws SystemError when it cannot listen. */
export const startServer = async (options: ServerOptions, deps: ServerDeps): Promise<Server> => {
  const forwarder = createForwarder(deps.leader);
  const gatehouse: Gatehouse = {
    readBody: createBodyReader(),
    addressOf: createClientAddress(options.trustedProxies),
    limit: createFailureLimit({ clock: deps.clock, ...options.failures }),
    forwarder,
    clock: deps.clock,
    logger: deps.logger,
    metrics: deps.metrics.inbound,
  };
  const { newest, access, logger } = deps;
  const reading = createReading({ ...{ store: newest, access, gatehouse }, anonymousRead: options.anonymousRead });
  const bodyOf = createRolloutBody(deps);
  const limits = options.streams === undefined ? {} : { limits: options.streams };
  const streams = createStreams({ newest, reading, access, bodyOf, logger, ...limits });
  const api = new Hono<Inbound>()
    .route('/', processRoutes(deps))
    .route('/', approvalRoutes({ ...deps, gatehouse }))
    .route('/', requestRoutes({ ...deps, gatehouse }))
    .route('/', selfRoutes({ ...deps, anonymousRead: options.anonymousRead, reading, gatehouse }))
    .route('/', streamRoutes({ streams, reading, gatehouse }))
    .route('/', rolloutRoutes({ newest, reading, bodyOf, mesh: deps.mesh, gatehouse }))
    .route('/', recordRoutes({ ...deps, reading, gatehouse }))
    .route('/', pageRoutes(deps.pages));
  const answerHooks = Object.values(deps.answerHooks);
  deps.metrics.inbound.expect(
    ['api', ...answerHooks.map(({ name }) => name)],
    deps.pushHooks.map(({ source }) => source),
  );
  const hooksApp = new Hono<Inbound>().route('/', hookRoutes({ ...deps, gatehouse }));
  const isProxy = createNetworks(options.trustedProxies);
  const main = await listenFor(api, { isProxy, ...options.listen });
  const isHooked = answerHooks.length + deps.pushHooks.length > 0;
  const hooks = isHooked ? await beside(main, listenFor(hooksApp, { isProxy, ...options.hooks })) : undefined;
  const mainAt = reachableAt(main.address, options.podAddress);
  const hooksAt = hooks && reachableAt(hooks.address, options.podAddress);
  return {
    address: main.address,
    ...(hooks === undefined ? {} : { hooks: hooks.address }),
    reachedAt: { ...(mainAt === undefined ? {} : { api: mainAt }), ...(hooksAt === undefined ? {} : { hooks: hooksAt }) },
    endStreams: streams.close,
    close: async () => {
      streams.close();
      await Promise.all([main.close(), hooks?.close()]);
      forwarder.close();
    },
  };
};

/** A server that is half there is of no use. */
const beside = async <T>(main: Listener, starting: Promise<T>): Promise<T> => {
  try {
    return await starting;
  } catch (error) {
    await main.close();
    throw error;
  }
};
