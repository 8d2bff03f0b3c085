import { afterAll } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { reflectorContract } from './reflector.contract.ts';

let sandbox: Sandbox | undefined;

reflectorContract('the sandbox', async () => {
  const started = await startSandbox({ portBase: 0, scenario: 'empty' });
  sandbox = started;
  return { kubeconfigPath: started.kubeconfigPath, forget: started.control.compact };
});

afterAll(() => sandbox?.close());
