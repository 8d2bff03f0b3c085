import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Running, run, start } from './running.ts';
import { openWorld, type World } from './world.ts';

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/sluice-system/leases/sluice';

describe('the program', () => {
  let world: World;
  const led: Running[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'sluice-process-'));
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('R31: the second of two controllers waits; on SIGTERM the first releases the lease, ends with 0, and the other takes over', async () => {
    const app = await world.app('lease', { rate: 5 });
    const leading = { args: ['--leader-elect', 'true'] };
    // another attempt of this test begins without a leader
    await Promise.all(led.splice(0).map(controller => controller.stop()));
    const first = await world.controller(leading);
    led.push(first);
    await app.roll('v1');
    await app.reaches(({ phase }) => phase === 'Healthy', 'adoption');
    const second = await world.controller(leading);
    led.push(second);
    const metricsOf = async (address: string) => (await fetch(`http://${address}/metrics`)).text();
    expect(await metricsOf(first.address)).toContain('sluice_leader 1');
    expect(await metricsOf(second.address)).toContain('sluice_leader 0');
    const before = (await world.api.get(LEASE)).body.spec.holderIdentity;

    expect(await first.stop()).toEqual({ code: 0, signal: null });
    await expect.poll(async () => metricsOf(second.address)).toContain('sluice_leader 1');
    expect((await world.api.get(LEASE)).body.spec.holderIdentity).not.toBe(before);
    await app.change({ spec: { version: 'v3' } });
    const waiting = await app.reaches(({ phase }) => phase === 'Pending', 'the successor to look');
    expect(waiting.message).toBe('v3 is to replace v1: no pod of v3 exists yet; starts by itself when one is ready');
  });

  it('a port that is taken: exit code 4, a sentence, and nothing is left behind', async () => {
    const running = await world.controller({ namespaces: ['nobody'] });
    const args = ['controller', '--kubeconfig', world.sandbox.kubeconfigPath, '--leader-elect', 'false'];
    const { code, output } = await run([...args, '--listen', running.address], { env: { TMPDIR: folder } });
    expect({ code, output }).toEqual({ code: 4, output: `listening on ${running.address}: the port is in use\n` });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('ends on SIGINT with 0 and takes its folder away', async () => {
    const { kubeconfigPath } = world.sandbox;
    const args = ['controller', '--kubeconfig', kubeconfigPath, '--leader-elect', 'false', '--listen', '127.0.0.1:0'];
    const running = start(args, { env: { TMPDIR: folder } });
    await running.logged(({ msg }) => msg === 'ready');
    running.signal('SIGINT');
    expect(await running.ended).toEqual({ code: 0, signal: null });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('tells its version, and what it can do', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await run(['--version'])).toMatchObject({ code: 0, output: `${version}\n` });
    const help = await run(['--help']);
    expect(help.code).toBe(0);
    for (const command of ['controller', 'sandbox', 'demo', 'validate', 'install'])
      expect(help.output).toMatch(new RegExp(`^ {2}${command}\\b`, 'm'));
  });

  it.each([[['nonsense']], [['controller', '--nonsense']], [['controller', '--log-level', 'loud']]])(
    '%j: exit code 2',
    async args => {
      const { code, output } = await run(args);
      expect(code).toBe(2);
      expect(output).toMatch(/^error: /);
    },
  );
});
