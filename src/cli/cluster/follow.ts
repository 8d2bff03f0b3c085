import type { KubeClient } from '../../adapters/kubernetes/client.ts';
import { KubeError } from '../../adapters/kubernetes/errors.ts';
import { createReflector, type ReflectorSink, type ReflectorTiming } from '../../adapters/kubernetes/reflector.ts';
import type { KubeObject, Resource } from '../../adapters/kubernetes/resources.ts';
import type { Logger } from '../../controller/ports.ts';

export type Followed = {
  readonly resource: Resource;
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
};

export type FollowListener = Omit<ReflectorSink<KubeObject>, 'listing'> & {
  /** The API server has not answered for a moment; it is asked again until it does. */
  away(reason: string): void;
  /** It answers again. */
  back(): void;
  /** It answers, and does not want this: asking again helps nobody. */
  refused(error: KubeError): void;
};

/** Watches break and come back all the time; so long nobody is told. */
const AWAY_AFTER_MS = 1_000;

const TIMING: ReflectorTiming = { longestDelayMs: 3_000 };

/** Tells what happens to objects until `stop` is called, across restarts of the API server. */
export const follow = (
  client: Pick<KubeClient, 'list' | 'watch'>,
  followed: Followed,
  listener: FollowListener,
): { stop(): Promise<void> } => {
  const absence = createAbsence(listener);
  const failed = (error: unknown): void => {
    if (!(error instanceof KubeError)) return;
    if (error.kind === 'unavailable' || error.kind === 'badAnswer') absence.begin(error.message);
    else if (error.kind === 'refused' || error.kind === 'notFound') listener.refused(error);
  };
  const watched = async <T>(request: Promise<T>): Promise<T> => {
    try {
      return await request;
    } catch (error) {
      failed(error);
      throw error;
    }
  };
  const reflector = createReflector<KubeObject>({
    client: {
      list: (...query) => watched(client.list(...query)),
      watch: (resource, query, on, signal) => {
        const open = (): void => {
          absence.end();
          on.open();
        };
        return watched(client.watch(resource, query, { ...on, open }, signal));
      },
    },
    ...followed,
    transform: object => object,
    sink: { ...listener, listing: () => {} },
    logger: SILENT,
    timing: TIMING,
  });
  reflector.start();
  return {
    stop: async () => {
      absence.stop();
      await reflector.stop();
    },
  };
};

const createAbsence = ({ away, back }: Pick<FollowListener, 'away' | 'back'>) => {
  let timer: NodeJS.Timeout | undefined;
  let [isTold, reason] = [false, ''];
  const stop = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    begin: (why: string) => {
      reason = why;
      timer ??= setTimeout(() => {
        isTold = true;
        away(reason);
      }, AWAY_AFTER_MS);
    },
    end: () => {
      stop();
      if (isTold) back();
      isTold = false;
    },
    stop,
  };
};

const nothing = (): void => undefined;
const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => SILENT };
