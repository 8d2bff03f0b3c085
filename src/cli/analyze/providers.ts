import { createPrometheus } from '../../adapters/prometheus/prometheus.ts';
import { createWorkloadFinder, type SeenWorkload } from '../../adapters/prometheus/seenWorkloads.ts';
import { createZipkin } from '../../adapters/zipkin/zipkin.ts';
import type { Config } from '../../config/load.ts';
import type { Providers, TrafficProvider } from '../../controller/ports.ts';
import type { Asked, Range } from './options.ts';

/** The past is read in longer intervals than a controller reads, so an answer may take longer. */
const TIMEOUT_MS = 30_000;
const LAG_MS = 15_000;

/** Addresses of the command line stand beside those of the configuration, or in their place. */
export const withUrls = (config: Config, { urls }: Pick<Asked, 'urls'>): Config => {
  const prometheus = Object.entries(urls.prometheus).map(([name, url]) => [name, { url, timeoutMs: TIMEOUT_MS }]);
  const zipkin = Object.entries(urls.zipkin).map(([name, url]) => {
    const lagMs = config.providers.zipkin[name]?.lagMs ?? LAG_MS;
    return [name, { url, timeoutMs: TIMEOUT_MS, lagMs }];
  });
  return {
    ...config,
    providers: {
      prometheus: { ...config.providers.prometheus, ...Object.fromEntries(prometheus) },
      zipkin: { ...config.providers.zipkin, ...Object.fromEntries(zipkin) },
    },
  };
};

/** Providers that answer as of one moment after the other, and what they were asked. */
export type PastProviders = {
  readonly providers: Providers;
  /** Workloads that one Prometheus knows behind a host in a time; absent: there is none. Throws SystemError. */
  readonly findWorkloads: ((host: string, time: Range) => Promise<readonly SeenWorkload[]>) | undefined;
  /** From now on answers are those that would have been given at this moment. */
  readonly setNow: (ms: number) => void;
  /** Requests by provider so far. */
  readonly asked: ReadonlyMap<string, number>;
  /** By provider: how much of the time was left out so far, as there were too many spans; in ms. */
  readonly skipped: ReadonlyMap<string, number>;
};

export const createPastProviders = ({ providers }: Config, { fromMs }: Range): PastProviders => {
  let nowMs = 0;
  const asked = new Map<string, number>();
  const skipped = new Map<string, number>();
  const add = (to: Map<string, number>, key: string, more: number): void => void to.set(key, (to.get(key) ?? 0) + more);
  const counting = (kind: string) => ({ onRequest: (name: string) => add(asked, `${kind}/${name}`, 1) });
  const noting = (key: string, provider: TrafficProvider): TrafficProvider => ({
    ...provider,
    readTraffic: async (query, signal) => {
      const traffic = await provider.readTraffic(query, signal);
      const { skippedMs = 0 } = traffic;
      if (skippedMs > 0 && query.fromMs >= fromMs) add(skipped, key, skippedMs);
      return traffic;
    },
  });
  const clock = { now: () => nowMs };
  const prometheus = Object.entries(providers.prometheus).map(([name, settings]) => [
    name,
    createPrometheus({ ...settings, name, ...counting('prometheus') }),
  ]);
  const zipkin = Object.entries(providers.zipkin).map(([name, settings]) => [
    name,
    noting(`zipkin/${name}`, createZipkin({ ...settings, name, ...counting('zipkin'), clock })),
  ]);
  const [known] = ['default', ...Object.keys(providers.prometheus)].filter(name => Object.hasOwn(providers.prometheus, name));
  const settings = known === undefined ? undefined : providers.prometheus[known];
  const find = settings && createWorkloadFinder({ ...settings, name: known ?? '', ...counting('prometheus') });
  return {
    findWorkloads: find && ((host, time) => find(host, time, new AbortController().signal)),
    providers: { prometheus: Object.fromEntries(prometheus), zipkin: Object.fromEntries(zipkin) },
    setNow: ms => {
      nowMs = ms;
    },
    asked,
    skipped,
  };
};
