import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Faults } from '../faults.ts';
import type { MeshTelemetry } from '../mesh/telemetry.ts';
import type { PodIdentity } from '../workloads/identity.ts';
import { forecastJson, forecastPage } from './forecast.ts';

/** A forecast takes between 10 and 25 ms: without it, quantiles would measure the event loop. */
const WORK_MS = { least: 10, spread: 15 } as const;

/** Makes the server of one pod. */
export type PodApp = (identity: PodIdentity) => RequestListener;

function send(identity: PodIdentity, request: IncomingMessage, response: ServerResponse): void {
  const html = request.url === '/' || (request.headers.accept ?? '').startsWith('text/html');
  response.setHeader('content-type', html ? 'text/html; charset=utf-8' : 'application/json');
  response.end(html ? forecastPage(identity) : forecastJson(identity));
}

function answer(identity: PodIdentity, faults: Faults, request: IncomingMessage, response: ServerResponse): void {
  const fault = faults.of(identity);
  const fails = fault.errorRate > 0 && Math.random() < fault.errorRate;
  const act = () => {
    response.setHeader('x-version', identity.version);
    response.setHeader('x-pod', identity.pod);
    if (!fails) return send(identity, request, response);
    response.writeHead(fault.status, { 'content-type': 'application/json' });
    response.end('{"error":"injected failure"}\n');
  };
  setTimeout(act, WORK_MS.least + Math.random() * WORK_MS.spread + fault.latencyMs);
}

/** The application with its sidecar: faults, the forecast, and what the destination reports about each request. */
export function createPodApp(faults: Faults, telemetry: MeshTelemetry): PodApp {
  return identity => (request, response) => {
    const startMs = performance.timeOrigin + performance.now();
    const from = performance.now();
    response.on('close', () => {
      const finished = response.writableFinished;
      telemetry.destination({
        startMs,
        durationMs: performance.now() - from,
        code: finished ? response.statusCode : 0,
        flags: finished ? '-' : 'DC',
        pod: identity,
        request,
        port: request.socket.localPort ?? 0,
      });
    });
    request.resume();
    answer(identity, faults, request, response);
  };
}
