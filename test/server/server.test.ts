import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics, type Metrics } from '../../src/server/metrics.ts';
import { type Server, startServer } from '../../src/server/server.ts';

const clock = { now: () => Date.now() };
const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const serve = async (
  waitingFor: () => string | undefined = () => undefined,
  metrics: Metrics = createMetrics(clock),
): Promise<string> => {
  const server = await startServer({ host: '127.0.0.1', port: 0 }, { metrics, waitingFor });
  open.push(server);
  return `http://${server.address}`;
};

describe('the HTTP server', () => {
  it('is alive before it is ready, and ready once caches are filled', async () => {
    let waiting: string | undefined = 'caches are not filled yet: pods';
    const url = await serve(() => waiting);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const before = await fetch(`${url}/readyz`);
    expect([before.status, await before.text()]).toEqual([503, 'caches are not filled yet: pods\n']);
    waiting = undefined;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  it('answers an unknown path with problem JSON', async () => {
    const answer = await fetch(`${await serve()}/nothing/here`);
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await answer.json()).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'nothing is served at /nothing/here',
    });
  });

  it('names the address when its port is taken', async () => {
    const { host } = new URL(await serve());
    const port = Number(host.split(':')[1]);
    await expect(
      startServer({ host: '127.0.0.1', port }, { metrics: createMetrics(clock), waitingFor: () => undefined }),
    ).rejects.toThrow(`listening on 127.0.0.1:${port}: the port is in use`);
  });

  it('serves metrics as Prometheus reads them', async () => {
    const answer = await fetch(`${await serve()}/metrics`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await answer.text()).toContain('# TYPE sluice_reconcile_seconds histogram');
  });
});
