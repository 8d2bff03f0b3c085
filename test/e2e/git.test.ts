import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { createBareRepository } from '../adapters/git/bareRepository.ts';
import { type GitServer, startGitServer } from '../adapters/git/gitServer.ts';
import { until } from '../sandbox/client.ts';
import { rollout } from './app.ts';
import { openWorld, type World } from './world.ts';

const file = (namespace: string, version: string) => stringify(rollout(namespace, version));

describe('rollouts from Git', () => {
  let world: World;
  let server: GitServer;
  let commit: (files: Readonly<Record<string, string>>) => Promise<string>;
  beforeAll(async () => {
    world = await openWorld();
    const root = join(world.folder, 'repositories');
    mkdirSync(root);
    commit = (await createBareRepository(join(root, 'fleet.git'))).commit;
    server = await startGitServer(root);
  });
  afterAll(async () => {
    await world.close();
    await server.close();
  });

  it('R32: a bad file is named with its line and stops nobody else; an unreachable repository changes nothing', async () => {
    const [one, two] = [await world.app('one'), await world.app('two')];
    await commit({ 'one.yaml': file('one', 'v1'), 'two.yaml': file('two', 'v1') });
    const source = { name: 'fleet', url: `${server.origin}/fleet.git`, namespaces: ['one', 'two'], schedule: '*/1 * * * * *' };
    const controller = await world.controller({ config: { sources: [source] } });
    for (const app of [one, two]) await app.reaches(({ phase }) => phase === 'Healthy', 'adoption');

    const oid = await commit({
      'one.yaml': file('one', 'v2'),
      'two.yaml': file('two', 'v2').replace('setWeight: 50', 'setWeight: half'),
    });
    const bad = await controller.logged(({ msg }) => msg === 'not applied');
    expect(bad).toMatchObject({ file: 'two.yaml', line: 11, message: expect.stringContaining('expected a whole number') });
    const done = await one.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(done.source).toMatchObject({ name: 'fleet', revision: expect.stringContaining(oid) });
    expect(await two.status()).toMatchObject({ phase: 'Healthy', stableVersion: 'v1' });
    expect(await two.events()).toContainEqual(
      expect.objectContaining({
        reason: 'SourceProblem',
        type: 'Warning',
        message: expect.stringContaining('source fleet: two.yaml:11: '),
      }),
    );

    const before = [await one.status(), await two.status()];
    await server.close();
    await controller.logged(({ source: name, level, msg }) => name === 'fleet' && level >= 40 && msg !== 'not applied');
    expect([await one.status(), await two.status()]).toEqual(before);
    const { body } = await world.api.get('/apis/sluice.dev/v1alpha1/rollouts');
    expect(body.items).toHaveLength(2);
  });

  it('R33: what others change is put back at once; what leaves Git in progress goes back to stable first', async () => {
    const root = join(world.folder, 'repositories');
    const git = await startGitServer(root);
    const { commit: commitTo } = await createBareRepository(join(root, 'three.git'));
    const three = await world.app('three');
    const steps = { strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '10m' } }] } } };

    const other = { 'other.yaml': file('three', 'v1').replace('name: forecast', 'name: other') };
    await commitTo({ 'three.yaml': stringify(rollout('three', 'v1', steps)), ...other });
    const source = { name: 'three', url: `${git.origin}/three.git`, namespaces: ['three'], schedule: '*/1 * * * * *' };
    const controller = await world.controller({ namespaces: ['three'], config: { sources: [source] } });
    await three.reaches(({ phase }) => phase === 'Healthy', 'adoption');

    await three.change({ spec: { version: 'v2' } });
    await controller.logged(({ msg }) => msg === 'changed by somebody else, put back');
    await three.reaches(({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v1', 'v1 again');

    await commitTo({ 'three.yaml': stringify(rollout('three', 'v2', steps)), ...other });
    await three.reaches(({ traffic }) => traffic?.weight === 50, 'half of the traffic');
    await commitTo(other);
    await controller.logged(({ msg, rollout: key }) => msg === 'gone from Git, Rollout deleted' && key === 'three/forecast');
    await until(async () => {
      const { code } = await world.api.get('/apis/sluice.dev/v1alpha1/namespaces/three/rollouts/forecast');
      return code === 404 ? true : undefined;
    }, 'the Rollout to be gone');
    expect(await three.weights()).toMatchObject({ v1: 100 });
    await controller.stop();
    await git.close();
  });
});
