import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBareRepository } from '../adapters/git/bareRepository.ts';
import { startGitServer } from '../adapters/git/gitServer.ts';
import { type GitWorld, gitContract } from './git.contract.ts';
import { startGitProxy } from './gitProxy.ts';

const openFolder = () => mkdtemp(join(tmpdir(), 'sluice-git-world-'));

gitContract('a folder of this machine', 'local', async (): Promise<GitWorld> => {
  const root = await openFolder();
  return {
    create: async name => {
      const url = join(root, `${name}.git`);
      return { team: await createBareRepository(url), url };
    },
    close: () => rm(root, { recursive: true, force: true }),
  };
});

gitContract('smart HTTP', 'http', async (): Promise<GitWorld> => {
  const root = await openFolder();
  const server = await startGitServer(root);
  const proxy = await startGitProxy(server.origin);
  return {
    create: async name => ({ team: await createBareRepository(join(root, `${name}.git`)), url: `${proxy.origin}/${name}.git` }),
    proxy,
    close: async () => {
      await proxy.close();
      await server.close();
      await rm(root, { recursive: true, force: true });
    },
  };
});
