import { afterAll } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { evidenceContract } from '../../contracts/evidence.contract.ts';

let sandbox: Sandbox | undefined;

evidenceContract('the sandbox', async () => {
  sandbox = await startSandbox({ portBase: 0, rate: 0 });
  return { admin: sandbox.kubeconfigPath, controller: sandbox.kubeconfigPath };
});

afterAll(() => sandbox?.close());
