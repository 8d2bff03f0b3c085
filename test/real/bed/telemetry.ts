import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { binary, dataOf, type Layout, localUrl } from './layout.ts';
import type { ServerPlan } from './process.ts';
import { REQUEST_METRICS_FILTER, requestMetricsRelabelling } from './requestMetrics.ts';

function prometheusConfig(layout: Layout): unknown {
  const target = (port: number) => [{ targets: [`127.0.0.1:${port}`] }];
  return {
    global: { scrape_interval: '1s', scrape_timeout: '900ms', evaluation_interval: '1s' },
    scrape_configs: [
      {
        job_name: 'gateway',
        metrics_path: '/stats/prometheus',
        params: { filter: [REQUEST_METRICS_FILTER] },
        static_configs: target(layout.ports.envoyAdmin),
        metric_relabel_configs: requestMetricsRelabelling(),
      },
      // the receiving side, which sidecars would report
      { job_name: 'pods', static_configs: target(layout.ports.pods) },
    ],
  };
}

/** Prometheus, which reads the gateway's and the Pods' side every second. Writes its configuration. */
export async function prometheusPlan(layout: Layout): Promise<ServerPlan> {
  const config = join(layout.directory, 'prometheus.json');
  await writeFile(config, JSON.stringify(prometheusConfig(layout)));
  return {
    name: 'prometheus',
    command: binary(layout, 'prometheus'),
    args: [
      ...[`--config.file=${config}`, `--storage.tsdb.path=${dataOf(layout, 'prometheus')}`, '--storage.tsdb.retention.time=6h'],
      ...[`--web.listen-address=127.0.0.1:${layout.ports.prometheus}`, '--log.level=warn'],
    ],
    env: {},
    cwd: layout.directory,
    ready: { url: `${localUrl(layout.ports.prometheus)}/-/ready` },
    readyTimeoutMs: 180_000,
    stopGraceMs: 3_000,
  };
}

/** Zipkin with its store in memory. Its HTTP server must be told the address, it listens everywhere otherwise. */
export function zipkinPlan(layout: Layout): ServerPlan {
  const port = layout.ports.zipkin;
  const listen = [`ip=127.0.0.1`, `port=${port}`, 'protocols[0]=http'].map(setting => `--armeria.ports[0].${setting}`);
  return {
    name: 'zipkin',
    command: 'java',
    args: ['-Xms64m', '-Xmx256m', '-XX:TieredStopAtLevel=1', '-jar', binary(layout, 'zipkin'), ...listen],
    env: { STORAGE_TYPE: 'mem', MEM_MAX_SPANS: '200000', QUERY_PORT: String(port) },
    cwd: layout.directory,
    ready: { url: `${localUrl(port)}/health` },
    readyTimeoutMs: 180_000,
    // it takes long over SIGTERM and has nothing to save
    stopGraceMs: 0,
  };
}
