import { afterAll } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { meshContract } from './mesh.contract.ts';

let sandbox: Sandbox | undefined;

meshContract('the sandbox', async () => {
  sandbox = await startSandbox({ portBase: 0, rate: 0 });
  return sandbox.kubeconfigPath;
});

afterAll(() => sandbox?.close());
