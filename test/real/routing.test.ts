import { describe, inject } from 'vitest';
import { meshTelemetryContract, type TelemetryWorld } from '../contracts/meshTelemetry.contract.ts';
import { type RoutingWorld, routingContract } from '../contracts/routing.contract.ts';
import type { Echo } from '../mesh/echo.ts';
import { openBed } from './bed/bed.ts';
import type { KubernetesObject } from './bed/kubernetes.ts';
import { GATEWAY_SELECTOR } from './bed/mesh.ts';
import { createWorld } from './bed/world.ts';

const bed = openBed(inject('bedDirectory'));
const NAMESPACE = 'routing';
const PORT = 3002;

const object = (kind: string, name: string, spec: object): KubernetesObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  metadata: { name, namespace: NAMESPACE },
  spec,
});

/** What the API server says, out of the JSON that it says it in. */
const messageOf = (answer: string): string => {
  const [, message] = /"message":("(?:[^"\\]|\\.)*")/.exec(answer) ?? [];
  return message === undefined ? answer : String(JSON.parse(message));
};

/** The bed's Envoy before servers of the test, which a ServiceEntry makes endpoints of a Service. */
async function openMesh(echo: Echo): Promise<RoutingWorld> {
  const ports = [{ name: 'http', port: PORT, targetPort: PORT }];
  await bed.kubernetes.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'app', namespace: NAMESPACE },
      spec: { selector: { app: 'none' }, ports },
    },
    object('ServiceEntry', 'app-servers', {
      hosts: [`app.${NAMESPACE}.svc.cluster.local`],
      location: 'MESH_INTERNAL',
      resolution: 'STATIC',
      ports: [{ number: PORT, name: 'http', protocol: 'HTTP' }],
      endpoints: Object.entries(echo.ports).map(([version, http]) => ({
        address: '127.0.0.1',
        ports: { http },
        labels: { app: 'app', version },
      })),
    }),
    object('Gateway', 'public', {
      selector: GATEWAY_SELECTOR,
      servers: [
        {
          port: { number: bed.ports.gateway, name: 'http', protocol: 'HTTP' },
          bind: '127.0.0.1',
          hosts: [`*.${NAMESPACE}.example.com`],
        },
      ],
    }),
  );
  return {
    namespace: NAMESPACE,
    gatewayUrl: bed.gatewayUrl,
    port: bed.ports.gateway,
    apply: objects =>
      bed.kubernetes.apply(...objects.map(item => ({ ...item }))).catch((error: unknown) => {
        throw new Error(messageOf(String(error)));
      }),
    close: () => bed.kubernetes.delete(`/api/v1/namespaces/${NAMESPACE}`),
  };
}

/** An application whose Pods the bed plays; the receiving side of the metrics is the bed's own. */
async function openTelemetry(): Promise<TelemetryWorld> {
  const namespace = 'routing-telemetry';
  const world = await createWorld(bed, { namespace, replicas: 1 });
  return {
    namespace,
    host: world.host,
    gatewayUrl: bed.gatewayUrl,
    prometheusUrl: bed.prometheusUrl,
    zipkinUrl: bed.zipkinUrl,
    route: async http => {
      const subsets = ['v1', 'v2', 'v3'].map(name => ({ name, labels: { version: name } }));
      await bed.kubernetes.patch(world.destinationRule, { spec: { subsets } });
      const mark = { match: [{ uri: { exact: '/mark' } }], directResponse: { status: 299 } };
      await bed.kubernetes.patch(world.virtualService, { spec: { http: [mark, ...http] } });
      await bed.until('the routes to be obeyed', async () => (await bed.get(world.host, {}, '/mark')).status === 299);
    },
    until: async (ask, what) => {
      const found: Awaited<ReturnType<typeof ask>>[] = [];
      await bed.until(what, async () => {
        const answer = await ask();
        if (answer !== undefined) found.push(answer);
        return found.length > 0;
      });
      const [answer] = found;
      if (answer === undefined) throw new Error(`waiting for ${what}: no answer`);
      return answer;
    },
    close: () => bed.kubernetes.delete(`/api/v1/namespaces/${namespace}`),
  };
}

describe.runIf(bed.has('envoy'))('Envoy', () => {
  routingContract('Envoy', openMesh);
});

describe.runIf(bed.has('envoy', 'prometheus', 'zipkin'))('Envoy', () => {
  meshTelemetryContract('Envoy', openTelemetry);
});
