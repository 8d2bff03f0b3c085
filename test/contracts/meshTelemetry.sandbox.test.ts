import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { APP_HOST } from '../../src/sandbox/scenario.ts';
import { apiClient, send, until } from '../sandbox/client.ts';
import { meshTelemetryContract } from './meshTelemetry.contract.ts';

const NETWORKING = '/apis/networking.istio.io/v1/namespaces/weather';

meshTelemetryContract('the sandbox', async () => {
  const sandbox = await startSandbox({ rate: 0, scrapeIntervalMs: 100, flushMs: 50 });
  const api = apiClient(sandbox);
  return {
    namespace: 'weather',
    host: APP_HOST,
    gatewayUrl: sandbox.urls.gateway,
    prometheusUrl: sandbox.urls.prometheus,
    zipkinUrl: sandbox.urls.zipkin,
    route: async http => {
      const subsets = ['v1', 'v2', 'v3'].map(name => ({ name, labels: { version: name } }));
      await api.patch(`${NETWORKING}/destinationrules/forecast-dr`, 'merge', { spec: { subsets } });
      const mark = { match: [{ uri: { exact: '/mark' } }], directResponse: { status: 299 } };
      await api.patch(`${NETWORKING}/virtualservices/forecast`, 'merge', { spec: { http: [mark, ...http] } });
      const ask = async () => (await send(`${sandbox.urls.gateway}/mark`, { headers: { host: APP_HOST } })).code === 299;
      await until(async () => ((await ask()) ? true : undefined), 'the routes to be obeyed');
    },
    until,
    close: sandbox.close,
  };
});
