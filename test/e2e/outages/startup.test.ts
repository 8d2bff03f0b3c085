import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OutageMode } from '../../../src/sandbox/outage.ts';
import { run } from '../running.ts';
import { type App, openWorld, type World } from '../world.ts';

/** The exit code that is documented for a cluster that cannot be reached. */
const UNREACHABLE = 4;

type Row = { readonly mode: OutageMode; readonly words: RegExp };

const MODES: readonly Row[] = [
  { mode: 'refuse', words: /https:\/\/127\.0\.0\.1:\d+ does not answer: .*ECONNREFUSED/ },
  { mode: 'hang', words: /https:\/\/127\.0\.0\.1:\d+ does not answer: no answer within 5 s/ },
];

describe('a controller that is started while the API server is away', () => {
  let world: World;
  let app: App;
  beforeAll(async () => {
    world = await openWorld();
    app = await world.app('early', { rate: 4 });
  });
  afterAll(() => world.close());

  it('ends with exit code 4 and says why; started again and again, as Kubernetes does, it works once the server is back', async () => {
    const config = join(world.folder, 'early.json');
    await writeFile(config, '{}');
    const command = ['controller', '--config', config, '--kubeconfig', world.sandbox.kubeconfigPath, '--listen', '127.0.0.1:0'];
    for (const { mode, words } of MODES) {
      await world.sandbox.control.setOutage('api', mode);
      const { code, output } = await run(command);
      expect(code).toBe(UNREACHABLE);
      expect(output).toMatch(words);
      expect(output).not.toMatch(/\n\s+at /);
    }
    await world.sandbox.control.setOutage('api', 'ok');
    await world.controller();
    await app.roll('v1');
    await app.reaches(({ phase }) => phase === 'Healthy', 'adoption');
  });
});
