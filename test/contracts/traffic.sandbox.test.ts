import { setTimeout as wait } from 'node:timers/promises';
import { createPrometheus } from '../../src/adapters/prometheus/prometheus.ts';
import { createZipkin } from '../../src/adapters/zipkin/zipkin.ts';
import type { TrafficProvider } from '../../src/controller/ports.ts';
import { hostOf, workloadOf } from '../e2e/app.ts';
import { openWorld, type World } from '../e2e/world.ts';
import { send, until } from '../sandbox/client.ts';
import { type TrafficWorld, trafficContract } from './traffic.contract.ts';

const VERSIONS = { stable: 'v1', canary: 'v2' } as const;
const clock = { now: () => Date.now() };
/** Requests with this header reach one version alone. */
const TO = 'x-to';
/** The sandbox scrapes four times a second, and flushes spans five times. */
const LAG_MS = 700;

const openTraffic = async (
  namespace: string,
  settleMs: number,
  create: (world: World) => TrafficProvider,
): Promise<TrafficWorld> => {
  const world = await openWorld();
  await world.app(namespace, { subsets: Object.values(VERSIONS), rate: 0 });
  await twoPods(world, namespace);
  const route = (subset: string) => [{ destination: { host: 'forecast', subset } }];
  const toCanary = { name: 'canary', match: [{ headers: { [TO]: { exact: 'canary' } } }], route: route(VERSIONS.canary) };
  const mirror = { mirror: { host: 'forecast', subset: VERSIONS.canary }, mirrorPercentage: { value: 100 } };
  const copied = {
    name: 'copied',
    match: [{ headers: { [TO]: { exact: 'copied' } } }],
    route: route(VERSIONS.stable),
    ...mirror,
  };
  const path = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices/forecast`;
  const http = [toCanary, copied, { name: 'primary', route: route(VERSIONS.stable) }];
  await world.api.patch(path, 'merge', { spec: { http: http.map(one => ({ ...one, retries: { attempts: 0 } })) } });
  const ask = (to: string) => send(`${world.sandbox.urls.gateway}/api`, { headers: { host: hostOf(namespace), [TO]: to } });
  await until(async () => ((await ask('canary')).body.version === VERSIONS.canary ? true : undefined), 'the canary to answer');
  const answerWith = (to: keyof typeof VERSIONS, { status = 200, latencyMs = 0 }) => {
    const fault = { errorRate: status === 200 ? 0 : 1, status, latencyMs };
    world.sandbox.control.setFault(workloadOf(namespace, VERSIONS[to]), fault);
  };
  const askAll = async (to: string, count: number) => {
    await Promise.all(Array.from({ length: count }, () => ask(to)));
  };
  const selector = (version: string) => ({ version, subset: version, workloads: [workloadOf(namespace, version)] });
  return {
    provider: create(world),
    host: `forecast.${namespace}.svc.cluster.local`,
    stable: selector(VERSIONS.stable),
    canary: selector(VERSIONS.canary),
    settleMs,
    nowMs: clock.now,
    pass: async ms => {
      await wait(ms);
    },
    send: async (to, count, behaviour = {}) => {
      answerWith(to, behaviour);
      await askAll(to, count);
    },
    sendCopied: async (count, copies = {}) => {
      answerWith('stable', {});
      answerWith('canary', copies);
      await askAll('copied', count);
    },
    close: world.close,
  };
};

/** Stable has several pods, so that what they tell has to be added up. */
const twoPods = async ({ api }: World, namespace: string): Promise<void> => {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${workloadOf(namespace, VERSIONS.stable)}`;
  await api.patch(path, 'merge', { spec: { replicas: 2 } });
  await until(async () => ((await api.get(path)).body.status?.readyReplicas === 2 ? true : undefined), 'the second pod');
};

trafficContract(
  'Prometheus and the sandbox',
  () =>
    openTraffic('counted', 1_500, ({ sandbox }) =>
      createPrometheus({ name: 'sandbox', url: sandbox.urls.prometheus, timeoutMs: 5_000 }),
    ),
  { causes: true, pods: true, copies: true },
);

trafficContract('Zipkin and the sandbox', () =>
  openTraffic('traced', 1_500, ({ sandbox }) =>
    createZipkin({ name: 'sandbox', url: sandbox.urls.zipkin, timeoutMs: 5_000, lagMs: LAG_MS, clock }),
  ),
);
