import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CountingProxy, startCountingProxy } from './countingProxy.ts';
import { start } from './running.ts';
import { type App, openWorld, type World } from './world.ts';

const CONFIG_MAPS = '/api/v1/namespaces/evident/configmaps';

type Listed = { readonly metadata: { readonly name: string }; readonly binaryData?: Readonly<Record<string, string>> };

describe('evidence of the whole program', () => {
  let world: World;
  let proxy: CountingProxy;
  let app: App;
  beforeAll(async () => {
    world = await openWorld();
    proxy = await startCountingProxy(world.sandbox, world.folder);
    app = await world.app('evident', { versions: ['v1', 'v2', 'v3'] });
    const config = { evidence: { configMaps: 1, dir: join(world.folder, 'kept') } };
    await world.controller({ kubeconfigPath: proxy.kubeconfigPath, config });
    await app.roll('v1');
    await app.reaches(({ phase }) => phase === 'Healthy', 'adoption');
  });
  afterAll(async () => {
    await world.close();
    await proxy.close();
  });

  const replay = async (...args: readonly string[]): Promise<{ readonly code: number | null; readonly out: string }> => {
    const program = start(['replay', ...args]);
    const { code } = await program.ended;
    return { code, out: program.output() };
  };
  const configMaps = async (): Promise<readonly Listed[]> => {
    const { items } = (await world.api.get(CONFIG_MAPS)).body as { readonly items: readonly Listed[] };
    return items.filter(({ metadata }) => metadata.name.startsWith('forecast-evidence-'));
  };
  const actionsOf = (keys: readonly string[]): readonly (string | undefined)[] =>
    keys.toSorted().map(key => /-(\w+)\.json\.gz$/.exec(key)?.[1]);

  it('R37, R5: one request for each record; `sluice replay` decides the same from what the API server has', async () => {
    await app.change({ spec: { version: 'v2' } });
    const { history } = await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    await expect
      .poll(async () => actionsOf(Object.keys((await configMaps())[0]?.binaryData ?? {})))
      .toEqual(['started', 'raised', 'raised', 'promoted']);
    expect(proxy.requests.filter(request => request.includes(CONFIG_MAPS))).toEqual([
      `POST ${CONFIG_MAPS}`,
      ...Array(3).fill(`PATCH ${CONFIG_MAPS}/forecast-evidence-1`),
    ]);
    const listed = join(world.folder, 'evidence.json');
    await writeFile(listed, JSON.stringify({ kind: 'ConfigMapList', items: await configMaps() }));
    const { code, out } = await replay(listed);
    expect({ code, different: out.split('\n').filter(line => line !== '' && !line.includes(': same [')) }).toEqual({
      code: 0,
      different: [],
    });
    const evidence = history?.at(-1)?.evidence ?? 'none';
    expect(out).toContain(`promoted (Promoted): same [${evidence.slice(0, 12)}]`);
  });

  it('R37: a rollback leaves its evidence too; the attempt before goes from the cluster, and stays in the folder', async () => {
    await app.change({ spec: { version: 'v3' } });
    await app.reaches(({ traffic, canaryVersion }) => canaryVersion === 'v3' && traffic?.weight === 50, 'v3 to get traffic');
    await app.ask({ verb: 'abort' });
    await app.reaches(({ phase }) => phase === 'RolledBack', 'v3 to be put back');
    await expect
      .poll(async () =>
        (await configMaps()).map(({ metadata, binaryData = {} }) => [metadata.name, ...actionsOf(Object.keys(binaryData))]),
      )
      .toEqual([['forecast-evidence-2', 'started', 'raised', 'lowered', 'rolledBack']]);
    const kept = join(world.folder, 'kept/evident/forecast');
    await expect
      .poll(async () => actionsOf(await readdir(join(kept, '2'))))
      .toEqual(['started', 'raised', 'lowered', 'rolledBack']);
    expect(actionsOf(await readdir(join(kept, '1')))).toEqual(['started', 'raised', 'raised', 'promoted']);
    expect((await replay(kept)).code).toBe(0);
  });
});
