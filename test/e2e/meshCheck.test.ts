import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RefusingProxy, startRefusingProxy } from './refusingProxy.ts';
import { type App, openWorld, type World } from './world.ts';

const HELD = 'held';
const SHUT = 'shut';
const istio = (namespace: string, plural: string, name: string): string =>
  `/apis/networking.istio.io/v1/namespaces/${namespace}/${plural}/${name}`;

describe('the mesh check of a controller that may not list every kind', () => {
  let world: World;
  let proxy: RefusingProxy;
  const refused: string[] = [];
  let held: App;
  let shut: App;

  const merge = async (path: string, patch: object): Promise<void> => {
    const { code, body } = await world.api.patch(path, 'merge', patch);
    if (code !== 200) throw new Error(`patching ${path}: ${code} ${JSON.stringify(body)}`);
  };
  const subsets = (labelsOfV2: object) =>
    merge(istio(HELD, 'destinationrules', 'forecast'), {
      spec: {
        subsets: [
          { name: 'v1', labels: { version: 'v1' } },
          { name: 'v2', labels: { version: 'v2', ...labelsOfV2 } },
        ],
      },
    });
  const servedHost = (host: string) =>
    merge(istio(SHUT, 'gateways', 'gateway'), {
      spec: { servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: [host] }] },
    });

  beforeAll(async () => {
    world = await openWorld();
    proxy = await startRefusingProxy(world.sandbox, world.folder);
    proxy.lacks = ({ verb, resource }) => {
      const isRefused = (resource === 'sidecars' && verb === 'list') || (resource === 'serviceentries' && verb === 'watch');
      if (isRefused) refused.push(`${verb} ${resource}`);
      return isRefused;
    };
    [held, shut] = await Promise.all([world.app(HELD), world.app(SHUT)]);
  });
  afterAll(async () => {
    await world.close();
    await proxy.close();
  });

  it('R13, R36: holds on an error, says what it is, and goes on by itself when it is mended', async () => {
    const controller = await world.controller({ kubeconfigPath: proxy.kubeconfigPath, namespaces: [HELD, SHUT] });
    await subsets({ track: 'new' });
    await merge(istio(SHUT, 'virtualservices', 'forecast'), { spec: { gateways: ['gateway'] } });
    await servedHost('other.example.com');
    await Promise.all([held.roll('v2'), shut.roll('v2')]);

    const broken = await held.reaches(({ reason }) => reason === 'MeshCheckFailed', 'the error to be found');
    expect(broken).toMatchObject({ phase: 'Progressing', waitingFor: { what: 'mesh' } });
    expect(broken.message).toContain(
      'DestinationRule held/forecast: subset v2 selects none of the 1 ready pods of v2, so its share would get 503 (UH); ' +
        'let its labels (version=v2, track=new) be those of the pods (SubsetWithoutPods); goes on by itself when it is mended',
    );
    expect(broken.meshFindings).toMatchObject([{ code: 'SubsetWithoutPods', severity: 'error' }]);
    expect(await held.weights()).toEqual({ v1: 100 });
    const closed = await shut.reaches(({ reason }) => reason === 'MeshCheckFailed', 'the error to be found');
    expect(closed.message).toContain('Gateway shut/gateway serves none of the hosts');

    await subsets({});
    await servedHost('shut.example.com');
    const done = await held.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(done.meshFindings).toBeUndefined();
    await shut.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(held.load.stats().failed).toBe(0);

    const told = controller.log.filter(({ msg }) => msg === 'the mesh check goes without a kind that may not be watched');
    expect(told.map(({ kind }) => kind).sort()).toEqual(['ServiceEntry', 'Sidecar']);
    expect(JSON.stringify(told)).toMatch(/not allowed to list sidecars.networking.istio.io; .*see ClusterRole sluice/);
    expect([...refused].sort()).toEqual(['list sidecars', 'watch serviceentries']);
  });
});
