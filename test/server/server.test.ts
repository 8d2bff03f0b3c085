import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { reachableAt } from '../../src/server/reachable.ts';
import { createRigs, startRig } from './rig.ts';

const rigs = createRigs();
afterEach(rigs.close);

const serve = async (waitingFor: () => string | undefined = () => undefined): Promise<string> =>
  (await rigs.start({}, { waitingFor })).url;

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
    const taken = { host: '127.0.0.1', port };
    await expect(startRig({ listen: taken })).rejects.toThrow(`listening on 127.0.0.1:${port}: the port is in use`);
  });

  it('leaves nothing behind when webhooks cannot be received', async () => {
    const { host } = new URL(await serve());
    const free = await freePort();
    const taken = { host: '127.0.0.1', port: Number(host.split(':')[1]) };
    const listen = { host: '127.0.0.1', port: free };
    await expect(startRig({ listen, hooks: taken })).rejects.toThrow('the port is in use');
    expect((await rigs.start({ listen })).server.address).toBe(`127.0.0.1:${free}`);
  });

  it('receives webhooks on an address of their own, and only if there are some', async () => {
    const rig = await rigs.start();
    expect((await fetch(`${rig.hooks}/metrics`)).status).toBe(404);
    expect((await fetch(`${rig.hooks}/healthz`)).status).toBe(404);
    expect((await fetch(`${rig.url}/hooks/slack`, { method: 'POST' })).status).toBe(404);
    const none = await rigs.start({}, { answerHooks: {}, pushHooks: [] });
    expect(none.server.hooks).toBeUndefined();
  });

  it.each([
    ['10.0.0.8:8080', '10.0.0.7', '10.0.0.8:8080'],
    ['0.0.0.0:8080', '10.0.0.7', '10.0.0.7:8080'],
    ['[::]:8080', 'fd00::7', '[fd00::7]:8080'],
    ['0.0.0.0:8080', undefined, undefined],
  ])('what listens on %s in the pod %s is reached at %s', (address, pod, expected) => {
    expect(reachableAt(address, pod)).toBe(expected);
  });

  it('serves metrics as Prometheus reads them', async () => {
    const answer = await fetch(`${await serve()}/metrics`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await answer.text()).toContain('# TYPE sluice_reconcile_seconds histogram');
  });
});

/** A port that was free a moment ago. */
const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  await new Promise(resolve => server.close(resolve));
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
};
