import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Asked, type RefusingProxy, startRefusingProxy } from './refusingProxy.ts';
import { type App, openWorld, type World } from './world.ts';

const lacking =
  (verb: Asked['verb'], resource: string) =>
  (asked: Asked): boolean =>
    asked.verb === verb && asked.resource === resource;

/** Rights that no traffic depends on, or that everything depends on: one at a time is missing from the installed rules. */
describe('a right of the installed rules that is missing', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.api.post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'sluice-system' } });
  });
  const proxies: RefusingProxy[] = [];
  afterAll(async () => {
    await world.close();
    for (const proxy of proxies) await proxy.close();
  });

  const controlled = async (namespace: string, lacks: RefusingProxy['lacks']) => {
    const proxy = await startRefusingProxy(world.sandbox, world.folder);
    proxies.push(proxy);
    proxy.lacks = lacks;
    const app: App = await world.app(namespace);
    const controller = await world.controller({ kubeconfigPath: proxy.kubeconfigPath, namespaces: [namespace] });
    await app.roll('v1');
    await app.reaches(({ phase }) => phase === 'Healthy', 'adoption');
    return { app, proxy, controller };
  };

  it.each([['list'], ['watch']] as const)(
    'R20: %s configmaps: nothing moves forward, the message says which Role; then it goes on',
    async verb => {
      const { app, proxy, controller } = await controlled(`freeze-${verb}`, lacking(verb, 'configmaps'));
      if (verb === 'list') {
        await app.change({ spec: { version: 'v2' } });
        const { message } = await app.reaches(({ reason }) => reason === 'Frozen', 'the freeze');
        expect(message).toMatch(
          /the freeze cannot be read: listing configmaps .*: not allowed to list configmaps; .*see Role sluice-freeze/,
        );
        expect(await app.weights()).toEqual({ v1: 100 });
        proxy.lacks = () => false;
      } else {
        const { err } = await controller.logged(({ msg }) => msg === 'cannot list or watch Kubernetes objects, trying again');
        expect(JSON.stringify(err)).toMatch(/not allowed to watch configmaps; .*see Role sluice-freeze/);
        await app.change({ spec: { version: 'v2' } });
      }
      await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    },
  );

  it.each([
    ['create', 'configmaps', /not allowed to create configmaps; .*see ClusterRole sluice /],
    ['create', 'events', /not allowed to create events; .*see ClusterRole sluice /],
  ] as const)('R23, R35, R37: %s %s: the log says which rule; traffic goes on and comes back', async (verb, resource, says) => {
    const fromMs = performance.now();
    const { app, controller } = await controlled(`${verb}-${resource}`, lacking(verb, resource));
    await app.change({ spec: { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50, pause: {} }] } } } });
    await app.reaches(({ traffic }) => traffic?.weight === 50, 'half of it on v2');
    await app.ask({ verb: 'abort' });
    await app.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
    expect(await app.weights()).toEqual({ v1: 100, v2: 0 });
    const { level } = await controller.logged(line => says.test(JSON.stringify(line)));
    expect(level).toBeGreaterThanOrEqual(40);
    const mostLines = 10 + (performance.now() - fromMs) / 1_000;
    expect(controller.log.filter(line => says.test(JSON.stringify(line))).length).toBeLessThan(mostLines);
  });

  it('R22, R30: patch rollouts: no finalizer, so nothing is raised, and the message says which rule; then it goes on', async () => {
    const { app, proxy } = await controlled('patch-rollouts', lacking('patch', 'rollouts'));
    await app.change({ spec: { version: 'v2' } });
    const { message } = await app.reaches(status => status.message.includes('not allowed'), 'the message');
    expect(message).toMatch(/not allowed to patch rollouts\.sluice\.dev; .*see ClusterRole sluice /);
    expect(await app.weights()).toEqual({ v1: 100 });
    proxy.lacks = () => false;
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
  });
});
