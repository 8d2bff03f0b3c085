import { createHmac } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
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

  it('R34: a signed push moves the first weight, a forged one wakes nobody, and many are few looks', async () => {
    const root = join(world.folder, 'repositories');
    const git = await startGitServer(root);
    const { commit: commitTo } = await createBareRepository(join(root, 'four.git'));
    const four = await world.app('four');
    await commitTo({ 'four.yaml': file('four', 'v1') });

    const secretFile = join(world.folder, 'push-secret');
    writeFileSync(secretFile, 'sesame\n');
    const source = {
      name: 'four',
      url: `${git.origin}/four.git`,
      namespaces: ['four'],
      schedule: '0 0 * * * *',
      push: { secretFile },
    };
    const unpushed = { ...source, name: 'other', path: 'nothing', push: undefined };
    const controller = await world.controller({
      namespaces: ['four'],
      config: { sources: [source, unpushed] },
      args: ['--hooks-listen', '127.0.0.1:0'],
    });
    const { hooks } = await controller.logged(({ msg }) => msg === 'ready');
    await four.reaches(({ phase }) => phase === 'Healthy', 'adoption');
    await controller.logged(({ msg, source: name }) => msg.startsWith('Git cannot be read') && name === 'other');

    const body = JSON.stringify({ ref: 'refs/heads/main' });
    const push = async (signature: string | undefined, name = 'four'): Promise<number> => {
      const signed = signature === undefined ? {} : { 'x-hub-signature-256': `sha256=${signature}` };
      const headers = { 'content-type': 'application/json', 'x-github-event': 'push', ...signed };
      const { status } = await fetch(`http://${hooks}/hooks/git/${name}`, { method: 'POST', headers, body });
      return status;
    };
    const signedWith = (secret: string): string => createHmac('sha256', secret).update(body).digest('hex');

    const bob = { author: { name: 'Bob', email: 'bob@example.com' } };
    await commitTo({ 'four.yaml': file('four', 'v2') }, 'main', bob);
    const polls = git.requests.length;
    for (const forged of [undefined, signedWith('guess'), signedWith('')]) expect(await push(forged)).toBe(401);
    for (const name of ['other', 'nobody', '..%2ffour']) expect(await push(signedWith('sesame'), name)).toBe(404);
    expect(git.requests).toHaveLength(polls);

    const pushedAtMs = performance.now();
    expect(await push(signedWith('sesame'))).toBe(202);
    await until(async () => ((await four.weights())['v2'] === 50 ? true : undefined), 'half of the traffic');
    console.info(`from the push to the first weight: ${Math.round(performance.now() - pushedAtMs)} ms`);
    const authors = ['Bob', 'bob@example.com'];
    expect(await four.status()).toMatchObject({ source: { name: 'four', authors } });

    const looks = git.requests.length;
    const many = Array.from({ length: 10 }, async () => {
      for (let sent = 0; sent < 20; sent += 1) await push(signedWith('sesame'));
    });
    const startedAtMs = performance.now();
    await Promise.all(many);
    const mostLooks = 2 + Math.ceil((performance.now() - startedAtMs) / 1_000);
    expect(git.requests.length - looks).toBeLessThanOrEqual(mostLooks);

    writeFileSync(secretFile, '');
    expect(await push(signedWith(''))).toBe(401);
    expect(await push(signedWith('sesame'))).toBe(401);
    expect(controller.log.filter(({ msg }) => msg.startsWith('pushes are refused'))).toHaveLength(1);
    expect(controller.output()).not.toContain('sesame');
    await controller.stop();
    await git.close();
  });
});
