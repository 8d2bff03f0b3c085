import { startEndpoint } from '../../src/sandbox/endpoint.ts';
import type { KubeObject } from '../../src/sandbox/kube/json.ts';
import { createKubeApi } from '../../src/sandbox/kube/server.ts';
import { startPilot } from '../../src/sandbox/mesh/pilot.ts';
import { createProxy } from '../../src/sandbox/mesh/proxy.ts';
import { createSwitch } from '../../src/sandbox/outage.ts';
import { seed } from '../../src/sandbox/seeding.ts';
import type { Echo } from '../mesh/echo.ts';
import { type RoutingWorld, routingContract } from './routing.contract.ts';

const NAMESPACE = 'routing';
const PORT = 80;

const object = (apiVersion: string, kind: string, name: string, more: object): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, ...(kind === 'Namespace' ? {} : { namespace: NAMESPACE }) },
  ...more,
});

/** A ready pod, whose server is at a port of the test. */
const pod = (version: string): KubeObject => ({
  ...object('v1', 'Pod', `app-${version}`, { status: { conditions: [{ type: 'Ready', status: 'True' }] } }),
  metadata: { name: `app-${version}`, namespace: NAMESPACE, uid: version, labels: { app: 'app', version } },
});

/** The sandbox's API, pilot and proxy, without what plays Deployments and pods. */
async function openSandbox(echo: Echo): Promise<RoutingWorld> {
  const istiod = createSwitch();
  const api = createKubeApi(() => false, istiod);
  seed(api, [
    object('v1', 'Namespace', NAMESPACE, {}),
    object('v1', 'Service', 'app', {
      spec: { selector: { app: 'app' }, ports: [{ name: 'http', port: 3002, targetPort: 3002 }] },
    }),
    object('networking.istio.io/v1', 'Gateway', 'public', {
      spec: {
        selector: { istio: 'ingressgateway' },
        servers: [{ port: { number: PORT, name: 'http', protocol: 'HTTP' }, hosts: [`*.${NAMESPACE}.example.com`] }],
      },
    }),
  ]);
  for (const version of Object.keys(echo.ports)) api.store.put('pods', pod(version));
  const pilot = startPilot(api.store, uid => ({ host: '127.0.0.1', port: echo.ports[uid] ?? 0 }), istiod);
  const proxy = createProxy({ snapshot: pilot.snapshot, telemetry: { source: () => {}, destination: () => {} }, sampling: 1 });
  const gateway = await startEndpoint('the gateway', 0, proxy.listener);
  return {
    namespace: NAMESPACE,
    gatewayUrl: gateway.url,
    port: PORT,
    apply: async objects => seed(api, structuredClone(objects) as unknown as KubeObject[]),
    close: async () => {
      await gateway.close();
      proxy.close();
      pilot.close();
      api.close();
    },
  };
}

routingContract('the sandbox', openSandbox);
