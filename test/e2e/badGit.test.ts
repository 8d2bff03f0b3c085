import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BareRepository, createBareRepository, type Files } from '../adapters/git/bareRepository.ts';
import { type GitServer, type Intercept, startGitServer } from '../adapters/git/gitServer.ts';
import { rolloutFile } from './badFiles.ts';
import type { Running } from './running.ts';
import { expectSays, nextLine, type Says, snapshot } from './snapshot.ts';
import { type App, adopted, openWorld, type World } from './world.ts';

const PASSWORD = 'Gr33n-T0psecret';
const NOT_READ = 'Git cannot be read; nothing is changed';
const rollouts = (interval: string): Files => ({ 'rollouts/one.yaml': rolloutFile('git', 'v1', interval) });

const answers =
  (status: number, type: string, body: string): Intercept =>
  (_, response) => {
    response.writeHead(status, { 'content-type': type });
    response.end(body);
  };

/** Something that is wrong with Git, and how it is mended. */
type Trouble = {
  readonly what: string;
  readonly does: (repository: BareRepository, git: GitServer) => unknown;
  readonly says: Says;
};

const TROUBLES: readonly Trouble[] = [
  {
    what: 'unreachable',
    does: (_, git) => {
      git.intercept = request => void request.socket.destroy();
    },
    says: [/connection|closed|reset|hang up|broke/i],
  },
  {
    what: 'overloaded',
    does: (_, git) => {
      git.intercept = answers(503, 'text/plain', 'later');
    },
    says: ['the server cannot answer now (503)'],
  },
  {
    what: 'wrong credentials',
    does: (_, git) => {
      git.intercept = answers(401, 'text/plain', 'who are you?');
    },
    says: ['the server does not accept the credentials (401); check auth of this source'],
  },
  {
    what: 'an HTML login page',
    does: (_, git) => {
      git.intercept = answers(200, 'text/html', `<html>Log in, not with ${PASSWORD}</html>`);
    },
    says: ['the answer is not Git but something else, such as a web page; check the url'],
  },
  {
    what: 'branch deleted',
    does: repository => repository.remove(),
    says: ['there is no such branch; make it with a first commit or correct branch'],
  },
  {
    what: 'path gone',
    does: repository => repository.commit({ 'elsewhere/one.yaml': rolloutFile('git', 'v1') }),
    says: ["there is no path 'rollouts' in the branch; make it or correct path"],
  },
  {
    what: 'empty path',
    does: repository => repository.commit({ 'rollouts/README.md': 'nothing here yet' }),
    says: ["there is no *.yaml or *.yml file below 'rollouts'; add one or correct path"],
  },
];

describe('a Git repository that cannot be used', () => {
  let world: World;
  let app: App;
  let repository: BareRepository;
  let git: GitServer;
  let controller: Running;
  const interval = async () =>
    (await world.api.get('/apis/sluice.dev/v1alpha1/namespaces/git/rollouts/forecast')).body.spec.analysis.interval;

  beforeAll(async () => {
    world = await openWorld();
    app = await world.app('git', { rate: 1 });
    const root = join(world.folder, 'repositories');
    mkdirSync(root);
    repository = await createBareRepository(join(root, 'fleet.git'));
    await repository.commit(rollouts('1s'));
    git = await startGitServer(root);
    const passwordFile = join(world.folder, 'password');
    await writeFile(passwordFile, PASSWORD);
    const at = { url: `${git.origin}/fleet.git`, path: 'rollouts', namespaces: ['git'], schedule: '*/1 * * * * *' };
    const auth = { passwordFile };
    const sources = [
      { ...at, name: 'fleet', auth },
      { ...at, name: 'release', branch: 'release', namespaces: ['release'], auth },
    ];
    controller = await world.controller({ config: { sources } });
    await adopted(app);
  });
  afterAll(async () => {
    await world.close();
    await git.close();
    expect(controller.output()).not.toContain(PASSWORD);
  });

  it.each(TROUBLES)('R32: $what: the log says where and what to do, nothing changes; it goes on by itself', async trouble => {
    const before = await snapshot(world);
    const said = nextLine(controller, ({ msg, source }) => msg === NOT_READ && source === 'fleet');
    await trouble.does(repository, git);
    const { reason } = await said;
    const meanwhile = await snapshot(world);
    const again = nextLine(controller, ({ msg, source }) => msg === 'Git can be read again' && source === 'fleet');
    git.intercept = undefined;
    const next = `${2 + TROUBLES.indexOf(trouble)}s`;
    await repository.commit(rollouts(next));
    await again;
    expectSays(String(reason), [/^(polling|reading) branch 'main' of /, `${git.origin}/fleet.git: `, ...trouble.says]);
    expect(meanwhile).toEqual(before);
    await expect.poll(interval).toBe(next);
  });

  it('R32: missing branch: the log names it; it is read as soon as it is there', async () => {
    const { reason } = await controller.logged(({ msg, source }) => msg === NOT_READ && source === 'release');
    expect(reason).toBe(
      `polling branch 'release' of ${git.origin}/fleet.git: there is no such branch; make it with a first commit or correct branch`,
    );
    const again = nextLine(controller, ({ msg, source }) => msg === 'Git can be read again' && source === 'release');
    await repository.commit({ 'rollouts/other.yaml': rolloutFile('git', 'v1') }, 'release');
    await again;
    const refused = await controller.logged(({ msg, source }) => msg === 'not applied' && source === 'release');
    expectSays(String(refused['message']), ['the source may not write to namespace git; it may write to release']);
  });

  it('R32: rewritten history: the new commit is what counts, and nothing is lost', async () => {
    const from = controller.log.length;
    const { uid } = (await world.api.get('/apis/sluice.dev/v1alpha1/namespaces/git/rollouts/forecast')).body.metadata;
    await repository.rewrite(rollouts('20s'));
    await expect.poll(interval).toBe('20s');
    const after = (await world.api.get('/apis/sluice.dev/v1alpha1/namespaces/git/rollouts/forecast')).body.metadata;
    expect(after.uid).toBe(uid);
    expect(controller.log.slice(from).filter(({ level }) => level >= 40)).toEqual([]);
  });
});
