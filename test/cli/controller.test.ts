import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createControllerCommand } from '../../src/cli/controller.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { recordedIo } from './recordedIo.ts';

/** What is wrong is found before anything runs, so the command can be called in this process. */
describe('sluice controller with something wrong', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await startSandbox({ scenario: 'empty' });
  });
  afterAll(async () => {
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const controller = async (...args: readonly string[]) => {
    const { io, said } = recordedIo();
    await createControllerCommand(io)
      .exitOverride()
      .parseAsync(['--listen', '127.0.0.1:0', ...args], { from: 'user' });
    return { code: said.code, err: said.err };
  };

  it('a configuration that does not exist: exit code 2', async () => {
    const path = join(folder, 'nowhere.yaml');
    expect(await controller('--config', path)).toEqual({
      code: 2,
      err: `reading configuration ${path}: 1 problem\n${path}: cannot be read (ENOENT)\n`,
    });
  });

  it('an invalid configuration: exit code 2 with every problem and its place', async () => {
    const path = write(
      'bad.yaml',
      'providers:\n  prometheus: { default: { url: nonsense } }\nwatchNamespace: [a]\nleaderElection: { enabled: maybe }\n',
    );
    const { code, err } = await controller('--config', path);
    expect(code).toBe(2);
    const [first, ...problems] = err.trim().split('\n');
    expect(first).toBe(`reading configuration ${path}: 3 problems`);
    expect(problems.map(problem => problem.slice(path.length + 1).replace(/:\d+: .*/, ''))).toEqual(['2', '3', '4']);
    expect(err).toContain('did you mean `watchNamespaces`?');
  });

  it('an address that is none: exit code 2', async () => {
    expect(await controller('--listen', 'everywhere')).toEqual({
      code: 2,
      err: '--listen is everywhere, expected host:port, such as 127.0.0.1:8080\n',
    });
  });

  it.each([
    ['that does not exist', () => join(folder, 'no-kubeconfig')],
    ['that is none', () => write('kubeconfig', 'clusters: {')],
  ])('a kubeconfig %s: exit code 4, and its name', async (_, path) => {
    const { code, err } = await controller('--kubeconfig', path());
    expect(code).toBe(4);
    expect(err).toContain(path());
  });

  it('an API server that cannot be reached: exit code 4, and its address', async () => {
    const gone = 'https://127.0.0.1:9';
    const path = write('gone', sandbox.kubeconfig.replace(sandbox.urls.api.replace('http:', 'https:'), gone));
    const { code, err } = await controller('--kubeconfig', path);
    expect(code).toBe(4);
    expect(err).toContain(gone);
  });

  it('no CRD: exit code 4, and how to install it', async () => {
    expect(await controller('--kubeconfig', sandbox.kubeconfigPath)).toEqual({
      code: 4,
      err: 'The CustomResourceDefinition rollouts.sluice.dev (v1alpha1) is not installed: run `sluice install | kubectl apply -f -`.\n',
    });
  });
});
