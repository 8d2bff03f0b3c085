import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, it as test } from 'vitest';
import { until } from '../sandbox/client.ts';
import { hostOf } from './app.ts';
import { openWorld, type World } from './world.ts';

const PAUSED = { strategy: { canary: { steps: [{ setWeight: 50, pause: {} }] } } };
const ARGO = 'argocd-controller';
const FLUX = 'kustomize-controller';
const JASON = { match: [{ headers: { 'end-user': { exact: 'jason' } } }] };
const HELD_WITH_HEADER = { strategy: { canary: { steps: [{ setWeight: 50, setHeaderRoute: JASON, pause: {} }] } } };

const ruleOf = (namespace: string): string => `/apis/networking.istio.io/v1/namespaces/${namespace}/destinationrules/forecast`;
const pathOf = (namespace: string): string => `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices/forecast`;

describe.concurrent('weights that others write', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.controller();
  });
  afterAll(() => world.close());

  /** Writes the routes as a tool does that has its own copy of them. */
  const write = async (namespace: string, weights: Readonly<Record<string, number>>, manager: string): Promise<void> => {
    const route = Object.entries(weights).map(([subset, weight]) => ({ destination: { host: 'forecast', subset }, weight }));
    const path = `${pathOf(namespace)}?fieldManager=${manager}`;
    const { code } = await world.api.patch(path, 'merge', { spec: { http: [{ name: 'primary', route }] } });
    if (code !== 200) throw new Error(`writing ${path}: ${code}`);
  };

  /** Server-side apply with force, as Flux does it; `commit` is what else changes in the file. */
  const apply = async (namespace: string, commit: string, http?: readonly object[]): Promise<void> => {
    const metadata = { name: 'forecast', namespace, labels: { commit } };
    const spec = {
      hosts: ['forecast', hostOf(namespace)],
      gateways: ['mesh', 'gateway'],
      ...(http === undefined ? {} : { http }),
    };
    const file = { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata, spec };
    const { code } = await world.api.patch(`${pathOf(namespace)}?fieldManager=${FLUX}&force=true`, 'apply', file);
    if (code !== 200) throw new Error(`applying ${pathOf(namespace)}: ${code}`);
  };
  const ALL_ON_V1 = [{ name: 'primary', route: [{ destination: { host: 'forecast', subset: 'v1' }, weight: 100 }] }];
  const routesOf = async (namespace: string): Promise<readonly (string | undefined)[]> =>
    (await world.api.get(pathOf(namespace))).body.spec.http.map(({ name }: { name?: string }) => name);

  test('R26: more than intended is put down, less is held until resume; who did it is named', async ({ expect }) => {
    const app = await world.app('by-hand');
    await app.roll('v2', PAUSED);
    await app.reaches(({ phase }) => phase === 'Paused', 'the pause');
    await write('by-hand', { v1: 0, v2: 100 }, 'kubectl-edit');
    const down = await app.reaches(({ drift }) => drift?.times?.length === 1, 'the weights to be put down');
    expect(down.drift?.by).toBe('kubectl-edit');
    expect(await app.weights()).toEqual({ v1: 50, v2: 50 });
    await write('by-hand', { v1: 100, v2: 0 }, 'kubectl-edit');
    const held = await app.reaches(({ waitingFor }) => waitingFor?.what === 'drift', 'it to be held');
    expect(held.message).toMatch(/kubectl-edit changed the weights \(by-hand\/forecast sends 0%\).*resume puts them back/);
    await app.ask({ verb: 'resume' });
    await app.reaches(({ phase }) => phase === 'Paused', 'the pause again');
    expect(await app.weights()).toEqual({ v1: 50, v2: 50 });
  });

  test('R26: Argo CD re-applies the old file after the promotion: undone five times, then held', async ({ expect }) => {
    const app = await world.app('reapplied');
    await app.roll('v2');
    await app.reaches(({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v2', 'v2 to be stable');
    for (let time = 1; time <= 5; time++) {
      await write('reapplied', { v1: 100 }, ARGO);
      const restored = await app.reaches(({ drift }) => drift?.restored?.length === time, `it to be undone ${time} times`);
      expect(restored.phase).toBe('Healthy');
      expect(await app.weights()).toMatchObject({ v2: 100 });
    }
    await write('reapplied', { v1: 100 }, ARGO);
    const held = await app.reaches(({ reason }) => reason === 'Drift', 'it to be held');
    expect(held.message).toMatch(/argocd-controller changed the weights of reapplied\/forecast.*RespectIgnoreDifferences=true/);
    expect(await app.weights()).toEqual({ v1: 100 });
  });

  test('R26, R28: Flux re-applies the old file in a step: weight and header route are restored five times, then held', async ({
    expect,
  }) => {
    const app = await world.app('over-a-step');
    await app.roll('v2', HELD_WITH_HEADER);
    await app.reaches(({ phase }) => phase === 'Paused', 'the pause');
    const steered = await routesOf('over-a-step');
    expect(steered.length).toBeGreaterThan(1);
    for (let time = 1; time <= 5; time++) {
      await apply('over-a-step', `over-${time}`, ALL_ON_V1);
      await app.reaches(({ drift }) => drift?.restored?.length === time, `it to be restored ${time} times`);
      expect(await routesOf('over-a-step')).toEqual(steered);
    }
    await apply('over-a-step', 'over-6', ALL_ON_V1);
    const held = await app.reaches(({ reason }) => reason === 'Drift', 'it to be held');
    expect(held.message).toMatch(/kustomize-controller changed the weights.*let Flux leave this VirtualService alone/);
    expect(await routesOf('over-a-step')).toEqual(['primary']);
    await app.ask({ verb: 'resume' });
    await app.reaches(({ phase }) => phase === 'Paused', 'the pause again');
    expect(await routesOf('over-a-step')).toEqual(steered);
  });

  test('R27: a tool that applies its file without spec.http all the time is not noticed, and changes what is its own', async ({
    expect,
  }) => {
    const app = await world.app('beside-us');
    await apply('beside-us', 'before', ALL_ON_V1);
    await app.roll('v2');
    await app.reaches(({ weight }) => weight?.observed === 50, 'the first step');
    const shares = app.follow('v2');
    for (let time = 1; (await app.status())?.phase !== 'Healthy'; time++) await apply('beside-us', `beside-${time}`);
    await apply('beside-us', 'after');
    expect(await shares()).toEqual([50, 100]);
    const { body } = await world.api.get(pathOf('beside-us'));
    expect(body.metadata.labels).toEqual({ commit: 'after' });
    expect((await app.status())?.drift).toBeUndefined();
  });

  /** The DestinationRule as it is in Git, without the new subset. */
  const applyRule = async (namespace: string): Promise<void> => {
    const metadata = { name: 'forecast', namespace };
    const spec = { host: 'forecast', subsets: [{ name: 'v1', labels: { version: 'v1' } }] };
    const file = { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata, spec };
    const { code } = await world.api.patch(`${ruleOf(namespace)}?fieldManager=${FLUX}&force=true`, 'apply', file);
    if (code !== 200) throw new Error(`applying ${ruleOf(namespace)}: ${code}`);
  };
  const subsetsOf = async (namespace: string): Promise<readonly string[]> =>
    (await world.api.get(ruleOf(namespace))).body.spec.subsets.map(({ name }: { name: string }) => name);

  test('R27: Flux re-applies a DestinationRule without the new subset: it is put back in a step and after it', async ({
    expect,
  }) => {
    const app = await world.app('rule-too');
    await app.roll('v2', PAUSED);
    const { revision } = await app.reaches(({ phase }) => phase === 'Paused', 'the pause');
    await applyRule('rule-too');
    await app.reaches(({ drift }) => drift?.restored?.length === 1, 'the subset to be put back in the step');
    expect(await subsetsOf('rule-too')).toEqual(['v1', 'v2']);
    expect(await app.weights()).toEqual({ v1: 50, v2: 50 });
    await app.ask({ verb: 'promote', revision, step: 1 });
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    await applyRule('rule-too');
    const restored = await app.reaches(({ drift }) => drift?.restored?.length === 2, 'the subset to be put back at rest');
    expect(restored.message).toMatch(/took the subset for v2 out of DestinationRule rule-too\/forecast/);
    expect(await subsetsOf('rule-too')).toEqual(['v1', 'v2']);
  });

  test.for([
    ['rule-first', [applyRule, (namespace: string) => apply(namespace, 'both', ALL_ON_V1)]],
    ['routes-first', [(namespace: string) => apply(namespace, 'both', ALL_ON_V1), applyRule]],
  ] as const)(
    'R13, R26: Flux re-applies both files, %s: the subset comes back, and then the weights',
    async ([name, files], { expect }) => {
      const app = await world.app(name);
      await app.roll('v2', HELD_WITH_HEADER);
      const { revision } = await app.reaches(({ phase }) => phase === 'Paused', 'the pause');
      const meshOf = async () => [await subsetsOf(name), (await world.api.get(pathOf(name))).body.spec.http];
      const comesBack = async (wanted: unknown) =>
        until(async () => (isDeepStrictEqual(await meshOf(), wanted) ? true : undefined), `both to be back in ${name}`);
      const inStep = await meshOf();
      for (const file of files) await file(name);
      await comesBack(inStep);
      await app.reaches(({ phase }) => phase === 'Paused', 'the pause again');
      await app.ask({ verb: 'promote', revision, step: 1 });
      await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
      expect(await app.weights()).toMatchObject({ v2: 100 });
      for (const file of files) await file(name);
      const isBack = async () => (await app.weights())['v2'] === 100 && (await subsetsOf(name)).includes('v2');
      await until(async () => ((await isBack()) ? true : undefined), `v2 and its subset to be back in ${name}`);
    },
  );
});
