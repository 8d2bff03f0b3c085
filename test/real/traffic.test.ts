import { setTimeout as pass } from 'node:timers/promises';
import { describe, inject } from 'vitest';
import { createPrometheus } from '../../src/adapters/prometheus/prometheus.ts';
import { createZipkin } from '../../src/adapters/zipkin/zipkin.ts';
import type { TrafficProvider } from '../../src/controller/ports.ts';
import { type TrafficWorld, trafficContract } from '../contracts/traffic.contract.ts';
import { openBed } from './bed/bed.ts';
import { createWorld, type World } from './bed/world.ts';

const bed = openBed(inject('bedDirectory'));
const VERSIONS = { stable: 'v1', canary: 'v2' } as const;
const clock = { now: () => Date.now() };

/** Requests with this header reach one version alone. */
const TO = 'x-to';

/** Both versions behind header routes, so that a test says who gets a request. */
async function openWorld(namespace: string): Promise<World> {
  const world = await createWorld(bed, { namespace, versions: ['v1', 'v2'], replicas: 1 });
  const subsets = Object.values(VERSIONS).map(version => ({ name: version, labels: { version } }));
  await bed.kubernetes.patch(world.destinationRule, { spec: { subsets } });
  const route = (version: string) => [{ destination: { host: 'forecast', subset: version } }];
  const toCanary = { name: 'canary', match: [{ headers: { [TO]: { exact: 'canary' } } }], route: route('v2') };
  const copies = { mirror: { host: 'forecast', subset: 'v2' }, mirrorPercentage: { value: 100 } };
  const copied = { name: 'copied', match: [{ headers: { [TO]: { exact: 'copied' } } }], route: route('v1'), ...copies };
  // retries would count an error more than once
  const http = [toCanary, copied, { name: 'primary', route: route('v1') }].map(one => ({ ...one, retries: { attempts: 0 } }));
  await bed.kubernetes.patch(world.virtualService, { spec: { http } });
  await bed.until('both versions', async () => (await bed.get(world.host, { [TO]: 'canary' })).headers['x-version'] === 'v2');
  return world;
}

async function openTraffic(namespace: string, provider: TrafficProvider, settleMs: number): Promise<TrafficWorld> {
  const world = await openWorld(namespace);
  const answerWith = async (to: keyof typeof VERSIONS, { status = 200, latencyMs = 0 }) => {
    const behaviour = { errorRate: status === 200 ? 0 : 1, status, latencyMs };
    await bed.pods.behave({ namespace, app: 'forecast', version: VERSIONS[to] }, behaviour);
  };
  const askAll = async (to: string, count: number) => {
    await Promise.all(Array.from({ length: count }, () => bed.get(world.host, { [TO]: to })));
  };
  const selector = (version: string) => ({ version, subset: version, workloads: [`forecast-${version}`] });
  return {
    provider,
    host: `forecast.${namespace}.svc.cluster.local`,
    stable: selector(VERSIONS.stable),
    canary: selector(VERSIONS.canary),
    settleMs,
    nowMs: clock.now,
    pass: async ms => {
      await pass(ms);
    },
    send: async (to, count, behaviour = {}) => {
      await answerWith(to, behaviour);
      await askAll(to, count);
    },
    sendCopied: async (count, behaviour = {}) => {
      await answerWith('stable', {});
      await answerWith('canary', behaviour);
      await askAll('copied', count);
    },
    close: async () => {
      await bed.kubernetes.delete(`/api/v1/namespaces/${namespace}`);
    },
  };
}

describe.runIf(bed.has('envoy', 'prometheus'))('Prometheus', () => {
  const open = () => {
    const provider = createPrometheus({ name: 'real', url: bed.prometheusUrl, timeoutMs: 60_000 });
    return openTraffic('counted', provider, 5_000);
  };
  trafficContract('Prometheus and Envoy', open, { copies: true });
});

describe.runIf(bed.has('envoy', 'zipkin'))('Zipkin', () => {
  trafficContract('Zipkin and Envoy', () => {
    const provider = createZipkin({ name: 'real', url: bed.zipkinUrl, timeoutMs: 60_000, lagMs: 3_000, clock });
    return openTraffic('traced', provider, 6_000);
  });
});
