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

  it('a reason for lifting is wrong usage', async () => {
    expect(await run(...here, '--off', '--reason', 'done')).toMatchObject({ code: 2, err: expect.stringMatching(/--reason/) });
  });

  it('a namespace that does not exist is a no, an API server that does not answer is out of reach', async () => {
    expect(await run('-n', 'nowhere')).toMatchObject({ code: 1, err: expect.stringMatching(/nowhere/) });
    const { io, said } = recordedIo();
    await createFreezeCommand(io).parseAsync(['--kubeconfig', '/does/not/exist'], { from: 'user' });
    expect(said.code).toBe(4);
  });
});
