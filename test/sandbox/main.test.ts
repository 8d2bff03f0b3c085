import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { send, until } from './client.ts';

describe('the sandbox as a program', () => {
  let folder = '';
  const started: ChildProcess[] = [];

  const run = (...args: string[]) => {
    const child = spawn(process.execPath, [join(folder, 'sandbox.mjs'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    started.push(child);
    const output = { out: '', err: '' };
    child.stdout.on('data', chunk => {
      output.out += String(chunk);
    });
    child.stderr.on('data', chunk => {
      output.err += String(chunk);
    });
    return { child, output };
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sandbox-test-'));
    const require =
      "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);";
    await build({
      entryPoints: ['src/sandbox/main.ts'],
      outfile: join(folder, 'sandbox.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'silent',
      banner: { js: require },
    });
  });
  afterAll(async () => {
    for (const child of started) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  it('says where everything is in one JSON line, and ends on SIGTERM', async () => {
    const kubeconfig = join(folder, 'kubeconfig');
    const { child, output } = run('--json', '--kubeconfig', kubeconfig, '--rate', '20');
    const ready = JSON.parse(await until(() => output.out.split('\n').find(line => line.startsWith('{')), 'the ready line'));
    expect(ready).toMatchObject({ event: 'ready', kubeconfig, pid: child.pid });
    expect(Object.keys(ready)).toEqual(
      expect.arrayContaining(['api', 'gateway', 'app', 'prometheus', 'zipkin', 'control', 'chat']),
    );
    expect(await readFile(kubeconfig, 'utf8')).toContain('certificate-authority-data');
    expect((await send(ready.app, { headers: { accept: 'text/html' } })).body).toContain('Weather Forecast');
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
  });

  it('names a port that is taken', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const address = blocker.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const { child, output } = run('--port-base', String(port));
    const [code] = await once(child, 'exit');
    blocker.close();
    expect(code).toBe(1);
    expect(output.err).toContain(`starting the Kubernetes API on 127.0.0.1:${port}: the port is in use`);
  });

  it('refuses an unknown scenario', async () => {
    const { child, output } = run('--scenario', 'storm');
    expect((await once(child, 'exit'))[0]).toBe(2);
    expect(output.err).toContain('Allowed choices are weather, empty');
  });
});
