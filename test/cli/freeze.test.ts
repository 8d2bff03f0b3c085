import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFreezeCommand } from '../../src/cli/freeze.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { recordedIo } from './recordedIo.ts';

describe('sluice freeze', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await startSandbox({ portBase: 0, rate: 0, scenario: 'empty' });
  });
  afterAll(() => sandbox.close());

  const run = async (...args: readonly string[]) => {
    const { io, said } = recordedIo({ USER: 'ann' });
    await createFreezeCommand(io).parseAsync(['--kubeconfig', sandbox.kubeconfigPath, ...args], { from: 'user' });
    return said;
  };
  const here = ['-n', 'default'];

  it('R20: freezes and lifts, and says what it did, also when nothing changed', async () => {
    expect(await run(...here, '--off')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^nothing changed: .* was not frozen/),
    });
    const frozen = await run(...here, '--reason', 'release of the shop');
    expect(frozen).toMatchObject({ code: 0, out: expect.stringMatching(/^frozen: nothing .* in default moves forward/) });
    expect(await run(...here)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^nothing changed: .* frozen already, since 20\S+Z by ann: release of the shop/),
    });
    expect(await run(...here, '--off')).toMatchObject({ code: 0, out: expect.stringMatching(/^not frozen any more: .*by ann/) });
  });

  it('R20: tells whether it is frozen, and changes nothing', async () => {
    const say = async (...args: readonly string[]) => JSON.parse((await run(...here, ...args, '-o', 'json')).out);
    expect(await run(...here, '--status')).toMatchObject({ code: 0, out: 'the installation in default is not frozen\n' });
    expect(await say('--reason', 'a fair')).toMatchObject({ namespace: 'default', frozen: true, changed: true });
    const stands = { frozen: true, changed: false, freeze: { by: 'ann', reason: 'a fair' } };
    expect(await say('--status')).toMatchObject(stands);
    expect(await say()).toMatchObject(stands);
    expect((await run(...here, '--status')).out).toMatch(
      /^the installation in default is frozen since .* by ann: a fair; sluice/,
    );
    expect((await run(...here, '--off', '-o', 'yaml')).out).toBe('namespace: default\nfrozen: false\nchanged: true\n');
  });

  it('a reason for lifting is wrong usage', async () => {
    expect(await run(...here, '--off', '--reason', 'done')).toMatchObject({ code: 2, err: expect.stringMatching(/--reason/) });
    expect(await run(...here, '--off', '--status')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/expected one of them/),
    });
  });

  it('a namespace that does not exist is a no, an API server that does not answer is out of reach', async () => {
    expect(await run('-n', 'nowhere')).toMatchObject({ code: 1, err: expect.stringMatching(/nowhere/) });
    const { io, said } = recordedIo();
    await createFreezeCommand(io).parseAsync(['--kubeconfig', '/does/not/exist'], { from: 'user' });
    expect(said.code).toBe(4);
  });

  it('without the right it is a no, and says which rights a person needs', async () => {
    const message = 'configmaps is forbidden: User "ann" cannot create resource "configmaps"';
    const server = createServer((_, response) => {
      response.writeHead(403, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', code: 403, message }),
      );
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const folder = await mkdtemp(join(tmpdir(), 'sluice-freeze-'));
    const file = join(folder, 'kubeconfig');
    const { port } = server.address() as AddressInfo;
    const entry = { name: 'a', cluster: { server: `http://127.0.0.1:${port}` }, user: {}, context: { cluster: 'a', user: 'a' } };
    const kubeconfig = { clusters: [entry], users: [entry], contexts: [entry], 'current-context': 'a' };
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...kubeconfig }));
    const { io, said } = recordedIo();
    await createFreezeCommand(io).parseAsync(['--kubeconfig', file, ...here], { from: 'user' });
    expect(said).toMatchObject({ code: 1, err: expect.stringContaining('not allowed to create configmaps') });
    expect(said.err).toContain('who freezes needs get, create and delete on configmaps in default');
    server.close();
    await rm(folder, { recursive: true });
  });
});
