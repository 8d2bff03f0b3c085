import { mkdirSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type BareRepository, createBareRepository } from '../../adapters/git/bareRepository.ts';
import { type GitServer, startGitServer } from '../../adapters/git/gitServer.ts';
import { type GitProxy, startGitProxy } from '../../contracts/gitProxy.ts';
import { rollout, workloadOf } from '../app.ts';
import { type App, openWorld, type World } from '../world.ts';

/** In requests per second; the gates want ten in a pause. */
const RATE = 12;
const NOT_READ = 'Git cannot be read; nothing is changed';
/** The connection that is open may break before the next one is refused. */
const MOST_NEWS = 2;
/** One that goes back has no other way out of its step. */
const specOf = (fails: boolean) => ({
  strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: fails ? '10m' : '2s' } }] } },
});

/** How a Git server goes away, and comes back. `says`: what the log may say of it. */
type Outage = {
  readonly begin: (cell: Cell) => Promise<unknown>;
  readonly end: (cell: Cell) => Promise<unknown>;
  readonly says: RegExp;
};

/** A Rollout that comes from a repository of its own. */
type Cell = {
  readonly app: App;
  readonly repository: BareRepository;
  readonly file: (version: string) => Record<string, string>;
  proxy: GitProxy;
  readonly hanging: ServerResponse[];
};

const refuse: Outage = {
  begin: ({ proxy }) => proxy.close(),
  end: async cell => {
    cell.proxy = await startGitProxy(server.origin, Number(new URL(cell.proxy.origin).port));
  },
  says: /the connection was refused|the connection broke/,
};
const hang: Outage = {
  begin: async ({ proxy, hanging }) => {
    proxy.interfere = (_, response) => {
      hanging.push(response);
      return true;
    };
  },
  end: async ({ proxy, hanging }) => {
    proxy.interfere = undefined;
    for (const response of hanging) response.destroy();
  },
  // silence is said after 30 s
  says: /no answer for/,
};
const nonsense: Outage = {
  begin: async ({ proxy }) => {
    proxy.interfere = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>It works!</html>');
      return true;
    };
  },
  end: async ({ proxy }) => {
    proxy.interfere = undefined;
  },
  says: /the answer is not Git/,
};

/** `fails`: the new version is bad, and has to go back without Git. */
const ROWS = [
  { name: 'refused', outage: refuse, fails: false },
  { name: 'hangs', outage: hang, fails: false },
  { name: 'nonsense', outage: nonsense, fails: false },
  { name: 'falls', outage: hang, fails: true },
] as const;

let server: GitServer;

describe('while Git is away in the middle of a rollout', () => {
  let world: World;
  let controller: Awaited<ReturnType<World['controller']>>;
  const cells = new Map<string, Cell>();

  beforeAll(async () => {
    world = await openWorld();
    const root = join(world.folder, 'repositories');
    mkdirSync(root);
    server = await startGitServer(root);
    const open = async ({ name, fails }: (typeof ROWS)[number]): Promise<object> => {
      const repository = await createBareRepository(join(root, `${name}.git`));
      const file = (version: string) => ({ 'forecast.yaml': stringify(rollout(name, version, specOf(fails))) });
      await repository.commit(file('v1'));
      const app = await world.app(name, { versions: ['v1', 'v2', 'v3'], rate: RATE });
      const proxy = await startGitProxy(server.origin);
      cells.set(name, { app, repository, file, proxy, hanging: [] });
      return { name, url: `${proxy.origin}/${name}.git`, namespaces: [name], schedule: '*/1 * * * * *' };
    };
    const sources = await Promise.all(ROWS.map(open));
    controller = await world.controller({ config: { sources } });
    await Promise.all([...cells.values()].map(({ app }) => app.reaches(({ phase }) => phase === 'Healthy', 'adoption')));
  });
  afterAll(async () => {
    await world.close();
    await Promise.all([...cells.values()].map(({ proxy }) => proxy.close()));
    await server.close();
  });

  it.concurrent.each(ROWS)('R23, R32: $name: the rollout goes its way, and Git is read again afterwards', async row => {
    const { name, outage, fails } = row;
    const cell = cells.get(name);
    if (cell === undefined) throw new Error(`there is no cell ${name}`);
    const { app, repository, file } = cell;
    const path = `/apis/sluice.dev/v1alpha1/namespaces/${name}/rollouts/forecast`;
    await repository.commit(file('v2'));
    await app.reaches(({ traffic }) => traffic?.weight === 50, 'half of the traffic');
    const before = (await world.api.get(path)).body;
    await outage.begin(cell);
    const unseen = await repository.commit(file('v3'));
    if (fails) world.sandbox.control.setFault(workloadOf(name, 'v2'), { errorRate: 0.6 });

    const done = await app.reaches(
      ({ phase, stableVersion }) => (fails ? phase === 'RolledBack' : phase === 'Healthy' && stableVersion === 'v2'),
      fails ? 'the way back' : 'v2 to be stable',
    );
    expect(done.reason).toBe(fails ? 'GateFailed' : 'Promoted');
    const after = (await world.api.get(path)).body;
    expect(after.spec).toEqual(before.spec);
    expect(after.metadata.annotations).toEqual(before.metadata.annotations);
    const said = controller.log.filter(({ msg, source }) => msg === NOT_READ && source === name);
    expect(said.filter(({ reason }) => !outage.says.test(String(reason)))).toEqual([]);
    expect(said.length).toBeLessThanOrEqual(MOST_NEWS);

    await outage.end(cell);
    const next = await app.reaches(({ canaryVersion }) => canaryVersion === 'v3', 'v3 to begin');
    expect(next.source?.revision).toContain(unseen);
  });
});
