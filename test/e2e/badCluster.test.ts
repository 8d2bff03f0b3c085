import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { apiClient } from '../sandbox/client.ts';
import { rolloutFile } from './badFiles.ts';
import { type Asked, kubeconfigFor, type RefusingProxy, startRefusingProxy } from './refusingProxy.ts';
import { type Running, run, start } from './running.ts';
import { expectSays, nextLine, type Says, snapshot } from './snapshot.ts';
import { type App, created, openWorld, type World } from './world.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const CRD_FILE = resolve(import.meta.dirname, '../../templates/crd/rollouts.sluice.dev.yaml');

const freePort = (): Promise<number> =>
  new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

let world: World;
let proxy: RefusingProxy;
let token: string;
const folder = mkdtempSync(join(tmpdir(), 'sluice-bad-cluster-'));
const running: Running[] = [];
beforeAll(async () => {
  world = await openWorld();
  proxy = await startRefusingProxy(world.sandbox, folder);
  token = world.api.token;
});
afterEach(async () => {
  proxy.lacks = () => false;
  proxy.absent = [];
  for (const each of running.splice(0)) {
    expect(each.output()).not.toContain(token);
    await each.stop();
  }
});
afterAll(async () => {
  await proxy.close();
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

const write = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};

/** Starts a controller that nobody waits for; where it serves health is known before it is ready. */
const controller = async (kubeconfig: string, ...args: readonly string[]) => {
  const address = `127.0.0.1:${await freePort()}`;
  const options = ['--kubeconfig', kubeconfig, '--listen', address, ...(args.length > 0 ? args : ['--leader-elect', 'false'])];
  const started = start(['controller', ...options], { env: { TMPDIR: folder } });
  running.push(started);
  return { ...started, ready: async () => (await fetch(`http://${address}/readyz`)).status };
};

describe('a cluster that cannot be used: exit code 4', () => {
  const withKubeconfig = async (kubeconfig: string) => {
    const args = ['--kubeconfig', kubeconfig, '--listen', '127.0.0.1:0', '--leader-elect', 'false'];
    const ended = await run(['controller', ...args], { env: { TMPDIR: folder } });
    expect(ended.output).not.toContain(token);
    expect(ended.output).not.toMatch(/^\s+at /m);
    return ended;
  };

  it.each<{ what: string; kubeconfig: (text: string) => string | Promise<string>; says: Says }>([
    {
      what: 'a kubeconfig that is no YAML',
      kubeconfig: text => `${text}\nclusters: [`,
      says: ['reading kubeconfig ', /line \d+ is not YAML/],
    },
    {
      what: 'a kubeconfig of something else',
      kubeconfig: () => 'kind: Service\n',
      says: ['expected a kubeconfig with clusters, users and contexts'],
    },
    {
      what: 'a context that does not exist',
      kubeconfig: text => text.replace(/current-context: .*/, 'current-context: elsewhere'),
      says: ['reading kubeconfig ', 'there is no context elsewhere, which current-context names'],
    },
    {
      what: 'a token that the server does not know',
      kubeconfig: text => text.replace(token, 'Gr33n-T0psecret'),
      says: ['getting /apis/sluice.dev/v1alpha1: ', 'the API server does not accept the credentials (401)'],
    },
    {
      what: 'an API server that does not answer',
      kubeconfig: async text => kubeconfigFor(text, `http://127.0.0.1:${await freePort()}`),
      says: [/http:\/\/127\.0\.0\.1:\d+ does not answer: connect ECONNREFUSED/],
    },
  ])('$what', async ({ kubeconfig, says }) => {
    const before = await snapshot(world);
    const path = await write('kubeconfig', await kubeconfig(world.sandbox.kubeconfig));
    const { code, output } = await withKubeconfig(path);
    expectSays(output, says);
    expect(output).not.toContain('Gr33n-T0psecret');
    expect(code).toBe(4);
    expect(await snapshot(world)).toEqual(before);
  });

  it('a web page in the place of the API server', async () => {
    const page = createHttpServer((_, response) => response.end('<html>Please log in</html>'));
    await new Promise<void>(listening => page.listen(0, '127.0.0.1', listening));
    const address = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
    const { code, output } = await withKubeconfig(await write('kubeconfig', kubeconfigFor(world.sandbox.kubeconfig, address)));
    page.close();
    expect({ code, output }).toEqual({
      code: 4,
      output: 'getting /apis/sluice.dev/v1alpha1: expected a JSON object from the API server\n',
    });
  });

  it('without the CRDs of Istio; with them it starts', async () => {
    const before = await snapshot(world);
    proxy.absent = ['networking.istio.io'];
    expect(await withKubeconfig(proxy.kubeconfigPath)).toMatchObject({
      code: 4,
      output:
        'The CustomResourceDefinitions virtualservices.networking.istio.io and destinationrules.networking.istio.io ' +
        '(v1 or v1beta1) are not installed: install Istio in this cluster.\n',
    });
    expect(await snapshot(world)).toEqual(before);
    proxy.absent = [];
    await (await controller(proxy.kubeconfigPath)).logged(({ msg }) => msg === 'ready');
  });

  it('without its own CRD; with it, it starts', async () => {
    const sandbox = await startSandbox({ scenario: 'empty' });
    const { code, output } = await withKubeconfig(sandbox.kubeconfigPath);
    expect(code).toBe(4);
    expectSays(output, ['rollouts.sluice.dev (v1alpha1) is not installed: run `sluice install | kubectl apply -f -`']);
    await created(apiClient(sandbox), CRDS, parse(await readFile(CRD_FILE, 'utf8')));
    const started = await controller(sandbox.kubeconfigPath);
    await started.logged(({ msg }) => msg === 'ready');
    await started.stop();
    await sandbox.close();
  });
});

describe('a right that is missing', () => {
  const lacking =
    (verb: Asked['verb'], resource: string) =>
    (asked: Asked): boolean =>
      asked.verb === verb && asked.resource === resource;
  let rules: readonly { readonly name: string; readonly verb: string; readonly resource: string }[];
  beforeAll(async () => {
    rules = rulesIn((await run(['install'])).output);
  });

  /** The manifest that the message names has the rule that is missing. */
  const expectGranted = (message: string, verb: string, resource: string): void => {
    const name = /see (?:Cluster)?Role (\S+) in `sluice install`/.exec(message)?.[1];
    const plain = resource.replace(/^([^./]+)((?:\/[^.]+)?)\.(.*)$/, '$3/$1$2');
    expect(rules).toContainEqual({ name, verb, resource: resource.includes('.') ? plain : `/${resource}` });
  };

  it.each<[Asked['verb'], string, string]>([
    ['list', 'rollouts', 'rollouts.sluice.dev'],
    ['watch', 'rollouts', 'rollouts.sluice.dev'],
    ['list', 'pods', 'pods'],
    ['watch', 'virtualservices', 'virtualservices.networking.istio.io'],
  ])('%s %s: not ready, the log names right and rule; ready once it is granted', async (verb, plural, resource) => {
    const before = await snapshot(world);
    proxy.lacks = lacking(verb, plural);
    const started = await controller(proxy.kubeconfigPath);
    const { err } = await started.logged(({ msg }) => msg === 'cannot list or watch Kubernetes objects, trying again');
    const { message } = err as { message: string };
    expectSays(message, [
      `${verb}ing ${plural}: not allowed to ${verb} ${resource}; an RBAC rule for this verb and resource in all namespaces is missing`,
      `cannot ${verb} resource "${plural}"`,
    ]);
    expectGranted(message, verb, resource);
    expect(await started.ready()).toBe(503);
    expect(started.log.some(({ msg }) => msg === 'ready')).toBe(false);
    expect(await snapshot(world)).toEqual(before);
    proxy.lacks = () => false;
    await started.logged(({ msg }) => msg === 'ready');
    expect(await started.ready()).toBe(200);
  });

  it('update leases: it does not lead, the log names right and rule; it leads once that is granted', async () => {
    proxy.lacks = lacking('create', 'leases');
    const started = await controller(proxy.kubeconfigPath, '--leader-elect', 'true');
    const line = await started.logged(({ err }) => JSON.stringify(err ?? '').includes('leases'));
    const { message } = line['err'] as { message: string };
    expectSays(message, ['not allowed to create leases.coordination.k8s.io', 'in namespace sluice-system is missing']);
    expectGranted(message, 'create', 'leases.coordination.k8s.io');
    const app = await world.app('leases', { rate: 1 });
    await app.roll('v1', specOf('leases', 'v1'));
    expect(await app.status()).toBeUndefined();
    proxy.lacks = () => false;
    await app.reaches(({ phase }) => phase === 'Healthy', 'adoption');
  });

  it.each<[Asked['verb'], string, string]>([
    ['patch', 'virtualservices', 'virtualservices.networking.istio.io'],
    ['patch', 'destinationrules', 'destinationrules.networking.istio.io'],
  ])(
    '%s %s: the Rollout names right and rule, no traffic moves; it goes on once that is granted',
    async (verb, plural, resource) => {
      const { app } = await adopted(plural);
      const mesh = await snapshot(world, '/rollouts/', '/events/');
      proxy.lacks = lacking(verb, plural);
      await app.change({ spec: specOf(plural, 'v2') });
      const { message } = await app.reaches(status => status.message.includes('not allowed'), 'the message');
      expectSays(message, [
        `patching ${plural} ${plural}/forecast: not allowed to ${verb} ${resource}; `,
        `in namespace ${plural} is missing`,
      ]);
      expectGranted(message, verb, resource);
      expect(await app.weights()).toEqual({ v1: 100 });
      if (plural === 'destinationrules') expect(await snapshot(world, '/rollouts/', '/events/')).toEqual(mesh);
      proxy.lacks = () => false;
      await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    },
  );

  it('patch rollouts/status: the log names right and rule, no traffic moves; it goes on once that is granted', async () => {
    const { app, started } = await adopted('status');
    const before = await snapshot(world, '/rollouts/', '/events/');
    proxy.lacks = lacking('patch', 'rollouts/status');
    const said = nextLine(started, line => JSON.stringify(line).includes('not allowed'));
    await app.change({ spec: specOf('status', 'v2') });
    const text = JSON.stringify(await said);
    expectSays(text, ['not allowed to patch rollouts/status.sluice.dev', 'in namespace status is missing']);
    expectGranted(text, 'patch', 'rollouts/status.sluice.dev');
    expect(await snapshot(world, '/rollouts/', '/events/')).toEqual(before);
    proxy.lacks = () => false;
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
  });

  const adopted = async (namespace: string): Promise<{ app: App; started: Running }> => {
    const app = await world.app(namespace);
    const config = await write(
      `${namespace}.json`,
      JSON.stringify({
        watchNamespaces: [namespace],
        providers: { prometheus: { default: { url: world.sandbox.urls.prometheus } } },
      }),
    );
    const started = await controller(proxy.kubeconfigPath, '--config', config, '--leader-elect', 'false');
    await app.roll('v1', specOf(namespace, 'v1'));
    await app.reaches(({ phase }) => phase === 'Healthy', 'adoption');
    return { app, started };
  };
});

const specOf = (namespace: string, version: string): object => parse(rolloutFile(namespace, version)).spec;

type Role = {
  readonly metadata: { readonly name: string };
  readonly rules?: readonly { readonly apiGroups: string[]; readonly resources: string[]; readonly verbs: string[] }[];
};

/** One entry for each verb on each resource, which is `group/plural`. */
const rulesIn = (manifests: string) =>
  parseAllDocuments(manifests)
    .map(document => document.toJS() as Role)
    .flatMap(({ metadata: { name }, rules = [] }) =>
      rules.flatMap(({ apiGroups: [group = ''], resources, verbs }) =>
        resources.flatMap(plural => verbs.map(verb => ({ name, verb, resource: `${group}/${plural}` }))),
      ),
    );
