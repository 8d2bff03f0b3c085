import { createPrometheus } from '../adapters/prometheus/prometheus.ts';
import { createZipkin } from '../adapters/zipkin/zipkin.ts';
import type { Config } from '../config/load.ts';
import type { Clock, Providers } from '../controller/ports.ts';
import type { Metrics } from '../server/metrics.ts';

export const createProviders = ({ providers }: Config, metrics: Metrics, clock: Clock): Providers => {
  // Providers of both kinds may have one name; the label is what `status.gates` calls the source.
  const countOf =
    (kind: keyof Providers) =>
    (name: string, outcome: string): void =>
      metrics.providerRequest(`${kind}/${name}`, outcome);
  const each = <Settings, Provider>(
    settings: Readonly<Record<string, Settings>>,
    create: (name: string, setting: Settings) => Provider,
  ): Readonly<Record<string, Provider>> =>
    Object.fromEntries(Object.entries(settings).map(([name, setting]) => [name, create(name, setting)]));
  return {
    prometheus: each(providers.prometheus, (name, setting) =>
      createPrometheus({ ...setting, name, onRequest: countOf('prometheus') }),
    ),
    zipkin: each(providers.zipkin, (name, setting) => createZipkin({ ...setting, name, onRequest: countOf('zipkin'), clock })),
  };
};
