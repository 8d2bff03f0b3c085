import type { RequestListener } from 'node:http';
import { createPodApp } from './app/pod.ts';
import { createChat } from './chat/chat.ts';
import { type Control, createControl, createControlListener } from './control.ts';
import { type Endpoint, startEndpoint, type TlsIdentity } from './endpoint.ts';
import { createFaults } from './faults.ts';
import { createCertificate } from './kube/certificate.ts';
import { createKubeApi } from './kube/server.ts';
import { kubeconfigOf, writeKubeconfig } from './kubeconfig.ts';
import { startLoad } from './load.ts';
import { startPilot } from './mesh/pilot.ts';
import { createProxy } from './mesh/proxy.ts';
import { createMeshTelemetry } from './mesh/telemetry.ts';
import { createTruth } from './mesh/truth.ts';
import { createSwitch } from './outage.ts';
import { APP_HOST, APP_PATH, type Scenario, scenarioObjects } from './scenario.ts';
import { seed, workloadsReady } from './seeding.ts';
import { createCounters } from './telemetry/counters.ts';
import { createPrometheusListener } from './telemetry/prometheus.ts';
import { startScrapes } from './telemetry/scrapes.ts';
import { createSeriesStore } from './telemetry/series.ts';
import { createSpans } from './telemetry/spans.ts';
import { createZipkinListener } from './telemetry/zipkin.ts';
import { startDeployments } from './workloads/deployments.ts';
import { startPods } from './workloads/pods.ts';

/** How the sandbox is set up; everything has a default. */
export interface SandboxOptions {
  /** First of six ports in a row; 0 takes free ones. The API speaks HTTPS (as in the kubeconfig) and HTTP on the same port. */
  readonly portBase?: number;
  readonly scenario?: Scenario;
  /** Where the kubeconfig is written; a temporary folder when absent. */
  readonly kubeconfigPath?: string;
  /** Load in requests per second, 0 for none; default 40, and 0 in the empty scenario. */
  readonly rate?: number;
  readonly scrapeIntervalMs?: number;
  /** Share of requests that are traced, 0..1; default 1. */
  readonly sampling?: number;
  /** How often spans become visible; default 500. */
  readonly flushMs?: number;
}

type ServerName = 'api' | 'gateway' | 'prometheus' | 'zipkin' | 'control' | 'chat';

/** Where the servers are; the API of the chat stands below `/api`, its inbox at `/`. */
type SandboxUrls = { readonly [name in ServerName]: string };

/** A running sandbox. */
export interface Sandbox {
  readonly urls: SandboxUrls;
  readonly kubeconfigPath: string;
  readonly kubeconfig: string;
  readonly control: Control;
  close(): Promise<void>;
}

const RETENTION_MS = 20 * 60_000;
const DEFAULT_RATE = 40;
type Closers = (() => void | Promise<void>)[];

/** What is behind the servers. */
function startWorld(options: SandboxOptions, apiHangs: () => boolean, closers: Closers) {
  const faults = createFaults();
  const truth = createTruth();
  const istiod = createSwitch();
  const series = createSeriesStore(RETENTION_MS);
  const counters = createCounters(series);
  const spans = createSpans(options.flushMs ?? 500);
  const telemetry = createMeshTelemetry(counters, spans, truth);
  const api = createKubeApi(apiHangs, istiod);
  const pods = startPods(api, faults, createPodApp(faults, telemetry));
  const pilot = startPilot(api.store, pods.addressOf, istiod);
  const proxy = createProxy({ snapshot: pilot.snapshot, telemetry, sampling: options.sampling ?? 1 });
  const stopDeployments = startDeployments(api);
  const stopScrapes = startScrapes(api.store, counters, series, options.scrapeIntervalMs ?? 1000);
  closers.push(spans.close, api.close, pods.close, pilot.close, proxy.close, stopDeployments, stopScrapes);
  return { api, faults, truth, istiod, series, spans, pilot, proxy };
}

/** Starts the whole world and resolves when its workloads are ready. Rejects, with everything closed again, when a port is taken. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const closers: Closers = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return await assemble(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

type Open = (name: string, offset: number, listener: RequestListener, tls?: TlsIdentity) => Promise<Endpoint>;

async function openChat(open: Open) {
  const chat = createChat(() => server.url);
  const server = await open('the chat', 5, chat.listener);
  return { chat, server };
}

const urlsOf = (servers: { readonly [name in ServerName]: Endpoint }): SandboxUrls => ({
  api: servers.api.url,
  gateway: servers.gateway.url,
  prometheus: servers.prometheus.url,
  zipkin: servers.zipkin.url,
  control: servers.control.url,
  chat: servers.chat.url,
});

async function assemble(options: SandboxOptions, closers: Closers, close: () => Promise<void>): Promise<Sandbox> {
  const open: Open = async (name, offset, listener, tls) => {
    const port = options.portBase ? options.portBase + offset : 0;
    const endpoint = await startEndpoint(name, port, listener, tls);
    closers.push(endpoint.close);
    return endpoint;
  };
  const scenario = options.scenario ?? 'weather';
  const certificate = createCertificate();
  const front: { endpoint?: Endpoint } = {};
  const world = startWorld(options, () => front.endpoint?.mode() === 'hang', closers);
  const api = await open('the Kubernetes API', 0, world.api.listener, certificate);
  front.endpoint = api;
  const gateway = await open('the gateway', 1, world.proxy.listener);
  const prometheus = await open('Prometheus', 2, createPrometheusListener(world.series));
  const zipkin = await open('Zipkin', 3, createZipkinListener(world.spans));

  seed(world.api, scenarioObjects(scenario));
  await workloadsReady(world.api);
  await world.pilot.settled();
  const load = startLoad(
    gateway.url,
    { host: APP_HOST, path: APP_PATH },
    options.rate ?? (scenario === 'empty' ? 0 : DEFAULT_RATE),
  );
  closers.push(load.close);
  const { chat, server: chatServer } = await openChat(open);
  const servers = { api, gateway, prometheus, zipkin, istiod: world.istiod, chat: chatServer };
  const { faults, truth } = world;
  const { people, store } = world.api;
  const control = createControl({ faults, load, truth, servers, people, chat, compact: store.compact });
  const levers = await open('control', 4, createControlListener(control));

  const kubeconfig = kubeconfigOf(api.url.replace('http:', 'https:'), certificate.cert, world.api.token);
  const file = await writeKubeconfig(kubeconfig, options.kubeconfigPath);
  closers.push(file.remove);
  const urls = urlsOf({ api, gateway, prometheus, zipkin, control: levers, chat: chatServer });
  return { urls, kubeconfigPath: file.path, kubeconfig, control, close };
}
