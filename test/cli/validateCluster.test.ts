import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { createValidateCommand } from '../../src/cli/validate.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { appObjects } from '../e2e/app.ts';
import { kubeconfigFor, startRefusingProxy } from '../e2e/refusingProxy.ts';
import { type ApiClient, apiClient, until } from '../sandbox/client.ts';
import { recordedIo } from './recordedIo.ts';

const SUBSETS_OF_V2 = '/apis/networking.istio.io/v1/namespaces/shop/destinationrules/forecast';
const VIRTUAL_SERVICE = '/apis/networking.istio.io/v1/namespaces/shop/virtualservices/forecast';

/** Without a CustomResourceDefinition of Sluice. */
describe('sluice validate --cluster', () => {
  let sandbox: Sandbox;
  let api: ApiClient;
  let folder = '';

  beforeAll(async () => {
    sandbox = await startSandbox({ scenario: 'empty' });
    api = apiClient(sandbox);
    folder = await mkdtemp(join(tmpdir(), 'sluice-validate-'));
    for (const { path, body } of appObjects('shop', { subsets: ['v1', 'v2'] })) await api.post(path, body);
    await until(async () => {
      const { items } = (await api.get('/apis/apps/v1/namespaces/shop/deployments')).body;
      return items.every(({ status }: { status?: { readyReplicas?: number } }) => status?.readyReplicas === 1) || undefined;
    }, 'the pods');
  });
  afterAll(async () => {
    await sandbox.close();
    await rm(folder, { recursive: true, force: true });
  });

  const rolloutFile = (name: string, namespace?: string, spec: object = {}): string =>
    stringify({
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'Rollout',
      metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
      spec: { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50, pause: {} }] } }, ...spec },
    });

  const validate = async (text: string, ...args: readonly string[]) => {
    const file = join(folder, 'a.yaml');
    await writeFile(file, text);
    const { io, said } = recordedIo();
    const kubeconfig = args.includes('--kubeconfig') ? [] : ['--kubeconfig', sandbox.kubeconfigPath];
    await createValidateCommand(io).parseAsync(['--cluster', ...kubeconfig, ...args, file], { from: 'user' });
    return { ...said, out: said.out.replaceAll(`${folder}/`, ''), err: said.err };
  };

  it('R13: finds nothing where all is well, in the namespace that is asked for', async () => {
    const expected = { out: 'a.yaml: 1 rollout, no problems\n', err: '', code: 0 };
    expect(await validate(rolloutFile('forecast', 'shop'))).toEqual(expected);
    expect(await validate(rolloutFile('forecast'), '-n', 'shop')).toEqual(expected);
  });

  it('R13, R36: exit code 1: an error, with place, object, sentence and code; it is gone when it is mended', async () => {
    const labels = (more: object) => ({
      spec: {
        subsets: [
          { name: 'v1', labels: { version: 'v1' } },
          { name: 'v2', labels: { version: 'v2', ...more } },
        ],
      },
    });
    await api.patch(SUBSETS_OF_V2, 'merge', labels({ track: 'new' }));
    const { out, code } = await validate(rolloutFile('forecast', 'shop'));
    expect(out).toBe(
      'a.yaml:7:3: error: DestinationRule shop/forecast: subset v2 selects none of the 1 ready pods of v2, so its share would get 503 (UH); ' +
        'let its labels (version=v2, track=new) be those of the pods (SubsetWithoutPods)\na.yaml: 1 rollout, 1 error\n',
    );
    expect(code).toBe(1);
    await api.patch(SUBSETS_OF_V2, 'merge', labels({}));
    expect((await validate(rolloutFile('forecast', 'shop'))).code).toBe(0);
  });

  it('R13: exit code 0 with warnings; -o json has all parts', async () => {
    const { spec } = (await api.get(VIRTUAL_SERVICE)).body;
    await api.patch(VIRTUAL_SERVICE, 'merge', { spec: { gateways: ['mesh', 'gateway', 'gone'] } });
    const { out, code } = await validate(rolloutFile('forecast', 'shop'), '-o', 'json');
    await api.patch(VIRTUAL_SERVICE, 'merge', { spec });
    expect(JSON.parse(out)).toEqual({
      valid: true,
      files: [{ file: 'a.yaml', found: 1, ignored: 0, rollouts: ['shop/forecast'] }],
      problems: [],
      findings: [
        {
          file: 'a.yaml',
          line: 7,
          column: 3,
          rollout: 'shop/forecast',
          code: 'GatewayWithoutHost',
          severity: 'warning',
          object: 'VirtualService shop/forecast',
          message: expect.stringContaining('Gateway shop/gone does not exist'),
        },
      ],
    });
    expect(code).toBe(0);
  });

  it('exit code 1: what the Rollout would wait for', async () => {
    const { out, code } = await validate(rolloutFile('baskets', 'shop'));
    expect(out).toContain(
      'a.yaml:7:3: error: Rollout shop/baskets: no VirtualService routes to baskets.shop.svc.cluster.local: create VirtualService shop/baskets',
    );
    expect(out).toContain('(WaitingForMesh)\na.yaml: 1 rollout, 1 error\n');
    expect(code).toBe(1);
  });

  it('does without rights outside the namespace, and without kinds that may not be listed', async () => {
    const proxy = await startRefusingProxy(sandbox, folder);
    proxy.lacks = ({ namespace, resource }) => namespace !== 'shop' || resource === 'gateways';
    const done = await validate(rolloutFile('forecast', 'shop'), '--kubeconfig', proxy.kubeconfigPath);
    const refused = await validate(rolloutFile('forecast', 'weather'), '--kubeconfig', proxy.kubeconfigPath);
    await proxy.close();
    expect(done).toEqual({ out: 'a.yaml: 1 rollout, no problems\n', err: '', code: 0 });
    expect(refused).toMatchObject({ out: '', code: 4 });
    expect(refused.err).toMatch(/^listing \w+ in weather: not allowed to list /);
  });

  it('exit code 4: the cluster does not answer, with its address; or has no Istio', async () => {
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await new Promise(resolve => server.close(resolve));
    await writeFile(join(folder, 'gone'), kubeconfigFor(sandbox.kubeconfig, address));
    const { err, code } = await validate(rolloutFile('forecast', 'shop'), '--kubeconfig', join(folder, 'gone'));
    expect(err).toContain(`${address} does not answer`);
    expect(code).toBe(4);

    const proxy = await startRefusingProxy(sandbox, folder);
    proxy.absent = ['networking.istio.io'];
    const without = await validate(rolloutFile('forecast', 'shop'), '--kubeconfig', proxy.kubeconfigPath);
    await proxy.close();
    expect(without.err).toMatch(/^looking for Istio: http\S+ serves no VirtualServices$/m);
    expect(without.code).toBe(4);
  });

  it('exit code 2: options of the cluster without --cluster', async () => {
    const { io, said } = recordedIo();
    await createValidateCommand(io).parseAsync(['-n', 'shop', 'a.yaml'], { from: 'user' });
    expect(said).toEqual({ out: '', err: '--kubeconfig, --context and --namespace belong to --cluster\n', code: 2 });
  });
});
